"""The trace of a run: one line of JSON for each report of the robot, in the order in which they came.  Append-only; no Django.

A line is the `RunReport` without what belongs to the wire, and `heard_ns`, when the server heard it.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import msgspec

from protocol.runs import RunReport

MOST = 64 << 20  # bytes of one trace; what comes after is not kept
PIECE = 256 << 10  # bytes that are handed out at once
_LAST = 128 << 10  # a line is shorter


def line(report: RunReport, heard_ns: int = 0) -> bytes:
    """With its line end."""
    known: dict[str, Any] = msgspec.to_builtins(report)
    kept = {name: value for name, value in known.items() if name not in ("v", "id", "type") and value not in ("", None, [])}
    return msgspec.json.encode({"heard_ns": heard_ns or time.time_ns(), **kept}) + b"\n"


def append(path: Path, raw: bytes) -> bool:
    """False when the trace is full.  A line that a crash cut is ended first, so that it spoils no other."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        size = os.fstat(fd).st_size
        if size + len(raw) > MOST:
            return False
        if size and os.pread(fd, 1, size - 1) != b"\n":
            raw = b"\n" + raw
        os.write(fd, raw)
        return True
    finally:
        os.close(fd)


def last(path: Path) -> dict[str, Any] | None:
    """The newest line that can be read."""
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _LAST))
            lines = file.read().split(b"\n")
    except FileNotFoundError:
        return None
    for raw in reversed(lines):
        if (read := _read(raw)) is not None:
            return read
    return None


def began_ns(path: Path) -> int:
    """When the robot said its first word of the run, by its own clock; 0 when it has said none."""
    try:
        with open(path, "rb") as file:
            first = _read(file.readline(_LAST).rstrip(b"\n"))
    except FileNotFoundError:
        return 0
    return int(first.get("time_ns", 0)) if first else 0


def _read(raw: bytes) -> dict[str, Any] | None:
    try:
        found = msgspec.json.decode(raw) if raw else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("n"), int) else None


def piece(path: Path, at: int) -> tuple[bytes, int]:
    """Whole lines from byte `at` on, at most `PIECE` bytes and at least one line where there is one; and where to go on."""
    try:
        with open(path, "rb") as file:
            file.seek(at)
            raw = file.read(PIECE)
            while raw and b"\n" not in raw and (more := file.read(PIECE)):
                raw += more
    except FileNotFoundError:
        return b"", at
    end = raw.rfind(b"\n") + 1
    return raw[:end], at + end
