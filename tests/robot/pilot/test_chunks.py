"""The queue of actions: which one is for now, when the next is asked for, what a new chunk takes over from the old."""

from __future__ import annotations

import numpy as np
import pytest

from protocol.embodiment import Axis
from protocol.errors import Refused
from robot.pilot.chunks import Chunk, ChunkQueue

AXES = (Axis("vx", "m/s", -0.5, 0.5, 5.0), Axis("gripper", "1", 0.0, 1.0, 5.0))


def rising(number: int = 1, start_s: float = 10.0, base: float = 0.0, count: int = 8) -> Chunk:
    """Its i-th action is `base` + i / 100."""
    return Chunk(number, np.array([[base + i / 100, 0.0] for i in range(count)], np.float32), start_s, 0.1)


def queue(execute: int = 2, blend: int = 0) -> ChunkQueue:
    return ChunkQueue(AXES, execute, blend)


def at(queue: ChunkQueue, now_s: float) -> float | None:
    action = queue.at(now_s)
    return None if action is None else pytest.approx(float(action[0]))


def test_an_action_is_for_its_own_moment_and_what_has_passed_is_left_out() -> None:
    asked = queue()
    assert asked.at(10.0) is None and asked.due(10.0)
    asked.add(rising(), 10.12)
    assert [at(asked, now_s) for now_s in (9.99, 10.12, 10.2, 10.799, 10.8)] == [None, 0.01, 0.02, 0.07, None]


def test_a_chunk_dies_a_horizon_after_its_observation_and_not_after_its_arrival() -> None:
    chunk = rising(start_s=10.0)
    assert chunk.dies_s == pytest.approx(10.8)
    asked = queue()
    with pytest.raises(Refused, match="chunk_late"):
        asked.add(chunk, 10.8)
    assert asked.at(10.8) is None
    assert asked.delay_s == pytest.approx(0.8)  # how late it came counts all the same


def test_an_older_observation_does_not_displace_a_newer_one() -> None:
    asked = queue()
    asked.add(rising(2, 10.2), 10.3)
    with pytest.raises(Refused, match="chunk_late"):
        asked.add(rising(1, 10.1), 10.35)
    assert asked.chunk is not None and asked.chunk.number == 2


def test_the_next_is_asked_for_so_early_that_it_comes_when_enough_is_done() -> None:
    asked = queue(execute=3)
    asked.add(rising(start_s=10.0), 10.05)  # took 50 ms
    assert not asked.due(10.05 + 0.3 - 0.051)
    assert asked.due(10.05 + 0.3 - 0.049)
    asked.add(rising(2, 10.3), 10.5)  # this one 200 ms
    assert asked.delay_s == pytest.approx(0.2)
    assert asked.due(10.61) and not asked.due(10.59)


def test_a_long_execution_still_asks_before_the_chunk_ends() -> None:
    asked = queue(execute=50)
    asked.add(rising(start_s=10.0), 10.1)
    assert asked.due(10.71) and not asked.due(10.69)


def test_the_largest_of_the_last_ten_delays_counts() -> None:
    asked = queue()
    asked.add(rising(0, 9.0), 9.3)
    for number in range(1, 11):
        assert asked.delay_s == pytest.approx(0.3)
        asked.add(rising(number, 9.0 + number), 9.05 + number)
    assert asked.delay_s == pytest.approx(0.05)


def test_the_prefix_is_what_will_be_done_and_how_much_of_it_for_certain() -> None:
    asked = queue()
    assert asked.prefix(10.0) == (None, 0)
    asked.add(rising(start_s=10.0), 10.25)
    prefix, certain = asked.prefix(10.4)
    assert prefix is not None and prefix[:, 0] == pytest.approx([0.04, 0.05, 0.06, 0.07])
    assert certain == 2
    prefix, certain = asked.prefix(10.7)
    assert prefix is not None and len(prefix) == 1 and certain == 1
    assert asked.prefix(10.9) == (None, 0)
    asked.clear()
    assert asked.prefix(10.4) == (None, 0)


def test_the_seam_is_the_largest_jump_as_share_of_the_axis_range() -> None:
    asked = queue()
    assert asked.add(rising(start_s=10.0), 10.0) is None
    assert asked.add(rising(2, 10.2, base=0.3), 10.2) == pytest.approx(0.28)
    asked.clear()
    assert asked.add(rising(3, 10.4, base=0.5), 10.4) is None  # nothing was done before it


def test_blending_draws_the_first_actions_to_those_before() -> None:
    plain, blended = queue(blend=0), queue(blend=2)
    for asked in (plain, blended):
        asked.add(rising(start_s=10.0), 10.0)
    assert plain.add(rising(2, 10.2, base=0.3), 10.2) == pytest.approx(0.28)
    assert blended.add(rising(2, 10.2, base=0.3), 10.2) == pytest.approx(0.28 / 3)
    told = [float(blended.at(10.2 + i / 10)[0]) for i in range(3)]  # type: ignore[index]
    assert told == pytest.approx([0.02 + 0.28 / 3, 0.03 + 0.28 * 2 / 3, 0.32])


def test_blending_stops_where_the_old_chunk_ends() -> None:
    asked = queue(blend=4)
    asked.add(rising(start_s=10.0), 10.0)
    asked.add(rising(2, 10.7, base=0.3), 10.75)
    assert at(asked, 10.85) == 0.31


def test_a_chunk_of_one_action_is_one() -> None:
    asked = queue(blend=1)
    asked.add(rising(count=1), 10.05)
    assert at(asked, 10.05) == 0.0 and asked.at(10.1) is None
    assert asked.due(10.06)
