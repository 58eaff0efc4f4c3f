"""The append-only log of one episode: what survives a crash.  Bytes and records; their meaning is in `contents.py`.

File: `MAGIC`, then records of `<4s mark><u32 length><u32 number><u8 kind><payload><u32 crc>`, little endian; `length`
counts the payload, `crc` is CRC-32 of all before it in the record.  By the mark a reader finds what lies behind damage.
"""

from __future__ import annotations

import mmap
import os
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from protocol.errors import Refused

MAGIC = b"REINSLG1"
MARK = b"\xa5REC"
_HEAD = struct.Struct("<4sIIB")
_CRC = struct.Struct("<I")
MAX_PAYLOAD = 64 * 1024 * 1024
SYNC_S = 0.5


class EpisodeLog:
    """Appends records.  Each `append` has left the process when it returns, so only a power cut can lose it.

    A thread brings what was appended to the disk every `sync_s` (0: no thread, only `sync` and `close` do).
    """

    def __init__(self, path: Path, sync_s: float = SYNC_S) -> None:
        """A new file; `Refused("disk")` when it cannot be made."""
        self.path = path
        self.records = 0
        self.size = 0
        self.broken = ""
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise Refused("disk", f"{path} cannot be made: {error.strerror}.") from error
        try:
            self._write(MAGIC)
        except Refused:
            os.close(self._fd)
            path.unlink()
            raise
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sync_often, args=(sync_s,), name="log-sync", daemon=True)
        if sync_s:
            self._thread.start()

    def append(self, kind: int, payload: bytes) -> None:
        """`Refused("disk")` when it does not fit; then the record is not in the file and none may follow."""
        body = _HEAD.pack(MARK, len(payload), self.records, kind) + payload
        self._write(body + _CRC.pack(zlib.crc32(body)))
        self.records += 1

    def sync(self) -> None:
        """Everything appended is on the disk when this returns."""
        try:
            os.fdatasync(self._fd)
        except OSError as error:
            self.broken = error.strerror or str(error)
            raise Refused("disk", f"{self.path.name} cannot be brought to the disk: {self.broken}.") from error

    def close(self) -> None:
        """Ends the thread and brings all to the disk."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        try:
            self.sync()
        finally:
            os.close(self._fd)

    def _write(self, data: bytes) -> None:
        if self.broken:
            raise Refused("disk", f"{self.path.name} cannot grow: {self.broken}.")
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError as error:
            self.broken = error.strerror or str(error)
            os.ftruncate(self._fd, self.size)
            os.lseek(self._fd, self.size, os.SEEK_SET)
            raise Refused("disk", f"{self.path.name} cannot grow: {self.broken}.") from error
        self.size += len(data)

    def _sync_often(self, every_s: float) -> None:
        while not self._ended.wait(every_s):
            try:
                os.fdatasync(self._fd)
            except OSError as error:
                self.broken = error.strerror or str(error)
                return


@dataclass(frozen=True, slots=True)
class Record:
    number: int
    kind: int
    payload: bytes
    offset: int  # of its mark in the file


@dataclass(frozen=True, slots=True)
class Damage:
    """Where reading stopped short of the end.  `torn`: an unfinished end; otherwise bytes inside have changed."""

    offset: int
    record: int
    torn: bool

    @property
    def sentence(self) -> str:
        if self.torn:
            return f"The log ends inside record {self.record} at byte {self.offset}; everything before it is whole."
        return f"Record {self.record} at byte {self.offset} does not match its checksum: it was changed after writing."


class LogReader:
    """Reads a log from its start, record by record; `damage` says after the last one whether anything was wrong."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damage: Damage | None = None

    def __iter__(self) -> Iterator[Record]:
        """`Refused("log_unreadable")` when the file is no log at all."""
        with open(self.path, "rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise Refused("log_unreadable", f"{self.path.name} is not an episode log.")
            size = os.fstat(file.fileno()).st_size
            offset, number = len(MAGIC), 0
            while offset < size:
                record = _record(file.read(_HEAD.size), file.read, number, offset)
                if record is None:
                    self.damage = Damage(offset, number, torn=not self._whole_record_after(offset + 1))
                    return
                yield record
                offset, number = file.tell(), number + 1

    def _whole_record_after(self, offset: int) -> bool:
        """Whether a whole record lies behind `offset`: then the break is damage, not an unfinished write."""
        with open(self.path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            at = data.find(MARK, offset)
            while 0 <= at <= len(data) - _HEAD.size:
                _, length, _, _ = _HEAD.unpack_from(data, at)
                end = at + _HEAD.size + length
                if end + _CRC.size <= len(data) and _CRC.unpack_from(data, end)[0] == zlib.crc32(data[at:end]):
                    return True
                at = data.find(MARK, at + 1)
        return False


def _record(head: bytes, read: Callable[[int], bytes], number: int, offset: int) -> Record | None:
    if len(head) < _HEAD.size:
        return None
    mark, length, found, kind = _HEAD.unpack(head)
    if mark != MARK or found != number or length > MAX_PAYLOAD:
        return None
    rest = read(length + _CRC.size)
    if len(rest) < length + _CRC.size:
        return None
    payload = rest[:length]
    if _CRC.unpack_from(rest, length)[0] != zlib.crc32(payload, zlib.crc32(head)):
        return None
    return Record(number, kind, payload, offset)
