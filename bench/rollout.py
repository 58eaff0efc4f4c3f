"""A policy in the simulated world, in lock step: no clock, no network, no delay but the one that is asked for.

The gate, the physics, the cameras, what becomes of their pictures on the way and the judge are those of a live robot.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from policies.learning.calibrate import EXECUTE
from policies.serving.pictures import decode
from protocol.embodiment import Embodiment
from protocol.policy import Decision, Observation, Policy, check_decision
from robot.collect.script import TableScript, open_script
from robot.collect.size import resized
from robot.kernel.gate import Gate
from robot.media.encoder import to_i420
from robot.pilot.eyes import to_jpeg
from robot.world.experts.task import Assignment
from robot.world.pictures import Pictures
from robot.world.variation import Variation
from robot.world.wire import SceneState

SIZE = (320, 240)


@dataclass
class Rollout:
    """How one attempt went.  `decisions` with what was seen, newest last; `target_m` where the named thing was then."""

    success: bool = False
    seconds: float = 0.0
    decisions: list[tuple[Observation, Decision]] = field(default_factory=list)
    target_m: list[tuple[float, float, float]] = field(default_factory=list)


def crossed(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8[H, W, 3] as it reaches a policy on the server: through the camera's I420 and a JPEG.  Doubt sees the difference."""
    return decode(to_jpeg(np.asarray(cv2.cvtColor(to_i420(picture), cv2.COLOR_YUV2RGB_I420), np.uint8)), "scene")


class Arena:
    """One world for many attempts at one task."""

    def __init__(self, task: str, embodiment: Embodiment | None = None, world: str = "tabletop") -> None:
        self.script = open_script(world, task)
        own = self.script.world.embodiment
        self.embodiment = embodiment or resized(own, *SIZE)
        self._eyes = {camera.name: Pictures(own.name, camera) for camera in self.embodiment.cameras}
        self.given: Assignment | None = None

    def begin(self, seed: int, draw: int = 1) -> Assignment | None:
        """Scene `seed`; at the tabletop something else is asked for in the same scene with another `draw`."""
        self.given = self.script.begin(seed)
        if draw != 1:
            self.given = self.table.task.assign(self.table.truth(), np.random.default_rng([seed, draw]))
        return self.given

    @property
    def table(self) -> TableScript:
        assert isinstance(self.script, TableScript)
        return self.script

    def place(self) -> tuple[float, float, float]:
        """Where the thing is that it is about, metres."""
        assert self.given is not None
        if isinstance(self.script, TableScript):
            x, y, z = self.script.truth().things[self.given.target].tolist()
            return x, y, z
        return next((thing.position for thing in self.script.world.objects()), self.given.goal)

    def done(self) -> bool:
        assert self.given is not None
        if isinstance(self.script, TableScript):
            return self.script.task.done(self.script.truth(), self.given)
        return self.script.done()

    def ask(self, given: Assignment) -> None:
        """Judged by this from now on."""
        self.given = given

    def vary(self, variation: Variation | None) -> None:
        for eye in self._eyes.values():
            eye.vary(variation)

    def observe(self, instruction: str, now_ns: int) -> Observation:
        world = self.script.world
        qpos, edits = world.look()
        state = SceneState(0, 0, self.script.scene, qpos, edits, [])
        pictures = {name: crossed(eye.draw(state)) for name, eye in self._eyes.items()}
        return Observation(now_ns, self.embodiment.kind, instruction, world.sense().state, pictures)

    def run(
        self,
        policy: Policy,
        instruction: str,
        execute: int = EXECUTE,
        watch: Callable[[Observation, Decision], bool] | None = None,
    ) -> Rollout:
        """Until the judge is content or time is up; `watch` may end it by True."""
        assert self.given is not None
        world, out = self.script.world, Rollout()
        gate = Gate(self.embodiment, 1 / self.embodiment.control_hz)
        gate.adopt(world.sense().state.tolist())
        done_s, chunk, at, tick = 0.0, np.zeros((0, 0), np.float32), 0, 0
        policy_ticks = round(1 / (self.embodiment.policy_hz * world.tick_s))
        control_ticks = round(1 / (self.embodiment.control_hz * world.tick_s))
        while out.seconds < self.script.limit_s and done_s < self.script.settle_s:
            if tick % policy_ticks == 0:
                if at >= min(execute, len(chunk)):
                    observation = self.observe(instruction, int(out.seconds * 1e9))
                    decision = check_decision(policy.act([observation])[0], self.embodiment)
                    out.decisions.append((observation, decision))
                    out.target_m.append(self.place())
                    if watch is not None and watch(observation, decision):
                        break
                    chunk, at = decision.actions, 0
                action, at = chunk[at], at + 1
            if tick % control_ticks == 0:
                asked, _ = gate.step(action.tolist(), world.sense().tool_m, 0.0)
                world.drive(asked)
            world.advance()
            tick += 1
            out.seconds = tick * world.tick_s
            done_s = done_s + world.tick_s if self.done() else 0.0
        out.success = done_s >= self.script.settle_s
        return out

    def close(self) -> None:
        for eye in self._eyes.values():
            eye.close()
