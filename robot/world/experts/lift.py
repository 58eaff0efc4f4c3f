"""Lift a thing from the table and hold it up."""

from __future__ import annotations

import numpy as np

from robot.world.experts.task import (
    CLOSED,
    Action,
    Assignment,
    Task,
    Truth,
    drawn,
    grasp,
    holds,
    loose,
    place_of,
    spoken,
    towards,
)

HEIGHT_M = 0.14  # above where it stood
ENOUGH_M = 0.10

_SENTENCES = (
    "Lift the {thing}",
    "Pick up the {thing}",
    "Pick the {thing} up from the table",
    "Raise the {thing}",
    "Take the {thing} and lift it",
)


def assign(truth: Truth, rng: np.random.Generator) -> Assignment | None:
    target = drawn(rng, loose(truth))
    x, y, z = place_of(truth, target)
    return Assignment(spoken(rng, _SENTENCES, thing=target), target, (x, y, z), (x, y, z + HEIGHT_M))


def act(truth: Truth, given: Assignment) -> Action:
    if holds(truth, given.target):
        return towards(truth, np.array([*truth.tool[:2], given.goal[2]]), CLOSED)
    return grasp(truth, given.target)


def done(truth: Truth, given: Assignment) -> bool:
    lifted = truth.things[given.target][2] - given.start[2]
    return bool(lifted > ENOUGH_M and holds(truth, given.target))


TASK = Task("lift", "three", 12.0, assign, act, done)
