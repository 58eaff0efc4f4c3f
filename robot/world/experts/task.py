"""What a scripted expert is: words, an action from the simulator's truth, and a test whether it is done.  No physics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Action = NDArray[np.float64]  # [A], Embodiment order and units

SPEED_M_S = 0.28  # of the tool; below the arm's limit, so that noise has room
GAIN = 4.0  # 1/s: how fast an error in place is driven to zero
NEAR_M = 0.008  # so near to a thing's middle the fingers can close
GRASPED_N = 2.0  # on the pads
OPEN, CLOSED = 0.0, 1.0


@dataclass(frozen=True, slots=True)
class Truth:
    """What the simulator knows.  Positions [3] m in the base frame; `upright` is the z of a thing's own z axis."""

    tool: Vector
    closed: float
    grip_n: float
    things: dict[str, Vector]
    upright: dict[str, float]


@dataclass(frozen=True, slots=True)
class Assignment:
    """What one episode is about.  `start` and `goal` [3] m: where the target stands and where it should end up; for
    reaching, `goal` is the tool's."""

    instruction: str
    target: str
    start: tuple[float, float, float]
    goal: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Task:
    """`assign` draws what to do, None when this scene does not suit; `act` is the clean action float64[7] at any state,
    also one that noise has led to; `done` is the judge.  All three are pure functions."""

    name: str
    scene: str
    limit_s: float
    assign: Callable[[Truth, np.random.Generator], Assignment | None]
    act: Callable[[Truth, Assignment], Action]
    done: Callable[[Truth, Assignment], bool]


def towards(truth: Truth, place: Vector, grip: float, speed_m_s: float = SPEED_M_S) -> Action:
    """Straight to `place`, slower the nearer, the tool pointing down as it is."""
    velocity = GAIN * (place - truth.tool)
    velocity *= min(1.0, speed_m_s / max(float(np.linalg.norm(velocity)), 1e-9))
    return np.array([*velocity, 0.0, 0.0, 0.0, grip])


def off(truth: Truth, name: str) -> float:
    """Metres between tool and thing, seen from above."""
    return float(np.linalg.norm(truth.things[name][:2] - truth.tool[:2]))


def holds(truth: Truth, name: str) -> bool:
    """Whether the thing is between the closed fingers."""
    return truth.grip_n > GRASPED_N and float(np.linalg.norm(truth.things[name] - truth.tool)) < 0.03


def grasp(truth: Truth, name: str) -> Action:
    """Over the thing, down around it, close: one action of it.  Coming down follows a funnel: the nearer to the thing's
    axis, the lower, so that the fingers never meet its edge."""
    thing = truth.things[name]
    side = off(truth, name)
    low = abs(truth.tool[2] - thing[2]) < 0.008
    if side < NEAR_M and low:
        return towards(truth, thing, CLOSED, 0.05)
    height = float(np.clip(6.0 * (side - 0.006), 0.0, 0.10))
    if height > 0.0 and truth.tool[2] < thing[2] + 0.03:  # beside it and low: up first
        return towards(truth, np.array([*truth.tool[:2], thing[2] + 0.10]), OPEN)
    return towards(truth, np.array([*thing[:2], thing[2] + height]), OPEN)


def loose(truth: Truth) -> list[str]:
    """Names of what can be moved, in a fixed order."""
    return sorted(set(truth.things) - {"tray", "bowl"})


def place_of(truth: Truth, name: str) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in truth.things[name])
    return x, y, z


def drawn(rng: np.random.Generator, choices: list[str]) -> str:
    return choices[int(rng.integers(len(choices)))]


def spoken(rng: np.random.Generator, sentences: tuple[str, ...], **words: str) -> str:
    """One of the ways to say it."""
    return drawn(rng, list(sentences)).format(**words)
