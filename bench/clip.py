"""A camera for benchmarks: textured, noisy, moving pictures at 30 a second, each with its time written into it.

The code: blocks of 16x16 pixels, white = 1.  First row of blocks: 32 bits of wall time in 0.1 ms, least significant
first.  Second row: 16 bits of picture number, then 8 bits of check.
"""

from __future__ import annotations

import time

import cv2
import numpy as np
from numpy.typing import NDArray

from protocol.embodiment import Camera, Embodiment
from robot.bodies.body import Body, BodySpec, Frame

WIDTH, HEIGHT, FPS = 640, 480, 30
_PICTURES = 90  # until the clip begins again
_BLOCK = 16
_BLACK, _WHITE = 0, 255


def pictures(seed: int = 7) -> NDArray[np.uint8]:
    """uint8[90,480,640,3] RGB: a camera panning over a wall with texture and edges, a moving thing, sensor noise."""
    random = np.random.default_rng(seed)
    wall = _wall(random, WIDTH + 320, HEIGHT + 200)
    grain = [random.normal(0, 2.0, (HEIGHT, WIDTH, 3)).astype(np.float32) for _ in range(8)]
    clip = np.empty((_PICTURES, HEIGHT, WIDTH, 3), np.uint8)
    for k in range(_PICTURES):
        turn = 2 * np.pi * k / _PICTURES
        x, y = int(160 + 140 * np.sin(turn)), int(100 + 60 * np.sin(2 * turn))
        picture = wall[y : y + HEIGHT, x : x + WIDTH].astype(np.float32)
        left = int(300 + 200 * np.cos(3 * turn))
        cv2.rectangle(picture, (left, 240), (left + 80, 400), (230.0, 190.0, 40.0), -1)
        noise = np.roll(grain[k % len(grain)], int(random.integers(WIDTH)), axis=1)
        clip[k] = np.clip(picture + noise, 0, 255).astype(np.uint8)
    return clip


def _wall(random: np.random.Generator, width: int, height: int) -> NDArray[np.uint8]:
    """Noise of many sizes, as natural pictures have it, with discs and boxes upon it."""
    wall = np.full((height, width, 3), 110.0, np.float32)
    for octave in range(7):
        size = 2**octave
        grain = random.normal(0, 3.0 * size**0.55, (height // size + 2, width // size + 2, 3)).astype(np.float32)
        wall += cv2.resize(grain, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(60):
        at = (int(random.integers(width)), int(random.integers(height)))
        colour = tuple(float(c) for c in random.integers(0, 255, 3))
        if random.random() < 0.5:
            cv2.circle(wall, at, int(random.integers(8, 50)), colour, -1)
        else:
            to = (at[0] + int(random.integers(20, 120)), at[1] + int(random.integers(10, 80)))
            cv2.rectangle(wall, at, to, colour, 2)
    return np.clip(wall, 0, 255).astype(np.uint8)


def stamp(image: NDArray[np.uint8], number: int, at_s: float) -> None:
    """Writes wall time `at_s` and the picture's number into the upper 32 lines of uint8[H,W,3]."""
    ticks, number = int(at_s * 10_000) & 0xFFFFFFFF, number & 0xFFFF
    check = (ticks ^ ticks >> 8 ^ ticks >> 16 ^ ticks >> 24 ^ number ^ number >> 8) & 0xFF
    for row, (value, bits) in enumerate(((ticks, 32), (number | check << 16, 24))):
        line = np.full(WIDTH // _BLOCK, _BLACK, np.uint8)
        line[:bits] = [_WHITE if value >> bit & 1 else _BLACK for bit in range(bits)]
        image[row * _BLOCK : (row + 1) * _BLOCK] = np.repeat(line, _BLOCK)[:, None]


class ClipSource:
    """The clip at its pace; late pictures are left out, never queued."""

    def __init__(self) -> None:
        self._clip = pictures()
        self._number = 0
        self._began_s = time.monotonic()

    def wait_s(self) -> float:
        """Seconds until the next picture is due."""
        now_s = time.monotonic()
        due_s = self._began_s + (self._number + 1) / FPS
        if now_s - due_s > 1 / FPS:
            self._number = int((now_s - self._began_s) * FPS) - 1
            due_s = now_s
        return max(0.0, due_s - now_s)

    def take(self) -> Frame:
        """The picture that is due, complete and stamped now."""
        self._number += 1
        image = self._clip[self._number % _PICTURES].copy()
        now_s = time.time()
        stamp(image, self._number, now_s)
        return Frame(self._number, time.monotonic(), int(now_s * 1e9), image)

    def read(self) -> Frame | None:
        time.sleep(self.wait_s())
        return self.take()

    def close(self) -> None:
        """Nothing to give back."""


def clip_body() -> BodySpec:
    """A body with one camera, `clip`, and nothing that moves."""
    eye = ((600.0, 0.0, WIDTH / 2), (0.0, 600.0, HEIGHT / 2), (0.0, 0.0, 1.0))
    pose = tuple(tuple(float(i == j) for j in range(4)) for i in range(4))
    camera = Camera("clip", WIDTH, HEIGHT, FPS, eye, "base", pose)
    embodiment = Embodiment("clip", (), (), 50, 30, 10, (camera,))
    return BodySpec(embodiment, (), _no_driver, lambda _: ClipSource())


def _no_driver() -> Body:
    raise AssertionError("benchmarks of video drive nothing")
