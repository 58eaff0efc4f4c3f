"""A world and an expert that acts in it: what the collector drives.  Lock step, no clock, no pictures."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from protocol.errors import Refused
from robot.world.experts.registry import table_task
from robot.world.experts.task import Action, Assignment, Task, Truth
from robot.world.world import World


class Script(Protocol):
    """`act` is the clean action float64[A] for the world as it is now; `hz` how often it is asked for one."""

    scene: str
    hz: float
    limit_s: float

    @property
    def world(self) -> World: ...

    def begin(self, seed: int) -> Assignment | None:
        """Resets the world from `seed`; None when that world does not suit the task."""

    def act(self) -> Action: ...

    def done(self) -> bool: ...


class TableScript:
    """A `Script` at the tabletop."""

    def __init__(self, task: Task) -> None:
        from robot.world.tabletop import Tabletop

        self.world = Tabletop()
        self.scene, self.limit_s = task.scene, task.limit_s
        self.hz = self.world.embodiment.policy_hz
        self._task = task
        self._given: Assignment | None = None

    def begin(self, seed: int) -> Assignment | None:
        self.world.reset(seed, self.scene)
        self._given = self._task.assign(self.truth(), np.random.default_rng([seed, 1]))
        return self._given

    def act(self) -> Action:
        assert self._given is not None
        return self._task.act(self.truth(), self._given)

    def done(self) -> bool:
        assert self._given is not None
        return self._task.done(self.truth(), self._given)

    def truth(self) -> Truth:
        return table_truth(self.world)


def table_truth(world: Any) -> Truth:
    """What the simulator knows about its tabletop."""
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


def open_script(world: str, task: str) -> Script:
    """`Refused("world_unknown" | "task_unknown")` naming those there are."""
    if world == "tabletop":
        return TableScript(table_task(task))
    raise Refused("world_unknown", f"There is no world called {world!r}. Choose tabletop or metaworld.")
