"""Numbers of pictures rise strictly, stay near their time, and go on after a restart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from robot.media.counter import FRAMES_PER_S, FrameCounter


@given(st.lists(st.floats(0.012, 0.055), min_size=1, max_size=300), st.floats(0, 1e6))
def test_numbers_rise_strictly_and_never_fall_behind_time(steps: list[float], start_s: float) -> None:
    counter, now_s, last = FrameCounter(), start_s, -1
    for step in steps:
        number = counter.number(now_s)
        assert number > last
        assert number > now_s * FRAMES_PER_S - 1.001
        last, now_s = number, now_s + step


def test_thirty_pictures_a_second_with_jitter_get_consecutive_numbers() -> None:
    counter = FrameCounter()
    times = [50.0 + i / 30 + (0.012 if i % 2 else -0.012) for i in range(90)]
    numbers = [counter.number(at_s) for at_s in times]
    assert numbers == list(range(numbers[0], numbers[0] + 90))


def test_a_slow_camera_leaves_gaps_that_follow_time() -> None:
    counter = FrameCounter()
    numbers = [counter.number(10.0 + i / 10) for i in range(11)]
    assert numbers == list(range(300, 331, 3))


def test_a_restarted_process_goes_on_where_time_is() -> None:
    before = FrameCounter().number(1000.0)
    assert FrameCounter().number(1002.0) == before + 60
