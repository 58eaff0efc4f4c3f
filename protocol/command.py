"""The binary messages of the data channel `control` (browser to robot, little endian): commands, heartbeats, probes, stops.

Layout: u8 version, u8 kind, u8 axes, u8 flags (bit 0 deadman), u32 epoch, u32 seq, u32 n, u64 sent_us, u32 seen_frame, f32[axes].
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from protocol.errors import Refused

VERSION = 1
COMMAND, HEARTBEAT, PROBE, STOP = range(4)
DEADMAN = 1  # bit of `flags`
MAX_AXES = 64
NO_FRAME = 0xFFFFFFFF  # seen_frame of a page that has shown no picture yet
_HEAD = struct.Struct("<BBBBIIIQI")
HEAD_SIZE = _HEAD.size  # 28 bytes


@dataclass(frozen=True, slots=True)
class Command:
    """One datagram.  `n` counts per (lease, kind); `sent_us` is on the sender's own clock; `seen_frame` is the index of the
    main camera's picture shown last; `values` are in Embodiment units, empty unless kind is COMMAND."""

    kind: int
    flags: int
    epoch: int
    seq: int
    n: int
    sent_us: int
    seen_frame: int
    values: tuple[float, ...] = ()

    @property
    def deadman(self) -> bool:
        return bool(self.flags & DEADMAN)


def pack(command: Command) -> bytes:
    """Bytes of `HEAD_SIZE` + 4 per axis."""
    head = _HEAD.pack(
        VERSION, command.kind, len(command.values), command.flags, command.epoch, command.seq, command.n,
        command.sent_us, command.seen_frame,
    )  # fmt: skip
    return head + struct.pack(f"<{len(command.values)}f", *command.values)


def unpack(raw: bytes) -> Command:
    """Raises `Refused`: `command_size`, `command_version`, `command_kind`.  Values are not judged here; the kernel does that."""
    if not HEAD_SIZE <= len(raw) <= HEAD_SIZE + 4 * MAX_AXES:
        raise Refused("command_size", f"A command has {HEAD_SIZE} to {HEAD_SIZE + 4 * MAX_AXES} bytes, not {len(raw)}.")
    version, kind, axes, flags, epoch, seq, n, sent_us, seen = _HEAD.unpack_from(raw)
    if version != VERSION:
        raise Refused("command_version", f"Commands of version {version} are not known here; this robot speaks {VERSION}.")
    if kind not in (COMMAND, HEARTBEAT, PROBE, STOP):
        raise Refused("command_kind", f"Command kind {kind} is not known.")
    if len(raw) != HEAD_SIZE + 4 * axes:
        raise Refused("command_size", f"A command of {axes} axes has {HEAD_SIZE + 4 * axes} bytes, not {len(raw)}.")
    return Command(kind, flags, epoch, seq, n, sent_us, seen, struct.unpack_from(f"<{axes}f", raw, HEAD_SIZE))
