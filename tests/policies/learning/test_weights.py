"""Which steps count: corrections half of all, what led to them hardly, demonstrations their own share."""

from __future__ import annotations

import numpy as np
import pytest

from policies.learning.weights import BEFORE, CORRECTIONS, classes, sampling

STEP_S = 0.1


def test_a_demonstration_counts_where_somebody_drove() -> None:
    assert classes(["hold", "operator", "script", "hold"], STEP_S).tolist() == [-1, 0, 0, -1]


def test_what_led_to_a_takeover_is_known_and_holding_never_counts() -> None:
    pilots = ["policy"] * 30 + ["operator"] * 10 + ["policy"] * 5
    assert classes(pilots, STEP_S).tolist() == [3] * 15 + [2] * 15 + [1] * 10 + [3] * 5


def test_what_led_to_a_doubt_is_known_however_long_it_held_until_somebody_came() -> None:
    pilots = ["policy"] * 50 + ["hold"] * 50 + ["operator"] * 30 + ["hold"] * 20 + ["operator"] * 5
    found = classes(pilots, STEP_S)
    assert found.tolist() == [3] * 35 + [2] * 15 + [-1] * 50 + [1] * 30 + [-1] * 20 + [1] * 5
    assert sampling(found, np.ones(len(found)))[35:50].sum() == pytest.approx(BEFORE)


def test_a_short_way_of_the_policy_between_two_corrections_led_to_the_second() -> None:
    pilots = ["policy"] * 20 + ["operator"] * 5 + ["policy"] * 10 + ["hold"] * 3 + ["operator"] * 5
    assert classes(pilots, STEP_S).tolist() == [3] * 5 + [2] * 15 + [1] * 5 + [2] * 10 + [-1] * 3 + [1] * 5


def test_corrections_are_half_of_what_is_drawn() -> None:
    kinds = np.array([0] * 800 + [3] * 150 + [2] * 30 + [1] * 20 + [-1] * 100)
    chance = sampling(kinds, np.ones(len(kinds)))
    assert chance.sum() == pytest.approx(1)
    assert chance[kinds == 1].sum() == pytest.approx(CORRECTIONS, rel=0.01)
    assert chance[kinds == 2].sum() == pytest.approx(BEFORE, rel=0.01)
    assert chance[kinds == -1].sum() == 0


def test_an_episode_of_twice_the_weight_is_drawn_twice_as_often() -> None:
    chance = sampling(np.zeros(10, np.int64), np.array([2.0] * 5 + [1.0] * 5))
    assert chance[0] == pytest.approx(2 * chance[9])
