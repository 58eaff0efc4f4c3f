"""Drives the tabletop's tool somewhere by the same velocities that a person or a policy would send."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robot.world.arm import TOOL_DOWN, Pose
from robot.world.tabletop import Tabletop


def twist_to(now: Pose, goal: Pose) -> NDArray[np.float32]:
    """float32[6] towards `goal`, slower the nearer."""
    error = now.error_to(goal)
    return np.concatenate([np.clip(4 * error[:3], -0.3, 0.3), np.clip(4 * error[3:], -1.5, 1.5)]).astype(np.float32)


def go(table: Tabletop, position: tuple[float, float, float], grip: float = 0.0, turn: object = TOOL_DOWN) -> Pose:
    """Until within 1 mm and 1 mrad (at most 5 s), then holds; where the tool came to rest."""
    goal = Pose(np.array(position), np.asarray(turn, dtype=np.float64))
    for _ in range(500):
        if np.abs(table.tool().error_to(goal)).max() < 1e-3:
            break
        table.drive(np.append(twist_to(table.tool(), goal), np.float32(grip)))
        table.advance()
    table.drive(None)
    for _ in range(30):
        table.advance()
    return table.tool()


def grip(table: Tabletop, closed: float) -> None:
    """Opens or closes, and waits half a second."""
    table.drive(np.array([0, 0, 0, 0, 0, 0, closed], dtype=np.float32))
    for _ in range(50):
        table.advance()


def place_of(table: Tabletop, name: str) -> tuple[float, float, float]:
    return next(thing.position for thing in table.objects() if thing.name == name)
