"""A small robot to record: two cameras, three numbers sensed, two axes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from protocol.embodiment import Axis, Camera, Embodiment, Quantity
from protocol.episode import EpisodeMeta
from protocol.row import Row
from robot.recorder.contents import Tick
from robot.recorder.episode_recorder import About, EpisodeRecorder, Limits
from robot.recorder.finalise import Home
from robot.recorder.ticks import NewPicture, TickMaker

W, H = 64, 48
_EYE = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0))
_K = ((50.0, 0.0, 31.5), (0.0, 50.0, 23.5), (0.0, 0.0, 1.0))


def camera(name: str, width: int = W, height: int = H) -> Camera:
    return Camera(name, width, height, 30.0, _K, "base", _EYE)


SMALL = Embodiment(
    name="small",
    state=tuple(Quantity(f"q{i}", "rad", -3.0, 3.0) for i in range(3)),
    action=(Axis("vx", "m/s", -0.35, 0.35, 4.0), Axis("gripper", "", 0.0, 1.0, 4.0)),
    control_hz=50.0,
    record_hz=30.0,
    policy_hz=10.0,
    cameras=(camera("scene"), camera("wrist")),
).check()
LIMITS = Limits(free_bytes=1024 * 1024, floor_bytes=256 * 1024)
START_NS = 1_760_000_000_000_000_000


def row(tick: int, mono_s: float, pilot: str = "operator", clamps: int = 0, mode: str = "TELEOP") -> Row:
    wave = math.sin(tick / 10)  # the state is its integral, so that it follows what was done
    person = ("p1", "Mina") if pilot == "operator" else ("", "")
    state, asked, done = (-0.1 * math.cos(tick / 10), 0.5, tick / 1000), (0.2 * wave, 1.0), (0.1 * wave, 1.0)
    time_ns = START_NS + round(mono_s * 1e9)
    return Row(
        tick,
        mono_s,
        time_ns,
        mode,
        "",
        pilot,
        *person,
        4,
        2,
        0,
        state,
        asked,
        done,
        clamps,
        80.0 if person[0] else math.nan,
    )


def picture(number: int, width: int = W, height: int = H) -> NDArray[np.uint8]:
    """A moving ramp, I420."""
    x = (np.arange(width) * 3 + number * 5) % 200
    return np.vstack([np.tile(x, (height, 1)), np.full((height // 2, width), 128)]).astype(np.uint8)


def ticks(count: int, maker: TickMaker | None = None, first: int = 0, scale: int = 1) -> list[Tick]:
    """`count` ticks at 30 Hz; every tenth picture of the wrist camera is missing.  `scale` times as wide and high."""
    maker = maker or TickMaker(SMALL)
    made = []
    for i in range(first, first + count):
        mono_s = 100.0 + i / 30
        seen = {"scene": picture(i)} | ({"wrist": picture(i + 50)} if i % 10 != 9 else {})
        new = {name: NewPicture(np.kron(one, np.ones((scale, scale), np.uint8)), START_NS + i) for name, one in seen.items()}
        made.append(maker.make(mono_s, START_NS + round(i / 30 * 1e9), row(i, mono_s), new, key=i == first))
    return made


def recorder(folder: Path, limits: Limits = LIMITS) -> EpisodeRecorder:
    return EpisodeRecorder(Home(folder), About("robot1", SMALL, "test"), limits, sync_s=0)


def log_of(rec: EpisodeRecorder, count: int = 20, instruction: str = "Put the cube in the tray") -> Path:
    """A log that was ended in order and waits to be finalised."""
    rec.start(instruction, START_NS)
    for tick in ticks(count):
        rec.tick(tick)
    return rec.end("success")


def recover(rec: EpisodeRecorder, log: Path) -> EpisodeMeta | None:
    """Saves a left-over log as the recorder does; None when it held nothing."""
    rec.take.keep(log.stem)
    return rec.save(log)
