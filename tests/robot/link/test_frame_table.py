"""A picture's number on the wire leads back to when it was captured, and its RTP time to its number."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from robot.link.frame_table import KEEP, TICKS_PER_FRAME, FrameTable, first_index, rtp_ticks
from robot.media.counter import FrameCounter


@given(st.integers(0, 2**32 // TICKS_PER_FRAME), st.integers(0, 2**32 - 1))
def test_a_page_finds_the_number_from_the_rtp_time(number: int, origin: int) -> None:
    ticks = rtp_ticks(number, origin)
    assert 0 <= ticks < 2**32
    assert (ticks - origin) % 2**32 / TICKS_PER_FRAME == number


def test_rtp_times_go_on_evenly_for_ever() -> None:
    late = 10 * 2**32 // TICKS_PER_FRAME
    assert (rtp_ticks(late + 1, 5) - rtp_ticks(late, 5)) % 2**32 == TICKS_PER_FRAME


@given(st.floats(0, 1e8))
def test_a_session_begins_with_small_numbers_that_are_never_negative(now_s: float) -> None:
    number = FrameCounter().number(now_s) - first_index(now_s)
    assert 0 <= number <= 301


def test_only_the_last_pictures_are_remembered() -> None:
    table = FrameTable()
    for index in range(KEEP + 5):
        table.add(index, index / 30)
    assert table.captured(4) is None
    assert table.captured(5) == 5 / 30
    assert table.captured(KEEP + 4) == (KEEP + 4) / 30


def test_what_is_new_since_last_time_is_told_once() -> None:
    table = FrameTable()
    table.add(7, 1.0)
    assert table.since(0) == ((7, 1_000_000),)
    assert table.since(table.count) == ()
    table.add(8, 1.5)
    assert table.since(1) == ((8, 1_500_000),)
