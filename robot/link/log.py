"""The robot's transition log: append-only lines that survive a killed process, kept until the server has chained them.

Not the recording of an episode: this says who might move the robot, when and why.
"""

from __future__ import annotations

import contextlib
import os
import threading
import zlib
from collections import deque
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from protocol.errors import Refused
from protocol.robot_link import LogEntry
from protocol.wire import MAX_MESSAGE
from robot.durable import sync

FOLDER = "log"
BATCH_BYTES = MAX_MESSAGE * 3 // 4  # of one message to the server; the rest is room for its frame
_ENTRY_BYTES = 16 * 1024
_MANY = 100


class _Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """First line of a piece: where numbers go on, so that older pieces can be dropped."""

    next: int
    last_event: tuple[int, int]


class TransitionLog:
    """Entries are numbered from 1 for ever, in pieces (files) named after their first number.

    A line is `crc32 json`.  It is in the page cache when `append` returns and on the disk after `sync`, and only then
    given to the server: a number is never used for two entries.  `append` and `confirmed` never wait for the disk.
    `last_event` is (epoch, n) of the newest kernel event in it, so that none is logged twice.
    """

    def __init__(self, folder: Path, piece_bytes: int = 256 * 1024) -> None:
        self._folder, self._piece_bytes = folder, piece_bytes
        self._pending: deque[tuple[LogEntry, int]] = deque()  # not confirmed: (entry, bytes)
        self.next_n, self.last_event = 1, (0, 0)
        self.damaged = 0  # lines that could not be read
        self.trouble = ""  # why it cannot be written now, as a sentence
        self._syncing = threading.Lock()  # taken only where the disk is waited for
        folder.mkdir(parents=True, exist_ok=True)
        for piece in self._pieces():
            self._load(piece)
        self._size = 0
        self._open: list[int] = []  # file descriptors not yet synced for the last time; the last one is written to
        self._begin_piece()
        self.sync()
        sync(folder)

    @property
    def waiting(self) -> int:
        """Entries the server has not confirmed."""
        return len(self._pending)

    def append(
        self, time_ns: int, event: str, *, kernel_n: int | None = None, detail: dict[str, Any] | None = None,
        actor: str = "", reason: str = "", before: str = "", after: str = "", epoch: int = 0, seq: int = 0,
    ) -> LogEntry:  # fmt: skip
        """Adds an entry.  `kernel_n`: it is event number n of kernel epoch `epoch`."""
        named = {} if kernel_n is None else {"event_n": kernel_n}
        entry = LogEntry(
            n=self.next_n, time_ns=time_ns, event=event, actor=actor, reason=reason, before=before, after=after,
            epoch=epoch, seq=seq, detail={**(detail or {}), **named},
        )  # fmt: skip
        if len(msgspec.json.encode(entry)) > _ENTRY_BYTES:
            entry = msgspec.structs.replace(entry, detail={**named, "too_long": True})
        if self._size > self._piece_bytes and not self.trouble:
            self._begin_piece()
        self._remember(entry, self._write(entry))
        return entry

    def sync(self) -> int:
        """Brings everything to the disk; takes as long as the disk does, so not on an event loop.

        Gives the number of the last entry that is there.
        """
        with self._syncing:
            through, descriptors = self.next_n - 1, list(self._open)
            for fd in descriptors:
                with self._noticing():
                    os.fdatasync(fd)
            for fd in descriptors[:-1]:
                self._open.remove(fd)
                os.close(fd)
            return through

    def batch(self, through: int) -> tuple[LogEntry, ...]:
        """The oldest unconfirmed entries up to number `through`, as many as fit in one message."""
        found: list[LogEntry] = []
        size = 0
        for entry, length in self._pending:
            if entry.n > through or len(found) >= _MANY or size + length > BATCH_BYTES:
                break
            found.append(entry)
            size += length
        return tuple(found)

    def confirmed(self, through: int) -> None:
        """The server has everything up to number `through`."""
        while self._pending and self._pending[0][0].n <= through:
            self._pending.popleft()
        if self.next_n <= through:  # this log lost its end (an older disk, say): never use those numbers again
            self.next_n = through + 1
            self._begin_piece()
        pieces = self._pieces()
        for piece, following in pairwise(pieces):
            if int(following.stem) - 1 <= through:
                piece.unlink()

    def close(self) -> None:
        self.sync()
        os.close(self._open.pop())

    def _pieces(self) -> list[Path]:
        return sorted(path for path in self._folder.glob("*.jsonl") if path.stem.isdigit())

    def _begin_piece(self) -> None:
        """Each start of the program begins one too, so that nothing is ever written behind a torn line."""
        path = self._folder / f"{self.next_n:012d}.jsonl"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        self._open.append(os.open(path, flags, 0o600))  # one of this name holds no entry
        self._size, self._torn = 0, False
        self._write(_Head(self.next_n, self.last_event))

    def _write(self, record: msgspec.Struct) -> int:
        raw = msgspec.json.encode(record)
        line = b"%s%08x %s\n" % (b"\n" if self._torn else b"", zlib.crc32(raw), raw)
        written = 0
        with self._noticing():
            written = os.write(self._open[-1], line)
            self._size += written
        self._torn = written < len(line)
        return len(line)

    @contextlib.contextmanager
    def _noticing(self) -> Iterator[None]:
        """A full disk must not end the link: the server still gets the entry, and its word on where numbers go on
        (`confirmed`) keeps them from being used twice."""
        try:
            yield
        except OSError as error:
            self.trouble = f"The transition log cannot be written: {error.strerror}."
        else:
            self.trouble = ""

    def _remember(self, entry: LogEntry, length: int) -> None:
        self.next_n = entry.n + 1
        self._pending.append((entry, length))
        event_n = entry.detail.get("event_n")
        if isinstance(event_n, int):
            self.last_event = (entry.epoch, event_n)

    def _load(self, piece: Path) -> None:
        head, *lines = piece.read_bytes().split(b"\n")
        if not lines:  # killed before its first line was whole
            return
        try:
            begin = msgspec.json.decode(_checked(head), type=_Head)
            self._fill_gap(begin.next)
            self.last_event = max(self.last_event, begin.last_event)
        except Refused:
            self.damaged += 1
        for line in lines[:-1]:  # what follows the last line end is torn, and nobody was told of it
            try:
                entry = msgspec.json.decode(_checked(line), type=LogEntry)
            except Refused:
                self.damaged += 1
                continue
            self._fill_gap(entry.n)
            if entry.n == self.next_n:
                self._remember(entry, len(line) + 1)

    def _fill_gap(self, n: int) -> None:
        """Damaged lines keep their numbers, so that the server's chain has no hole but says so."""
        if not self._pending:
            self.next_n = max(self.next_n, n)
        while self.next_n < n:
            self._remember(LogEntry(n=self.next_n, time_ns=0, event="log_damaged"), 128)


def _checked(line: bytes) -> bytes:
    """The JSON of a line; `Refused("log_damaged")` when it is not what was written."""
    crc, _, raw = line.partition(b" ")
    if crc != b"%08x" % zlib.crc32(raw):
        raise Refused("log_damaged", "A line of the transition log is not what was written.")
    return raw
