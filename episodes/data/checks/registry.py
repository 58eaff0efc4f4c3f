"""Every check of a decoded episode: name -> function.  Pure: the same recording gives the same findings."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from episodes.data.checks import idle, lag, pictures, still, timing, values
from episodes.data.checks.finding import Finding
from episodes.data.checks.recording import Recording, runs

MOST_OF_A_CODE = 20  # a hostile or a very bad episode must not fill the database

CHECKS: dict[str, Callable[[Recording], list[Finding]]] = {
    "index": lambda recording: index(recording),
    "times rise": timing.rising,
    "times are even": timing.even,
    "no gaps": timing.gapless,
    "numbers": values.numbers,
    "limits": values.limits,
    "jumps": values.jumps,
    "lag": lag.lagging,
    "black pictures": pictures.black,
    "blurred pictures": pictures.blurred,
    "frozen cameras": still.frozen,
    "repeated pictures": still.repeats,
    "idle ends": idle.idle,
}


def index(recording: Recording) -> list[Finding]:
    """`index`: rows are not numbered from 0 on."""
    wrong = runs(recording.index != np.arange(recording.rows))
    if not wrong:
        return []
    sentence = f"Row {wrong[0][0]} bears the number {recording.index[wrong[0][0]]}."
    return [Finding(code="index", severity="reject", sentence=sentence, first=wrong[0][0], last=wrong[-1][1])]


def check(recording: Recording) -> list[Finding]:
    """All findings, in the order of their rows; at most `MOST_OF_A_CODE` of a code and camera, the last of which says how
    many more there are."""
    found: dict[tuple[str, str], list[Finding]] = {}
    for function in CHECKS.values():
        for finding in function(recording):
            found.setdefault((finding.code, finding.camera), []).append(finding)
    kept = [finding for group in found.values() for finding in _fewer(group)]
    return sorted(kept, key=lambda finding: (finding.first, finding.last, finding.code))


def _fewer(group: list[Finding]) -> list[Finding]:
    if len(group) <= MOST_OF_A_CODE:
        return group
    rest = group[MOST_OF_A_CODE - 1 :]
    sentence = f"And {len(rest)} times more, the first: {rest[0].sentence}"
    last = Finding(
        code=rest[0].code,
        severity=rest[0].severity,
        sentence=sentence,
        camera=rest[0].camera,
        first=rest[0].first,
        last=rest[-1].last,
    )
    return [*group[: MOST_OF_A_CODE - 1], last]
