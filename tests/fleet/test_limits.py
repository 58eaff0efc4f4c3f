"""Rates, windows and used ids, with the time passed in."""

from __future__ import annotations

from fleet.limits import Ids, Rate, Window


def test_a_rate_allows_a_burst_of_its_size_and_then_its_share() -> None:
    rate = Rate(10)
    assert [rate.take(0.0) for _ in range(11)] == [True] * 10 + [False]
    assert not rate.take(0.05)
    assert rate.take(1.0)


def test_a_reader_that_keeps_up_is_never_stuck() -> None:
    window = Window(size=2, patience_s=8.0)
    for second in range(100):
        assert window.open() and not window.stuck(float(second))
        window.acknowledge(window.send(float(second)))


def test_a_reader_that_stops_gets_no_more_and_is_dropped_after_the_patience() -> None:
    window = Window(size=2, patience_s=8.0)
    window.send(0.0)
    window.send(1.0)
    assert not window.open()
    assert not window.stuck(8.0) and window.stuck(8.1)


def test_acknowledging_one_acknowledges_those_before_it() -> None:
    window = Window(size=3)
    for _ in range(3):
        window.send(0.0)
    window.acknowledge(2)
    assert window.open() and window.stuck(100.0)
    window.acknowledge(99)
    assert not window.stuck(100.0)


def test_an_id_is_fresh_once() -> None:
    ids = Ids(most=2)
    assert [ids.fresh(id) for id in ("a", "a", "b", "c")] == [True, False, True, True]
    assert not ids.fresh("c")
