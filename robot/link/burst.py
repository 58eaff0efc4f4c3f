"""The packets of one picture in as few system calls as the kernel allows: UDP segmentation, where Linux offers it.

One call for each packet is what most of a viewer's share of the CPU went to.  Knows sockets, no WebRTC library.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Sequence
from typing import Any

_UDP_SEGMENT = 103  # linux/udp.h; Python has no name for it
_MOST_SEGMENTS, _MOST_BYTES = 64, 60_000  # UDP_MAX_SEGMENTS of older kernels; a datagram's own limit is 65,507


def runs(packets: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Neighbours that can go in one call: all of one size, only the last may be smaller."""
    first = 0
    for i in range(1, len(packets) + 1):
        size = len(packets[first])
        if (
            i == len(packets)
            or i - first == _MOST_SEGMENTS
            or (i - first + 1) * size > _MOST_BYTES
            or len(packets[i]) > size
            or len(packets[i - 1]) < size
        ):
            yield packets[first:i]
            first = i


class Burst:
    """Sends through `transport`, an asyncio datagram transport or one that relays (which has no socket of its own)."""

    def __init__(self, transport: Any) -> None:
        self.transport = transport
        raw = getattr(transport, "_sock", None)  # the public socket object of a transport cannot send
        self._socket = raw if isinstance(raw, socket.socket) and raw.type == socket.SOCK_DGRAM else None

    def send(self, packets: Sequence[bytes], address: tuple[Any, ...]) -> None:
        for run in runs(packets):
            if len(run) == 1 or not self._send_together(run, address):
                for packet in run:
                    self.transport.sendto(packet, address)

    def _send_together(self, run: Sequence[bytes], address: tuple[Any, ...]) -> bool:
        """False when nothing was sent: the transport then does it, and waits where it must."""
        if self._socket is None or self.transport.get_write_buffer_size():
            return False
        size = struct.pack("=H", len(run[0]))
        try:
            self._socket.sendmsg(run, [(socket.IPPROTO_UDP, _UDP_SEGMENT, size)], 0, address)
        except BlockingIOError:
            return False
        except OSError:  # the kernel or this network device cannot; a broken path shows itself in the transport
            self._socket = None
            return False
        return True
