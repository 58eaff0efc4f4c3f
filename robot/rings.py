"""A ring of the newest records one process wrote.  It never waits for a reader; a reader learns how many it missed."""

from __future__ import annotations

import zlib
from pathlib import Path

from protocol.errors import Refused
from robot.shared_file import HEADER_BYTES, WORD, SharedFile, create_shared_file, padded

_KIND = b"ring    "
_SLOT_WORDS = 3  # stamp (index + 1), length, crc
_HEAD = 4  # header word: how many records were ever pushed


class Ring:
    """One writer, any number of readers.  A restarted writer opens the file and goes on where it was."""

    def __init__(self, path: Path | str) -> None:
        self._file = SharedFile(Path(path), _KIND)
        self.slots, self.slot_size, _ = self._file.parameters
        self._stride = _SLOT_WORDS * WORD + padded(self.slot_size)

    @classmethod
    def create(cls, path: Path | str, slots: int, slot_size: int) -> Ring:
        """A new empty ring of `slots` records of at most `slot_size` bytes; readers can be `slots - 1` behind."""
        body = slots * (_SLOT_WORDS * WORD + padded(slot_size))
        create_shared_file(Path(path), _KIND, (slots, slot_size, 0), body)
        return cls(path)

    @classmethod
    def open(cls, path: Path | str) -> Ring:
        """An existing ring; `Refused("shared_file_unreadable")` when there is none."""
        return cls(path)

    @property
    def head(self) -> int:
        """How many records were ever pushed."""
        return self._file.words[_HEAD]

    def push(self, record: bytes) -> None:
        """Adds a record in place of the oldest; `Refused("ring_record_too_big")` when it does not fit."""
        if len(record) > self.slot_size:
            raise Refused("ring_record_too_big", f"{len(record)} bytes do not fit in a slot of {self.slot_size}.")
        words, head = self._file.words, self.head
        start = HEADER_BYTES + head % self.slots * self._stride
        word, body = start // WORD, start + _SLOT_WORDS * WORD
        words[word] = 0  # whoever reads the old record now sees it go
        words[word + 1] = len(record)
        self._file.data[body : body + len(record)] = record
        words[word + 2] = zlib.crc32(record, (head + 1) & 0xFFFFFFFF)
        words[word] = head + 1
        words[_HEAD] = head + 1

    def reader(self, oldest: bool = False) -> RingReader:
        """A reader of what is pushed from now on, or of everything still held when `oldest`."""
        return RingReader(self, max(0, self.head - self.slots + 1) if oldest else self.head)

    def record(self, index: int) -> bytes | None:
        """Record number `index` (counted from 0), or None when it is not there, gone, or being overwritten."""
        words = self._file.words
        start = HEADER_BYTES + index % self.slots * self._stride
        word, body = start // WORD, start + _SLOT_WORDS * WORD
        length = words[word + 1]
        if words[word] != index + 1 or length > self.slot_size:
            return None
        record, crc = bytes(self._file.data[body : body + length]), words[word + 2]
        return record if zlib.crc32(record, (index + 1) & 0xFFFFFFFF) == crc and words[word] == index + 1 else None

    def close(self) -> None:
        self._file.close()


class RingReader:
    """Remembers how far it has read; `position` is the index of the next record."""

    def __init__(self, ring: Ring, position: int) -> None:
        self._ring = ring
        self.position = position

    def read(self, at_most: int | None = None) -> tuple[list[bytes], int]:
        """The records since the last call, oldest first (at most `at_most`), and how many were missed."""
        head = self._ring.head
        first = max(self.position, head - self._ring.slots + 1)
        missed = first - self.position
        last = head if at_most is None else min(head, first + at_most)
        records = []
        for index in range(first, last):
            record = self._ring.record(index)
            if record is None:
                missed += 1
            else:
                records.append(record)
        self.position = last
        return records, missed
