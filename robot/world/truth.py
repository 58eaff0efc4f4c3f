"""What the simulator knows of its tabletop, as experts and judges take it."""

from __future__ import annotations

from typing import Any

import numpy as np

from robot.world.experts.task import Truth


def table_truth(world: Any) -> Truth:
    """Of a `Tabletop`, now."""
    state = dict(zip((q.name for q in world.embodiment.state), world.sense().state.tolist(), strict=True))
    objects = world.objects()
    return Truth(
        tool=world.tool().position,
        closed=state["gripper"],
        grip_n=state["grip_force"],
        things={thing.name: np.array(thing.position) for thing in objects},
        upright={thing.name: _upright(thing.quaternion) for thing in objects},
    )


def _upright(quaternion: tuple[float, float, float, float]) -> float:
    """The z of a body's own z axis: 1 when it stands, 0 when it lies on its side."""
    _, x, y, _ = quaternion
    return 1.0 - 2.0 * (x * x + y * y)
