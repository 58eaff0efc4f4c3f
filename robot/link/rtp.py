"""The bytes of one viewer's RTP stream: RFC 3550, header extensions of RFC 8285, repeats of RFC 4588.  No network."""

from __future__ import annotations

import secrets
import struct
from dataclasses import dataclass

HISTORY = 512  # packets that can be repeated, 2 s or more at ordinary bitrates
_HEAD = struct.Struct(">BBHLL")
_EXTENDED = 0x90  # version 2, with a header extension
_PLAIN = 0x80
_ONE_BYTE = 0xBEDE


@dataclass(frozen=True, slots=True)
class Format:
    """What was negotiated.  Extension ids are None where the browser did not offer them; `repeat_type` too."""

    payload_type: int
    ssrc: int
    repeat_type: int | None
    repeat_ssrc: int
    mid: str
    mid_id: int | None
    send_time_id: int | None
    playout_delay_id: int | None


@dataclass(frozen=True, slots=True)
class _Sent:
    sequence: int
    ticks: int
    marker: int
    payload: bytes


class RtpStream:
    """Numbers and wraps payloads; `packets` and `octets` count what was sent, for sender reports."""

    def __init__(self, form: Format) -> None:
        self._form = form
        self._sequence = secrets.randbelow(1 << 15)  # SRTP starts best far from the numbers' end
        self._repeat_sequence = secrets.randbelow(1 << 15)
        self._history: list[_Sent | None] = [None] * HISTORY
        self.packets = self.octets = 0

    def picture(self, ticks: int, payloads: list[bytes], unix_s: float) -> list[bytes]:
        """The packets of one picture, the marker on the last.  `ticks` is the RTP time; `unix_s` when it is sent."""
        form, extension = self._form, self._extension(unix_s)
        first = _EXTENDED if extension else _PLAIN
        packets = []
        for i, payload in enumerate(payloads):
            marker = 0x80 if i == len(payloads) - 1 else 0
            sequence = self._sequence
            self._sequence = (sequence + 1) & 0xFFFF
            self._history[sequence % HISTORY] = _Sent(sequence, ticks, marker, payload)
            head = _HEAD.pack(first, marker | form.payload_type, sequence, ticks, form.ssrc)
            packets.append(head + extension + payload)
            self.octets += len(payload)
        self.packets += len(payloads)
        return packets

    def repeat(self, sequence: int, unix_s: float) -> bytes | None:
        """A packet that the viewer misses, once more; None when it is too old or the browser takes no repeats."""
        sent = self._history[sequence % HISTORY]
        if sent is None or sent.sequence != sequence or self._form.repeat_type is None:
            return None
        extension = self._extension(unix_s)
        number = self._repeat_sequence
        self._repeat_sequence = (number + 1) & 0xFFFF
        kind = sent.marker | self._form.repeat_type
        head = _HEAD.pack(_EXTENDED if extension else _PLAIN, kind, number, sent.ticks, self._form.repeat_ssrc)
        return head + extension + struct.pack(">H", sequence) + sent.payload

    def _extension(self, unix_s: float) -> bytes:
        """Media id, send time (6.18 fixed point seconds) and playout delay 0..0: shown as soon as it is decoded."""
        form = self._form
        parts = []
        if form.mid_id is not None and 0 < len(form.mid) <= 16:
            parts.append(_element(form.mid_id, form.mid.encode()))
        if form.send_time_id is not None:
            parts.append(_element(form.send_time_id, (int(unix_s * (1 << 18)) & 0xFFFFFF).to_bytes(3, "big")))
        if form.playout_delay_id is not None:
            parts.append(_element(form.playout_delay_id, bytes(3)))
        body = b"".join(parts)
        if not body:
            return b""
        body += bytes(-len(body) % 4)
        return struct.pack(">HH", _ONE_BYTE, len(body) // 4) + body


def _element(id: int, value: bytes) -> bytes:
    return bytes([id << 4 | len(value) - 1]) + value
