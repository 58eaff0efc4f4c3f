"""One attempt at a task, recorded in lock step: simulated time only, as fast as the machine allows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import msgspec
import numpy as np

from protocol.embodiment import Embodiment
from protocol.row import Row
from protocol.scene import EVENT, SceneReport, SceneThing
from robot.collect.eyes import Eyes
from robot.collect.noise import Noise
from robot.collect.script import Script
from robot.kernel.gate import Gate
from robot.recorder.contents import Happening
from robot.recorder.episode_recorder import EpisodeRecorder
from robot.recorder.ticks import TickMaker

_S = 1_000_000_000


@dataclass(slots=True)
class Due:
    """Something that happens `hz` times a second, from 0 on: `at_ns` is when next."""

    hz: float
    count: int = 0

    @property
    def at_ns(self) -> int:
        return round(self.count * _S / self.hz)

    def before(self, end_ns: int) -> int | None:
        """When it was due, once for each time before `end_ns`; then None."""
        at_ns = self.at_ns
        if at_ns >= end_ns:
            return None
        self.count += 1
        return at_ns


class Attempt:
    """The loop of a robot without its clock: script -> noise -> gate -> world, and the recorder beside it.

    What happens at a time sees the world as its last tick before that time left it.  `done_s` is how long the task has
    been done without a break.
    """

    def __init__(self, script: Script, embodiment: Embodiment, eyes: Eyes, recorder: EpisodeRecorder, noise: Noise) -> None:
        self._script, self._eyes, self._recorder, self._noise = script, eyes, recorder, noise
        self._gate = Gate(embodiment, 1.0 / embodiment.control_hz)
        self._maker = TickMaker(embodiment)
        self._policy, self._control, self._record = (
            Due(hz) for hz in (embodiment.policy_hz, embodiment.control_hz, embodiment.record_hz)
        )
        self._ask = Due(script.hz)
        self._asked = np.zeros(len(embodiment.action))
        self._disturbance = np.zeros(len(embodiment.action))
        self._row: Row | None = None
        self._clamps = 0
        self._told: SceneReport | None = None
        self.now_s = self.done_s = 0.0

    def run(self, started_ns: int) -> bool:
        """Whether the task was done in time.  Ticks go to the recorder, which has been started."""
        world = self._script.world
        tick_ns = round(world.tick_s * _S)
        now_ns = 0
        self._gate.adopt(world.sense().state.tolist())
        while self.now_s < self._script.limit_s and self.done_s < self._script.settle_s:
            self._happen(now_ns, now_ns + tick_ns, started_ns)
            world.advance()
            now_ns += tick_ns
            self.now_s = now_ns / _S
            self.done_s = self.done_s + world.tick_s if self._script.done() else 0.0
        return self.done_s >= self._script.settle_s

    def _happen(self, now_ns: int, end_ns: int, started_ns: int) -> None:
        if self._policy.before(end_ns) is not None:
            self._disturbance = self._noise.next()
            self._tell(now_ns, started_ns)
        if self._ask.before(end_ns) is not None:
            self._asked = np.asarray(self._script.act(), dtype=np.float32)
        if (at_ns := self._control.before(end_ns)) is not None:
            self._act(at_ns, started_ns)
        if (at_ns := self._record.before(end_ns)) is not None:
            self._keep(at_ns, now_ns, started_ns)

    def _tell(self, now_ns: int, started_ns: int) -> None:
        """Where things are, when one of them moved: what models are told besides what cameras see."""
        things = tuple(
            SceneThing(thing.name, (round(x, 3), round(y, 3), round(z, 3)))
            for thing in self._script.world.objects()
            for x, y, z in [thing.position]
        )
        report = SceneReport(things, "simulator")
        if report != self._told:
            self._told = report
            detail = msgspec.to_builtins(report)
            self._recorder.event(Happening(time_ns=started_ns + now_ns, mono_s=now_ns / _S, event=EVENT, detail=detail))

    def _act(self, at_ns: int, started_ns: int) -> None:
        world = self._script.world
        sensed = world.sense()
        asked = self._asked.tolist()
        done, clamps = self._gate.step((self._asked + self._disturbance).tolist(), sensed.tool_m, 0.0)
        world.drive(done)
        self._clamps |= clamps
        self._row = Row(
            self._control.count - 1, at_ns / _S, started_ns + at_ns, "AUTONOMY", "", "script", "", "", 0, 0, 0,
            tuple(sensed.state.tolist()), tuple(asked), tuple(done.tolist()), 0, math.nan,
        )  # fmt: skip

    def _keep(self, at_ns: int, now_ns: int, started_ns: int) -> None:
        assert self._row is not None
        self._row.clamps, self._clamps = self._clamps, 0
        pictures = self._eyes.look(self._script.world, self._script.scene, started_ns + now_ns)
        first = self._record.count == 1
        self._recorder.tick(self._maker.make(at_ns / _S, started_ns + at_ns, self._row, pictures, key=first))
