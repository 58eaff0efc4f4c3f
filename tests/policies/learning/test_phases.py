"""Phases of a movement: ends at the gripper's commands and at turns, and what each phase is called."""

from __future__ import annotations

import numpy as np

from policies.learning.phases import SUBTASKS, ends, subtasks, waypoints

HZ = 10.0


def straight(start: list[float], end: list[float], steps: int) -> np.ndarray:
    return np.linspace(start, end, steps)


def lift() -> tuple[np.ndarray, np.ndarray]:
    """Over in 10 steps, standing 3 while closing, up in 8."""
    over, up = straight([0.5, 0, 0.2], [0.6, 0.1, 0.02], 10), straight([0.6, 0.1, 0.03], [0.6, 0.1, 0.2], 8)
    tool = np.concatenate([over, np.tile([0.6, 0.1, 0.02], (3, 1)), up])
    return tool, np.array([0.0] * 10 + [1.0] * 11)


def test_a_lift_is_approach_grasp_and_carry() -> None:
    tool, grip = lift()
    found = ends(tool, grip, HZ)
    assert found == [9, 20]
    names = [SUBTASKS[index] for index in subtasks(tool, grip, found)]
    assert names[:10] == ["approach"] * 10
    assert set(names[10:13]) == {"grasp"}
    assert set(names[14:]) == {"carry"}


def test_each_row_is_told_where_its_own_phase_went() -> None:
    tool, grip = lift()
    told = waypoints(tool, ends(tool, grip, HZ))
    assert np.allclose(told[:10], [0.6, 0.1, 0.02])
    assert np.allclose(told[10:], [0.6, 0.1, 0.2])


def test_a_push_that_comes_from_behind_has_a_turn() -> None:
    tool = np.concatenate([straight([0.5, 0, 0.1], [0.6, -0.1, 0.02], 12), straight([0.6, -0.09, 0.02], [0.6, 0.15, 0.02], 14)])
    found = ends(tool, None, HZ)
    assert len(found) == 2
    assert abs(found[0] - 11) <= 2


def test_a_disturbed_approach_stays_one_phase() -> None:
    """Half of its steps go up to 12 mm astray, as in demonstrations that show how to come back."""
    rng = np.random.default_rng(1)
    for _ in range(50):
        tool = straight([0.5, 0, 0.2], [0.65, 0.15, 0.05], 20)
        tool[:14] += (
            np.cumsum(rng.normal(0, 0.012, (14, 3)) * (rng.random((14, 1)) < 0.5), axis=0) * np.linspace(1, 0, 14)[:, None]
        )
        assert ends(tool, np.zeros(20), HZ) == [19]


def test_a_shaking_hand_makes_no_phases() -> None:
    rng = np.random.default_rng(0)
    tool = straight([0.5, 0, 0.1], [0.7, 0.0, 0.1], 40) + rng.normal(0, 0.001, (40, 3))
    assert ends(tool, np.zeros(40), HZ) == [39]


def test_who_stands_still_holds() -> None:
    tool = np.tile([0.5, 0, 0.2], (10, 1))
    assert [SUBTASKS[i] for i in subtasks(tool, np.zeros(10), ends(tool, np.zeros(10), HZ))] == ["hold"] * 10


def test_without_tool_and_gripper_there_are_no_phases() -> None:
    assert ends(None, None, HZ) == []
