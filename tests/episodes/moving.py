"""A small arm that moves as somebody drives it, before two cameras, recorded by the real recorder."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from protocol.embodiment import Axis, Embodiment, Quantity
from protocol.row import Row
from robot.recorder.episode_recorder import About, EpisodeRecorder
from robot.recorder.finalise import Home
from robot.recorder.ticks import NewPicture, TickMaker
from tests.robot.recorder.rig import LIMITS, START_NS, camera

W, H = 160, 120
HZ = 30.0
ARM = Embodiment(
    name="arm",
    state=(Quantity("tool_x", "m", -1.0, 1.0), Quantity("tool_y", "m", -1.0, 1.0), Quantity("gripper", "1", 0.0, 1.0)),
    action=(Axis("vx", "m/s", -0.35, 0.35, 3.5), Axis("vy", "m/s", -0.35, 0.35, 3.5), Axis("gripper", "1", 0.0, 1.0, 5.0)),
    control_hz=50.0,
    record_hz=HZ,
    policy_hz=10.0,
    cameras=(camera("scene", W, H), camera("wrist", W, H)),
).check()
_TABLE = np.random.default_rng(5).integers(60, 180, (H // 6 + 80, W // 6 + 80)).astype(np.uint8).repeat(6, 0).repeat(6, 1)

Pauses = tuple[tuple[float, float], ...]


def moving(
    folder: Path,
    robot: str = "robot1",
    rows: int = 120,
    seed: int = 0,
    pauses: Pauses = (),
    light: float = 1.0,
    noise: float = 0.0,
) -> Path:
    """An episode folder.  `pauses`: seconds from and to in which nothing moves; `light` 1 is day, 0.05 a dark room."""
    rng = np.random.default_rng(seed)
    recorder = EpisodeRecorder(Home(folder), About(robot, ARM, "test"), LIMITS, sync_s=0)
    recorder.start("Go round", START_NS)
    maker = TickMaker(ARM)
    phase = rng.uniform(0, 6, 2)
    place, rate = rng.uniform(-0.1, 0.1, 2), np.zeros(2)
    for number in range(rows):
        at_s = number / HZ
        wanted = np.array([0.3 * math.sin(1.9 * at_s + phase[0]), 0.25 * math.sin(2.7 * at_s + phase[1])])
        rests = any(first <= at_s < last for first, last in pauses)
        rate = np.zeros(2) if rests else rate + np.clip(wanted - rate, -0.07, 0.07)
        row = _row(number, at_s, place, rate)
        pictures = {name: _picture(name, place, light, noise, rng) for name in ("scene", "wrist")}
        new = {name: NewPicture(picture, row.time_ns - 10_000_000) for name, picture in pictures.items()}
        recorder.tick(maker.make(row.mono_s, row.time_ns, row, new, key=number == 0))
        place = place + rate / HZ
    return recorder.stop("success")


def enormous(raw: bytes) -> bytes:
    """The MP4 with every word about its size, in the container and in the H264 parameter sets, saying 65535 or more."""
    changed = bytearray(raw)
    entry = raw.index(b"avc1", raw.index(b"stsd"))
    changed[entry + 28 : entry + 32] = b"\xff\xff\xff\xff"
    box = raw.index(b"avcC")
    size = int.from_bytes(raw[box + 10 : box + 12], "big")
    before = raw[box + 12 : box + 12 + size]
    sides = _golomb(4095) * 2
    bits = "1" + _golomb(0) + _golomb(2) + _golomb(0) + "0" + sides + "1" + "1" + "0" + "0" + "1"
    bits += "0" * (-len(bits) % 8)
    sequence = bytes([0x67, 66, 0, 51]) + int(bits, 2).to_bytes(len(bits) // 8, "big")
    return bytes(changed).replace(before, sequence.ljust(size, b"\0"))


def _golomb(number: int) -> str:
    bits = f"{number + 1:b}"
    return "0" * (len(bits) - 1) + bits


def _row(number: int, at_s: float, place: NDArray[np.float64], rate: NDArray[np.float64]) -> Row:
    action = (float(rate[0]), float(rate[1]), 0.5)
    state = (float(place[0]), float(place[1]), 0.5)
    time_ns = START_NS + round(at_s * 1e9)
    return Row(number, 50.0 + at_s, time_ns, "TELEOP", "", "operator", "p1", "Mina", 4, 2, 0, state, action, action, 0, 80.0)


def _picture(name: str, place: NDArray[np.float64], light: float, noise: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    x, y = (240 + 300 * float(value) for value in place)
    if name == "wrist":
        grey = cv2.getRectSubPix(_TABLE, (W, H), (x + W / 2, y + H / 2))
    else:
        grey = _TABLE[:H, :W].copy()
        arm = np.array([[1.0, 0.0, 70 + (x - 240) / 2], [0.0, 1.0, 50 + (y - 240) / 2]])
        mask = cv2.warpAffine(np.ones((30, 24), np.float32), arm, (W, H))
        grey = (grey * (1 - mask) + 230 * mask).astype(np.uint8)
    grey = np.clip(16 + light * (grey.astype(float) - 16) + rng.normal(0, noise, grey.shape) * (noise > 0), 16, 235)
    return np.vstack([grey.astype(np.uint8), np.full((H // 2, W), 128, np.uint8)])
