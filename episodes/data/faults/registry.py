"""Every kind of fault that can be put into a good episode, to measure what the checks find: name -> function.

Each is made at its least visible that counts as one: `inject` draws where, and says where it went.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from episodes.data.faults import columns, files, pictures, times
from episodes.data.faults.copy import Copy, open_copy, write_copy
from episodes.data.faults.fault import Fault

FAULTS: dict[str, Callable[[Copy, np.random.Generator], Fault]] = {
    "frozen": pictures.frozen,
    "black": pictures.black,
    "blurred": pictures.blurred,
    "dropped_silently": pictures.dropped_silently,
    "dropped_flagged": pictures.dropped_flagged,
    "dropped_rows": times.dropped_rows,
    "jump": columns.jump,
    "lag": times.lag,
    "jitter": times.jitter,
    "time_backwards": times.backwards,
    "not_a_number": columns.not_a_number,
    "infinite": columns.infinite,
    "limit": columns.limit,
    "count_mismatch": files.count_mismatch,
    "truncated": files.truncated,
    "schema_mismatch": files.schema_mismatch,
    "idle_head": times.idle_head,
    "idle_tail": times.idle_tail,
    "duplicate": files.duplicate,
    "near_duplicate": files.near_duplicate,
}


def inject(source: Path, parent: Path, kind: str, seed: int) -> tuple[Path, Fault] | None:
    """A new episode folder under `parent` that is `source` with one fault; None where there is no place for it (a camera
    cannot freeze while nothing moves)."""
    copy = open_copy(source)
    fault = FAULTS[kind](copy, np.random.default_rng([seed, sorted(FAULTS).index(kind)]))
    if not fault.made:
        return None
    return write_copy(copy, parent, fault.claimed_rows), fault
