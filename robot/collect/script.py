"""A world and an expert that acts in it: what the collector drives.  Lock step, no clock, no pictures."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from protocol.errors import Refused
from robot.world.experts.metaworld import SENTENCES, metaworld_action, metaworld_expert
from robot.world.experts.registry import table_task
from robot.world.experts.task import Action, Assignment, Task, Truth
from robot.world.truth import table_truth
from robot.world.world import World


class Script(Protocol):
    """`act` is the clean action float64[A] for the world as it is now; `hz` how often it is asked for one."""

    scene: str
    hz: float
    limit_s: float
    settle_s: float  # it is done when it has been done for so long
    noise_steps: int  # so many policy steps are disturbed

    @property
    def world(self) -> World: ...

    @property
    def model(self) -> Any:
        """The compiled model (MjModel) of the world as it is now."""

    def begin(self, seed: int) -> Assignment | None:
        """Resets the world from `seed`; None when that world does not suit the task."""

    def act(self) -> Action: ...

    def done(self) -> bool: ...


class TableScript:
    """A `Script` at the tabletop."""

    settle_s = 0.4
    noise_steps = 14

    def __init__(self, task: Task) -> None:
        from robot.world.tabletop import Tabletop

        self.world = Tabletop()
        self.scene, self.limit_s = task.scene, task.limit_s
        self.hz = self.world.embodiment.policy_hz
        self.task = task
        self._given: Assignment | None = None

    @property
    def model(self) -> Any:
        return self.world.model

    def begin(self, seed: int) -> Assignment | None:
        self.world.reset(seed, self.scene)
        self._given = self.task.assign(self.truth(), np.random.default_rng([seed, 1]))
        return self._given

    def act(self) -> Action:
        assert self._given is not None
        return self.task.act(self.truth(), self._given)

    def done(self) -> bool:
        assert self._given is not None
        return self.task.done(self.truth(), self._given)

    def truth(self) -> Truth:
        return table_truth(self.world)


class MetaWorldScript:
    """A `Script` for one of the package's tasks.  Its experts are made for their own 80 actions a second and overshoot
    at 10, so they are asked at every control tick."""

    limit_s = 8.0
    settle_s = 0.0125  # the package counts a success at once: some of its tasks undo it
    noise_steps = 4  # its tasks are short and its arm is fast

    def __init__(self, task: str) -> None:
        metaworld_expert(task)  # refuses
        from robot.world.metaworld_world import MetaWorld

        self.world = MetaWorld()
        self.scene = task
        self.hz = self.world.embodiment.control_hz
        self._expert: Any = None

    @property
    def model(self) -> Any:
        return self.world.model

    def begin(self, seed: int) -> Assignment | None:
        self.world.reset(seed, self.scene)
        self._expert = metaworld_expert(self.scene)  # some remember where they are in their plan
        goal = next((thing.position for thing in self.world.objects()), (0.0, 0.0, 0.0))
        return Assignment(SENTENCES.get(self.scene, self.scene), "object", goal, goal)

    def act(self) -> Action:
        return metaworld_action(self._expert, self.world.observation)

    def done(self) -> bool:
        return self.world.success


def open_script(world: str, task: str) -> Script:
    """`Refused("world_unknown" | "task_unknown")` naming those there are."""
    if world == "tabletop":
        return TableScript(table_task(task))
    if world == "metaworld":
        return MetaWorldScript(task)
    raise Refused("world_unknown", f"There is no world called {world!r}. Choose tabletop or metaworld.")
