"""What the launcher tells the link about the robot's processes: restarts and CPU.  One small mailbox, once a second."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

FILE = "vitals"
BYTES = 4096
_TICKS_HZ = os.sysconf("SC_CLK_TCK")


class Vitals(msgspec.Struct, frozen=True):
    """`cpu_pct` of one core, all processes of the robot together; `restarts` by process name."""

    cpu_pct: float | None
    restarts: dict[str, int]


_encoder, _decoder = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(Vitals)


def encode(vitals: Vitals) -> bytes:
    return _encoder.encode(vitals)


def decode(raw: bytes) -> Vitals:
    return _decoder.decode(raw)


def cpu_s(pids: Iterable[int]) -> float:
    """CPU seconds (user and system) these processes have used; those that are gone count as nothing."""
    ticks = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS_HZ


class CpuMeter:
    """CPU use between two looks."""

    def __init__(self) -> None:
        self._last: tuple[float, float] | None = None  # (now_s, used_s)

    def look(self, now_s: float, used_s: float) -> float | None:
        """Per cent of one core since the last look; None at the first, or when a process has gone in between."""
        last, self._last = self._last, (now_s, used_s)
        if last is None or now_s <= last[0] or used_s < last[1]:
            return None
        return 100.0 * (used_s - last[1]) / (now_s - last[0])
