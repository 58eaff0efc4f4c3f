"""A mailbox holds the newest value one process wrote for others, and when.

No queue, no lock: readers never delay the writer.
"""

from __future__ import annotations

import zlib
from pathlib import Path

from protocol.errors import Refused
from robot.shared_file import HEADER_BYTES, WORD, SharedFile, create_shared_file, padded

_KIND = b"mailbox "
_COPIES = 4  # the writer turns through them, so a killed writer leaves the value before whole
_SLOT_WORDS = 3  # length, mono_s, crc
_COUNT = 4  # header word: how many values were ever put
_TRIES = 100


class Mailbox:
    """One writer, any number of readers, in different processes.  A restarted writer opens the file and goes on."""

    def __init__(self, path: Path | str) -> None:
        self._file = SharedFile(Path(path), _KIND)
        self.size = self._file.parameters[0]
        self._stride = _SLOT_WORDS * WORD + padded(self.size)

    @classmethod
    def create(cls, path: Path | str, size: int) -> Mailbox:
        """A new empty mailbox for values of at most `size` bytes."""
        body = _COPIES * (_SLOT_WORDS * WORD + padded(size))
        create_shared_file(Path(path), _KIND, (size, 0, 0), body)
        return cls(path)

    @classmethod
    def open(cls, path: Path | str) -> Mailbox:
        """An existing mailbox; `Refused("shared_file_unreadable")` when there is none."""
        return cls(path)

    def put(self, value: bytes, mono_s: float) -> None:
        """Replaces the value; `mono_s` says when it was true.  `Refused("mailbox_too_big")` when it does not fit."""
        if len(value) > self.size:
            raise Refused("mailbox_too_big", f"{len(value)} bytes do not fit in a mailbox of {self.size}.")
        words = self._file.words
        count = words[_COUNT]
        start = HEADER_BYTES + count % _COPIES * self._stride
        word = start // WORD
        body = start + _SLOT_WORDS * WORD
        words[word] = len(value)
        self._file.reals[word + 1] = mono_s
        self._file.data[body : body + len(value)] = value
        words[word + 2] = self._sum(start, value)
        words[_COUNT] = count + 1

    def get(self) -> tuple[bytes, float] | None:
        """The newest value and its `mono_s`, or None while nothing was put (or no whole value could be read)."""
        for _ in range(_TRIES):
            count = self._file.words[_COUNT]
            if count == 0:
                return None
            found = self._read(count - 1)
            if found is not None and self._file.words[_COUNT] <= count + _COPIES - 2:
                return found
        return None

    def count(self) -> int:
        """How many values were ever put: a cheap way to see that there is a new one."""
        return self._file.words[_COUNT]

    def age_s(self, now_s: float) -> float:
        """Seconds since the newest value was true; infinite while there is none."""
        found = self.get()
        return float("inf") if found is None else now_s - found[1]

    def close(self) -> None:
        self._file.close()

    def _read(self, index: int) -> tuple[bytes, float] | None:
        start = HEADER_BYTES + index % _COPIES * self._stride
        word, body = start // WORD, start + _SLOT_WORDS * WORD
        length, mono_s, crc = self._file.words[word], self._file.reals[word + 1], self._file.words[word + 2]
        if length > self.size:
            return None
        value = bytes(self._file.data[body : body + length])
        return (value, mono_s) if self._sum(start, value) == crc else None

    def _sum(self, start: int, value: bytes) -> int:
        """Over length, mono_s and value: where CPUs reorder stores, the counter alone proves no whole value."""
        return zlib.crc32(value, zlib.crc32(self._file.data[start : start + 2 * WORD]))
