"""Push a thing to the arm's left or right with closed fingers."""

from __future__ import annotations

import numpy as np

from robot.world.experts.task import (
    CLOSED,
    GAIN,
    Action,
    Assignment,
    Task,
    Truth,
    Vector,
    loose,
    place_of,
    spoken,
    towards,
)

DISTANCE_M = 0.11
ENOUGH_M = 0.08
ASIDE_M = 0.04
TOO_FAR_M = 0.18
REACH_Y_M = 0.30  # the tool comes so far to each side
SPEED_M_S = 0.14

_BEHIND_M = 0.075  # where the fingers come down, from the thing's middle
_CLEAR_M = 0.075  # from the line of the push to anything else's middle
_LOW_M = 0.035  # of the tool: low enough to push
_SENTENCES = (
    "Push the {thing} to the {side}",
    "Slide the {thing} to the {side}",
    "Push the {thing} {side}",
    "Shove the {thing} to the {side}",
    "Move the {thing} to the {side} by pushing it",
)


def assign(truth: Truth, rng: np.random.Generator) -> Assignment | None:
    """A thing and a side where nothing is in the way; None when there is none."""
    choices = [(name, way) for name in loose(truth) for way in (1.0, -1.0) if _free(truth, name, way)]
    if not choices:
        return None
    target, way = choices[int(rng.integers(len(choices)))]
    x, y, z = place_of(truth, target)
    words = spoken(rng, _SENTENCES, thing=target, side="left" if way > 0 else "right")
    return Assignment(words, target, (x, y, z), (x, y + way * DISTANCE_M, z))


def act(truth: Truth, given: Assignment) -> Action:
    way = _way(given)
    thing = truth.things[given.target]
    left = (given.goal[1] - thing[1]) * way  # metres still to push
    behind = (thing[1] - truth.tool[1]) * way
    aside = truth.tool[0] - thing[0]
    low = truth.tool[2] < _LOW_M
    if left <= 0.0:
        return np.array([0, 0, 0, 0, 0, 0, CLOSED], dtype=np.float64)
    if low and behind > 0.025 and abs(aside) < 0.02:
        return _push(truth, thing, way, left)
    start = np.array([thing[0], thing[1] - way * _BEHIND_M])
    return _come_down(truth, start, float(thing[2]))


def done(truth: Truth, given: Assignment) -> bool:
    moved = truth.things[given.target] - np.array(given.start)
    along = moved[1] * _way(given)
    return bool(ENOUGH_M < along < TOO_FAR_M and abs(moved[0]) < ASIDE_M and truth.upright[given.target] > 0.9)


def _way(given: Assignment) -> float:
    return 1.0 if given.goal[1] > given.start[1] else -1.0


def _push(truth: Truth, thing: Vector, way: float, left: float) -> Action:
    """Along the line, the fingers kept behind the thing's middle; slower towards the end."""
    speed = min(SPEED_M_S, 0.04 + GAIN * left)
    velocity = np.array([GAIN * (thing[0] - truth.tool[0]), way * speed, GAIN * (thing[2] - truth.tool[2])])
    return np.array([*np.clip(velocity, -SPEED_M_S, SPEED_M_S), 0.0, 0.0, 0.0, CLOSED])


def _come_down(truth: Truth, start: Vector, height: float) -> Action:
    """Over the place behind the thing and down, in a funnel."""
    side = float(np.linalg.norm(start - truth.tool[:2]))
    above = float(np.clip(6.0 * (side - 0.01), 0.0, 0.09))
    if above > 0.0 and truth.tool[2] < height + 0.045:  # beside it and low: up first
        return towards(truth, np.array([*truth.tool[:2], height + 0.09]), CLOSED)
    return towards(truth, np.array([*start, height + above]), CLOSED)


def _free(truth: Truth, name: str, way: float) -> bool:
    """Whether the fingers have room behind the thing, and the thing and the fingers all the way."""
    x, y, _ = place_of(truth, name)
    first, last = y - way * (_BEHIND_M + 0.02), y + way * (DISTANCE_M + 0.05)
    if max(abs(first), abs(y + way * DISTANCE_M)) > REACH_Y_M:
        return False
    low, high = min(first, last), max(first, last)
    for other, place in truth.things.items():
        reach = 0.115 if other == "tray" else _CLEAR_M
        if other != name and abs(place[0] - x) < reach and low - reach < place[1] < high + reach:
            return False
    return True


TASK = Task("push", "three", 12.0, assign, act, done)
