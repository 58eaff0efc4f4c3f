"""Which prompt comes next, and when a campaign will be done."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from episodes.data.balance import Standing, forecast, furthest_behind

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def test_the_prompt_furthest_behind_its_goal_is_next_whatever_its_size() -> None:
    assert furthest_behind([Standing("lift", 100, 30), Standing("push", 10, 4)]) == "lift"
    assert furthest_behind([Standing("lift", 100, 50), Standing("push", 10, 4)]) == "push"


def test_of_equals_the_first_is_next() -> None:
    assert furthest_behind([Standing("lift", 10, 0), Standing("push", 20, 0)]) == "lift"


def test_a_take_on_its_way_counts_already() -> None:
    assert furthest_behind([Standing("lift", 10, 0, coming=1), Standing("push", 10, 0)]) == "push"
    assert furthest_behind([Standing("lift", 1, 0, coming=1)]) is None


def test_what_somebody_else_is_at_is_left_to_them_while_there_is_other_work() -> None:
    assert furthest_behind([Standing("lift", 10, 0, busy=True), Standing("push", 10, 9)]) == "push"
    assert furthest_behind([Standing("lift", 10, 0, busy=True), Standing("push", 10, 10)]) == "lift"


def test_when_all_are_busy_the_furthest_behind_is_shared() -> None:
    assert furthest_behind([Standing("lift", 10, 5, busy=True), Standing("push", 10, 1, busy=True)]) == "push"


def test_a_goal_of_nothing_is_never_next() -> None:
    assert furthest_behind([Standing("lift", 0, 0)]) is None
    assert furthest_behind([]) is None


@pytest.mark.parametrize("operators", [1, 3])
def test_goals_fill_evenly_and_exactly(operators: int) -> None:
    """However many take turns, no goal is passed and no prompt runs ahead of another by more than they hold."""
    goals = {"lift": 60, "push": 30, "place": 10}
    have = dict.fromkeys(goals, 0)
    for _ in range(sum(goals.values()) // operators):
        at: list[str] = []
        for _ in range(operators):
            chosen = furthest_behind([Standing(id, goal, have[id], at.count(id), id in at) for id, goal in goals.items()])
            if chosen is not None:
                at.append(chosen)
        for id in at:
            have[id] += 1
        assert all(have[id] <= goals[id] for id in goals)
    if operators == 1:
        assert have == goals


def test_the_forecast_is_at_the_rate_of_the_last_three_days() -> None:
    seen = forecast(30, 20, NOW - timedelta(days=9), NOW, date(2026, 3, 6))
    assert (seen.per_day, seen.done_at, seen.late) == (10.0, NOW + timedelta(days=2), False)
    assert forecast(30, 30, NOW - timedelta(days=9), NOW, date(2026, 3, 6)).late is True


def test_the_last_day_is_whole() -> None:
    opened = NOW - timedelta(days=9)
    assert forecast(3, 2, opened, NOW, date(2026, 3, 6)).late is False  # noon of the 6th
    assert forecast(3, 2, opened, NOW, date(2026, 3, 5)).late is True


def test_a_campaign_of_ten_minutes_does_not_promise_the_moon() -> None:
    assert forecast(2, 10, NOW - timedelta(minutes=10), NOW, None).per_day == pytest.approx(48)


def test_without_a_take_nothing_is_foretold_but_a_day_that_is_past_is_late() -> None:
    seen = forecast(0, 5, NOW - timedelta(days=1), NOW, date(2026, 3, 9))
    assert (seen.done_at, seen.late) == (None, None)
    assert forecast(0, 5, NOW - timedelta(days=1), NOW, date(2026, 3, 3)).late is True
    assert forecast(5, 0, NOW - timedelta(days=1), NOW, date(2026, 3, 3)).late is None
