"""Latched stop sources on disk: written in the same step as the stop, so that no kill can lose them.  Nothing else."""

from __future__ import annotations

from pathlib import Path

import msgspec

from robot.mailbox import Mailbox

MAX_SOURCE = 100  # characters of one source that are kept
_SIZE = 64 * 1024
UNREADABLE = "latch"  # stands in for sources that can no longer be read: rather one stop too many


class Latch:
    """A memory-mapped file: what was written outlives the process, and after the launcher's fsync a power cut."""

    def __init__(self, path: Path) -> None:
        self._box = Mailbox.open(path) if path.exists() else Mailbox.create(path, _SIZE)

    def read(self) -> tuple[str, ...]:
        """The latched sources, oldest first."""
        if self._box.count() == 0:
            return ()
        found = self._box.get()
        if found is None:
            return (UNREADABLE,)
        return msgspec.msgpack.decode(found[0], type=tuple[str, ...])

    def write(self, sources: tuple[str, ...], mono_s: float) -> None:
        self._box.put(msgspec.msgpack.encode(sources), mono_s)

    def close(self) -> None:
        self._box.close()
