"""Put a thing into the tray and leave it there."""

from __future__ import annotations

import numpy as np

from robot.world.experts.task import (
    CLOSED,
    OPEN,
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

CARRY_M = 0.12  # height of the tool on the way
RELEASE_M = 0.034  # height of the tool when the fingers open: the thing then stands on the tray's floor
INSIDE_M = 0.06  # of the tray's middle, along x and y
LOW_M = 0.045
CLEAR_M = 0.06  # the tool has left it

_SENTENCES = (
    "Put the {thing} in the tray",
    "Place the {thing} in the tray",
    "Drop the {thing} into the tray",
    "Move the {thing} to the tray",
    "Take the {thing} and put it into the tray",
)


def assign(truth: Truth, rng: np.random.Generator) -> Assignment | None:
    target = drawn(rng, loose(truth))
    x, y, _ = place_of(truth, "tray")
    return Assignment(spoken(rng, _SENTENCES, thing=target), target, place_of(truth, target), (x, y, RELEASE_M))


def act(truth: Truth, given: Assignment) -> Action:
    if _inside(truth, given):
        return _leave(truth, given)
    if not holds(truth, given.target):
        return grasp(truth, given.target)
    side = float(np.linalg.norm(np.array(given.goal[:2]) - truth.tool[:2]))
    height = given.goal[2] + float(np.clip(4.0 * (side - 0.01), 0.0, CARRY_M - given.goal[2]))
    if truth.tool[2] < min(height, 0.07):  # too low to pass the rim: up first
        return towards(truth, np.array([*truth.tool[:2], CARRY_M]), CLOSED)
    return towards(truth, np.array([*given.goal[:2], height]), CLOSED)


def done(truth: Truth, given: Assignment) -> bool:
    clear = truth.tool[2] - truth.things[given.target][2] > CLEAR_M
    return bool(_inside(truth, given) and clear)


def _inside(truth: Truth, given: Assignment) -> bool:
    offset = np.abs(truth.things[given.target][:2] - np.array(given.goal[:2]))
    return bool((offset < INSIDE_M).all() and truth.things[given.target][2] < LOW_M)


def _leave(truth: Truth, given: Assignment) -> Action:
    """Down as far as it goes while the fingers are closed, then open, then up."""
    if truth.grip_n > 0.5 and truth.tool[2] < truth.things[given.target][2] + 0.03:
        lower = np.array([*truth.tool[:2], min(truth.tool[2], given.goal[2])])
        return towards(truth, lower, OPEN, 0.1)
    return towards(truth, np.array([*truth.tool[:2], CARRY_M]), OPEN)


TASK = Task("place", "three", 15.0, assign, act, done)
