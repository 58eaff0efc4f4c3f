"""Doors between the robot's processes: socket pairs (SOCK_SEQPACKET) that carry whole msgpack messages, never waiting.

The launcher makes the pairs and keeps both ends open, so a restarted child finds its door where it was.  What is said
through a door stands in the `door.py` of the process behind it.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from protocol.errors import Refused

MAX_PACKET = 200_000  # bytes of one message; larger pictures are dropped and counted
BUFFER_BYTES = 1 << 20  # asked of the system for each direction; more than a key frame
_SO_SNDBUFFORCE, _SO_RCVBUFFORCE = 32, 33  # Linux: past the system's limit, for privileged processes

_encoder = msgspec.msgpack.Encoder()


def encode(message: msgspec.Struct) -> bytes:
    return _encoder.encode(message)


def decoder(kinds: Any, whose: str) -> Callable[[bytes], Any]:
    """A function from bytes to one of `kinds`; it raises `Refused("door_message_invalid")` for anything else."""
    known: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(kinds)

    def decode(raw: bytes) -> Any:
        try:
            return known.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Refused("door_message_invalid", f"The packet is no message {whose}: {error}.") from error

    return decode


def door_pair() -> tuple[socket.socket, socket.socket]:
    """Both ends, non-blocking, with room for a few key frames."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, theirs):
        end.setblocking(False)
        _widen(end)
    return ours, theirs


def _widen(end: socket.socket) -> None:
    for forced, plain in ((_SO_SNDBUFFORCE, socket.SO_SNDBUF), (_SO_RCVBUFFORCE, socket.SO_RCVBUF)):
        try:
            end.setsockopt(socket.SOL_SOCKET, forced, BUFFER_BYTES)
        except PermissionError:  # not privileged: what the system allows is enough at ordinary bitrates
            end.setsockopt(socket.SOL_SOCKET, plain, BUFFER_BYTES)


class Door:
    """One end of a pair: whole messages, never waiting.  Safe to send from several threads."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._end = end

    def fileno(self) -> int:
        return self._end.fileno()

    def send(self, message: msgspec.Struct) -> bool:
        """False when it is too big, the other side does not read and the buffer is full, or nobody holds its end."""
        raw = _encoder.encode(message)
        if len(raw) > MAX_PACKET:
            return False
        try:
            self._end.send(raw)
        except (BlockingIOError, ConnectionError):
            return False
        return True

    def packets(self, at_most: int = 64) -> Iterator[bytes]:
        """What has arrived, oldest first, at most `at_most` packets; ends at once when there is nothing."""
        for _ in range(at_most):
            try:
                packet = self._end.recv(MAX_PACKET)
            except (BlockingIOError, ConnectionError):
                return
            if not packet:
                return
            yield packet

    def close(self) -> None:
        self._end.close()
