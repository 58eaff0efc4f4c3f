"""A picture's number on the wire leads back to when it was captured, and its RTP time to its number."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from robot.link.frame_table import KEEP, TICKS_PER_FRAME, WRAP, FrameTable, on_wire, rtp_ticks


@given(st.integers(0, 10**9), st.integers(0, 2**32 - 1))
def test_a_page_finds_the_number_from_the_rtp_time(index: int, origin: int) -> None:
    ticks = rtp_ticks(index, origin)
    assert 0 <= ticks < 2**32
    assert (ticks - origin) % 2**32 / TICKS_PER_FRAME == on_wire(index)


def test_only_the_last_pictures_are_remembered() -> None:
    table = FrameTable()
    for index in range(KEEP + 5):
        table.add(index, index / 30)
    assert table.captured(4) is None
    assert table.captured(5) == 5 / 30
    assert table.captured(KEEP + 4) == (KEEP + 4) / 30


def test_numbers_go_on_after_they_start_again() -> None:
    table = FrameTable()
    table.add(WRAP - 1, 10.0)
    table.add(WRAP, 10.1)
    assert table.captured(0) == 10.1
    assert table.captured(WRAP - 1) == 10.0


def test_what_is_new_since_last_time_is_told_once() -> None:
    table = FrameTable()
    table.add(7, 1.0)
    assert table.since(0) == ((7, 1_000_000),)
    assert table.since(table.count) == ()
    table.add(8, 1.5)
    assert table.since(1) == ((8, 1_500_000),)
