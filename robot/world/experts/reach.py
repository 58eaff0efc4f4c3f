"""Bring the open gripper over a thing without touching it."""

from __future__ import annotations

import numpy as np

from robot.world.experts.task import OPEN, Action, Assignment, Task, Truth, Vector, drawn, loose, place_of, spoken, towards

ABOVE_M = 0.06
ENOUGH_M = 0.012
TOUCHED_M = 0.02

_SENTENCES = (
    "Reach the {thing}",
    "Move to the {thing}",
    "Go to the {thing}",
    "Move the gripper over the {thing}",
    "Hover above the {thing}",
)


def assign(truth: Truth, rng: np.random.Generator) -> Assignment | None:
    target = drawn(rng, loose(truth))
    x, y, z = place_of(truth, target)
    return Assignment(spoken(rng, _SENTENCES, thing=target), target, (x, y, z), (x, y, z + ABOVE_M))


def act(truth: Truth, given: Assignment) -> Action:
    return towards(truth, _over(truth, given), OPEN)


def done(truth: Truth, given: Assignment) -> bool:
    touched = np.linalg.norm(truth.things[given.target] - np.array(given.start)) > TOUCHED_M
    return bool(np.linalg.norm(truth.tool - _over(truth, given)) < ENOUGH_M and not touched)


def _over(truth: Truth, given: Assignment) -> Vector:
    x, y, z = place_of(truth, given.target)
    return np.array([x, y, z + ABOVE_M])


TASK = Task("reach", "three", 8.0, assign, act, done)
