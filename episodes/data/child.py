"""The process that examines one episode: `python -m episodes.data.child FOLDER POSTER COLUMNS MOST_S`.  No Django.

Files of strangers are decoded here, under limits of memory, time and file size, and nothing is listened to but the files.
Every line on standard output is JSON: `{"progress": 0.5}`, then `{"examined": ...}` or `{"failed": "why"}`.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from episodes.data.examine import Examined, examine

MOST_MEMORY = 6 * 1024**3  # of addresses; libraries take 2 of them
MOST_FILE = 4 * 1024**3
_PR_SET_PDEATHSIG = 1


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    progress: float | None = None
    examined: Examined | None = None
    failed: str = ""


def main(argv: Sequence[str]) -> int:
    folder, poster, columns, most_s = Path(argv[0]), Path(argv[1]), Path(argv[2]), int(argv[3])
    _confine(most_s)
    try:
        examined = examine(folder, poster, columns, lambda share: _say(Line(progress=round(share, 3))))
    except (OSError, MemoryError) as error:
        _say(Line(failed=f"{type(error).__name__}: {error}"))
        return 1
    _say(Line(examined=examined))
    return 0


def _confine(most_s: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    os.nice(5)  # pages and live control come first
    for what, most in (
        (resource.RLIMIT_AS, MOST_MEMORY),
        (resource.RLIMIT_FSIZE, MOST_FILE),
        (resource.RLIMIT_CPU, most_s),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def _say(line: Line) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
