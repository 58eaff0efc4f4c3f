"""Which steps count: corrections half of all, what led to them hardly, demonstrations their own share."""

from __future__ import annotations

import numpy as np
import pytest

from policies.learning.weights import BEFORE, CORRECTIONS, classes, sampling

STEP_S = 0.1


def test_a_demonstration_counts_where_somebody_drove() -> None:
    assert classes(["hold", "operator", "script", "hold"], STEP_S).tolist() == [-1, 0, 0, -1]


def test_what_led_to_a_takeover_is_known_and_holding_never_counts() -> None:
    pilots = ["policy"] * 30 + ["hold"] * 5 + ["operator"] * 10 + ["policy"] * 5
    found = classes(pilots, STEP_S).tolist()
    assert found[:20] == [3] * 20
    assert found[20:30] == [2] * 10  # 15 steps before the takeover, of which 5 were held
    assert found[30:35] == [-1] * 5
    assert found[35:45] == [1] * 10
    assert found[45:] == [3] * 5


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
