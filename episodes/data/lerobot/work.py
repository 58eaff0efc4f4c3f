"""What the steps of an export share: what was asked for, how far it is, whether to stop, and when a disk is full."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import av
import pyarrow as pa

from protocol.errors import Refused

Progress = Callable[[int, int], None]
Cancelled = Callable[[], bool]
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class Options:
    """`copy`: packets as they were recorded where that is possible.  `split`: "train", "validation" or "" for both.

    `names`: people's names go along.  `workers`: pictures of so many cameras are made side by side.
    """

    codec: str = "h264"
    copy: bool = False
    split: str = ""
    names: bool = False
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)


class Ticker:
    """Counts rows over all threads.  Only the calling thread tells, so that a listener may use a database."""

    def __init__(self, total: int, progress: Progress, cancelled: Cancelled) -> None:
        self._total, self._progress, self._cancelled = total, progress, cancelled
        self._lock = threading.Lock()
        self._done = 0.0
        self._stopped = False

    def tick(self, rows: float) -> None:
        """From any thread; raises `Refused("cancelled")` once the work was stopped."""
        if self._stopped:
            raise Refused("cancelled", "The export was cancelled. Started again, it goes on where it was.")
        with self._lock:
            self._done += rows

    def tell(self) -> None:
        """From the calling thread; raises `Refused("cancelled")` when somebody asked for the end."""
        if self._cancelled():
            self.stop()
        self.tick(0)
        self._progress(min(self._total, round(self._done)), self._total)

    def stop(self) -> None:
        """Threads that still work end at their next tick."""
        self._stopped = True


@contextmanager
def room(folder: Path) -> Iterator[None]:
    """A disk without room becomes `Refused("storage_full")`; what was finished stays, so that nothing is done twice."""
    try:
        yield
    except (OSError, av.FFmpegError, pa.ArrowException) as error:
        if getattr(error, "errno", None) in _NO_ROOM or "No space left" in str(error):
            sentence = f"The disk of {folder} is full. Free some room and start again: it goes on where it stopped."
            raise Refused("storage_full", sentence) from error
        raise
