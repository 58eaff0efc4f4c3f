"""Episodes as a person makes them, through the real gate, simulator and recorder: they wait, hesitate, look for a key, tap,
tremble; the camera has noise, the clock is not even, now and then a picture is late.  Nothing is wrong with any of them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from protocol.embodiment import Embodiment
from robot.collect.attempt import Attempt
from robot.collect.eyes import Eyes
from robot.collect.script import TableScript
from robot.recorder.episode_recorder import About, EpisodeRecorder
from robot.recorder.finalise import Home
from robot.recorder.ticks import NewPicture
from robot.world.experts.task import Assignment

_HZ = 50.0
_RATES = slice(0, 6)


@dataclass
class Manner:
    """How somebody drives, drawn from a seed.  Seconds, metres per second, grey levels."""

    rng: np.random.Generator
    keys: bool = field(init=False)  # a keyboard: full or nothing on each axis; else a stick
    begins_s: float = field(init=False)  # until the hand is on the keys
    ends_s: float = field(init=False)  # from success to pressing the button
    tremor: float = field(init=False)
    noise: float = field(init=False)
    jitter_s: float = field(init=False)
    late: float = field(init=False)  # share of pictures that come too late
    stops: list[tuple[float, float, float]] = field(init=False)  # (from, to, speed): a pause or a hesitation

    def __post_init__(self) -> None:
        rng = self.rng
        self.keys = rng.random() < 0.5
        self.begins_s, self.ends_s = rng.uniform(0.2, 1.1), rng.uniform(0.0, 0.7)
        self.tremor = rng.uniform(0.0, 0.015)
        self.noise = float(rng.choice([0.0, 1.5, 3.0]))
        self.jitter_s = rng.uniform(0.0, 0.004)
        self.late = rng.uniform(0.0, 0.02)
        at = self.begins_s + rng.uniform(0.2, 1.5)
        self.stops = []
        while at < 40.0:
            pause = rng.random() < 0.6
            long = rng.uniform(0.3, 3.0) if pause else rng.uniform(0.5, 2.0)
            self.stops.append((at, at + long, 0.0 if pause else rng.uniform(0.1, 0.4)))
            at += long + rng.uniform(0.5, 3.0)

    def speed(self, at_s: float) -> float:
        """Share of full speed at that time."""
        if at_s < self.begins_s:
            return 0.0
        return next((speed for first, last, speed in self.stops if first <= at_s < last), 1.0)


class Person:
    """A `Script`: knows what the expert knows, and acts like somebody who has to find the keys."""

    settle_s, noise_steps = 0.4, 0

    def __init__(self, expert: TableScript) -> None:
        self.world, self.scene, self.model = expert.world, expert.scene, expert.model
        self.hz, self.limit_s = _HZ, 40.0
        self._expert = expert
        self.manner = Manner(np.random.default_rng(0))

    def begin(self, seed: int) -> Assignment | None:
        self.manner = Manner(np.random.default_rng([seed, 7]))
        self._calls, self._done_s, self._held_s = 0, 0.0, 0.0
        self._pressed = np.zeros(6)
        self._grip = 0.0
        return self._expert.begin(seed)

    def act(self) -> NDArray[np.float64]:
        at_s = self._calls / _HZ
        self._calls += 1
        wanted = self._expert.act()
        share = self.manner.speed(at_s)
        if self._expert.done():
            self._done_s += 1 / _HZ
            share = 0.0
        if share > 0.0:
            self._grip = float(wanted[6])
        rates = self._keyed(wanted[_RATES]) if self.manner.keys else wanted[_RATES]
        if share > 0.0:
            rates = rates + self.manner.tremor * np.sin(2 * np.pi * 8.5 * at_s + np.arange(6)) * (np.arange(6) < 3)
        return np.concatenate([share * rates, [self._grip]])

    def _keyed(self, wanted: NDArray[np.float64]) -> NDArray[np.float64]:
        """Keys are held for a tenth of a second at least."""
        self._held_s += 1 / _HZ
        if self._held_s >= 0.1:
            fast = 0.18 if np.linalg.norm(wanted) > 0.12 else 0.04
            pressed = np.where(np.abs(wanted) > 0.02, np.sign(wanted) * fast, 0.0)
            if not np.array_equal(pressed, self._pressed):
                self._pressed, self._held_s = pressed, 0.0
        return self._pressed

    def done(self) -> bool:
        return self._expert.done() and self._done_s >= self.manner.ends_s


class PersonAttempt(Attempt):
    """The lock step of the collector, recorded as if it had been live."""

    manner: Manner

    def _keep(self, at_ns: int, now_ns: int, started_ns: int) -> None:
        assert self._row is not None
        rng = self.manner.rng
        self._row.clamps, self._clamps = self._clamps, 0
        row = msgspec.structs.replace(
            self._row, mode="TELEOP", pilot="operator", person="p1", person_name="Mina", latency_ms=float(rng.normal(85, 8))
        )
        age_ns = int(rng.uniform(8e6, 25e6))
        pictures = self._eyes.look(self._script.world, self._script.scene, started_ns + now_ns - age_ns)
        first = self._record.count == 1
        seen = {name: self._seen(picture) for name, picture in pictures.items() if first or rng.random() >= self.manner.late}
        off_ns = int(np.clip(rng.normal(0.0, self.manner.jitter_s), -0.012, 0.012) * 1e9)
        at_ns = max(0, at_ns + off_ns)
        self._recorder.tick(self._maker.make(at_ns / 1e9, started_ns + at_ns, row, seen, key=first))

    def _seen(self, picture: NewPicture) -> NewPicture:
        if not self.manner.noise:
            return picture
        i420 = picture.i420.copy()
        tall = len(i420) * 2 // 3
        noise = self.manner.rng.normal(0.0, self.manner.noise, i420[:tall].shape)
        i420[:tall] = np.clip(i420[:tall] + noise, 16, 235).astype(np.uint8)
        return NewPicture(i420, picture.capture_ns)


class _Steady:
    """Nobody disturbs what a person does."""

    def __init__(self, axes: int) -> None:
        self._none = np.zeros(axes)

    def next(self) -> NDArray[np.float64]:
        return self._none


class People:
    """Records one person's episode after the other into `home`."""

    def __init__(self, expert: TableScript, embodiment: Embodiment, home: Path) -> None:
        self._person, self._embodiment = Person(expert), embodiment
        self._eyes = Eyes(embodiment.name, embodiment)
        self._recorder = EpisodeRecorder(Home(home), About("c" * 32, embodiment, "bench"), sync_s=0)

    def record(self, seed: int) -> Path | None:
        """The episode's folder; None when this seed does not suit the task or the person did not manage."""
        given = self._person.begin(seed)
        if given is None:
            return None
        started_ns = time.time_ns()
        self._recorder.start(given.instruction, started_ns)
        steady: Any = _Steady(len(self._embodiment.action))
        attempt = PersonAttempt(self._person, self._embodiment, self._eyes, self._recorder, steady)
        attempt.manner = self._person.manner
        done = attempt.run(started_ns)
        if not done:
            self._recorder.discard().unlink()
            return None
        return self._recorder.stop("success")

    def close(self) -> None:
        self._eyes.close()
