"""Records one demonstration after the other, each from its own seed.  The world, the cameras and the recorder stay."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from protocol.collect import Result
from protocol.embodiment import Embodiment
from robot.collect.attempt import Attempt
from robot.collect.eyes import Eyes
from robot.collect.noise import SIGMA, Noise
from robot.collect.script import Script
from robot.recorder.episode_recorder import About, EpisodeRecorder
from robot.recorder.finalise import Home
from robot.version import PROGRAM
from robot.world.variation import Variable, draw_variation


class Collector:
    """`embodiment` says the picture size; `utc_ns` when an episode began: inside it time is the simulator's."""

    def __init__(
        self, script: Script, embodiment: Embodiment, home: Path, robot: str, about: dict[str, Any], utc_ns: Callable[[], int]
    ) -> None:
        self._script, self._embodiment, self._about, self._utc_ns = script, embodiment, about, utc_ns
        self._variable: Variable | None = None
        self._eyes = Eyes(embodiment.name, embodiment)
        self._recorder = EpisodeRecorder(Home(home), About(robot, embodiment, PROGRAM), sync_s=0)
        self._forget_attempts()

    def collect(self, seed: int, keep_failure: bool = False) -> Result:
        """An attempt and, if it is to be kept, its episode folder.  Refused: `disk_full`, `disk`."""
        given = self._script.begin(seed)
        if given is None:
            return Result(seed, "unsuited")
        world = {**self._about, "scene": self._script.scene, "seed": seed, "target": given.target, "noise": SIGMA}
        world |= self._vary(seed)
        self._recorder.about = About(self._recorder.about.robot, self._embodiment, PROGRAM, world)
        started_ns = self._utc_ns()
        self._recorder.start(given.instruction, started_ns)
        attempt = Attempt(self._script, self._embodiment, self._eyes, self._recorder, self._noise(seed))
        try:
            done = attempt.run(started_ns)
        except BaseException:
            self._recorder.discard().unlink()
            raise
        if not done and not keep_failure:
            self._recorder.discard().unlink()
            return Result(seed, "failure")
        outcome: Literal["success", "failure"] = "success" if done else "failure"
        rows = self._recorder.ticks
        return Result(seed, outcome, self._recorder.stop(outcome).name, rows)

    def _noise(self, seed: int) -> Noise:
        return Noise(self._embodiment, seed, self._script.noise_steps)

    def _vary(self, seed: int) -> dict[str, Any]:
        """Makes this seed's world look and feel its own way, and says how; nothing unless that was asked for."""
        if not self._about.get("randomise"):
            return {}
        if self._variable is None or self._variable.model is not self._script.model:
            self._variable = Variable(self._script.model)
        self._variable.vary(None)
        variation = draw_variation(self._script.model, self._embodiment.cameras, np.random.default_rng([seed, 3]))
        self._variable.vary(variation)
        self._eyes.vary(variation)
        return {"variation": msgspec.to_builtins(variation)}

    def _forget_attempts(self) -> None:
        """What a kill left half made: its seed makes it again."""
        home = self._recorder.home
        home.sweep()
        for log in (*home.logs.glob("*.log"), *home.discarded.glob("*.log")):
            log.unlink()

    def close(self) -> None:
        self._eyes.close()
