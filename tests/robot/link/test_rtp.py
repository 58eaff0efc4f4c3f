"""The bytes of a viewer's stream, read back with aiortc's own parser."""

from __future__ import annotations

import itertools
from dataclasses import replace

from aiortc.rtp import RtpPacket, unpack_header_extensions, unwrap_rtx

from robot.link.rtp import HISTORY, Format, RtpStream

FORMAT = Format(
    payload_type=102, ssrc=0xCAFE, repeat_type=103, repeat_ssrc=0xBEEF,
    mid="0", mid_id=1, send_time_id=3, playout_delay_id=4,
)  # fmt: skip


def parsed(raw: bytes) -> RtpPacket:
    return RtpPacket.parse(raw)


def test_a_picture_is_numbered_and_its_last_packet_marked() -> None:
    packets = [parsed(raw) for raw in RtpStream(FORMAT).picture(9000, [b"one", b"two", b"three"], 1.0)]
    assert [packet.payload for packet in packets] == [b"one", b"two", b"three"]
    assert [packet.marker for packet in packets] == [0, 0, 1]
    first = packets[0].sequence_number
    assert [packet.sequence_number for packet in packets] == [first, first + 1, first + 2]
    assert {(packet.timestamp, packet.ssrc, packet.payload_type) for packet in packets} == {(9000, 0xCAFE, 102)}


def test_every_packet_asks_to_be_shown_without_delay() -> None:
    (raw,) = RtpStream(FORMAT).picture(0, [b"x"], 1.5)
    words = int.from_bytes(raw[14:16], "big")
    found = dict(unpack_header_extensions(int.from_bytes(raw[12:14], "big"), raw[16 : 16 + 4 * words]))
    assert found == {1: b"0", 3: int(1.5 * 2**18).to_bytes(3, "big"), 4: bytes(3)}


def test_a_browser_without_extensions_gets_none() -> None:
    plain = replace(FORMAT, mid_id=None, send_time_id=None, playout_delay_id=None)
    (raw,) = RtpStream(plain).picture(0, [b"x"], 1.0)
    assert raw[0] == 0x80
    assert raw[12:] == b"x"


def test_a_lost_packet_is_repeated_on_its_own_stream() -> None:
    stream = RtpStream(FORMAT)
    lost = parsed(stream.picture(9000, [b"one", b"two"], 1.0)[0])
    raw = stream.repeat(lost.sequence_number, 2.0)
    assert raw is not None
    repeated = parsed(raw)
    assert (repeated.ssrc, repeated.payload_type) == (0xBEEF, 103)
    original = unwrap_rtx(repeated, payload_type=102, ssrc=0xCAFE)
    assert (original.sequence_number, original.payload) == (lost.sequence_number, b"one")


def test_what_is_too_old_or_was_never_sent_is_not_repeated() -> None:
    stream = RtpStream(FORMAT)
    old = parsed(stream.picture(0, [b"x"], 1.0)[0]).sequence_number
    stream.picture(1, [b"y"] * HISTORY, 1.0)
    assert stream.repeat(old, 2.0) is None
    assert stream.repeat(old + 5000 & 0xFFFF, 2.0) is None


def test_a_browser_that_takes_no_repeats_gets_none() -> None:
    stream = RtpStream(replace(FORMAT, repeat_type=None))
    sent = parsed(stream.picture(0, [b"x"], 1.0)[0])
    assert stream.repeat(sent.sequence_number, 2.0) is None


def test_sequence_numbers_wrap() -> None:
    stream = RtpStream(FORMAT)
    numbers = [parsed(raw).sequence_number for _ in range(70) for raw in stream.picture(0, [b"x"] * 1000, 1.0)]
    assert all((after - before) % 65536 == 1 for before, after in itertools.pairwise(numbers))
    assert stream.packets == 70_000
    assert stream.octets == 70_000
