"""Faults of cameras: frozen, black, blurred, dropped."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from episodes.data.faults.copy import Copy, Picture
from episodes.data.faults.fault import NO_PLACE, Fault

FROZEN_S, BLACK_S, BLUR_S = 0.5, 0.2, 0.5
BLUR_SIGMA_PX = 3.0
DROPPED = 3
_VISIBLE = 4.0  # grey levels, mean over the hundredth of the pixels that changed most, from picture to picture


def frozen(copy: Copy, rng: np.random.Generator) -> Fault:
    """One picture for half a second, where the scene goes on: a camera cannot freeze visibly while nothing moves."""
    return _stand(copy, rng, round(FROZEN_S * copy.meta.record_hz), "frozen")


def dropped_silently(copy: Copy, rng: np.random.Generator) -> Fault:
    """Three pictures replaced by the one before, and nobody says so."""
    return _stand(copy, rng, DROPPED, "dropped")


def dropped_flagged(copy: Copy, rng: np.random.Generator) -> Fault:
    """Three pictures repeated and flagged, as the recorder does it; anywhere."""
    camera = _camera(copy, rng)
    first = int(rng.integers(1, copy.rows - DROPPED))
    pictures = copy.pictures(camera)
    for row in range(first, first + DROPPED):
        pictures[row] = pictures[first - 1]
        copy.columns[f"repeated.{camera}"][row] = True
        copy.columns[f"capture_ns.{camera}"][row] = copy.columns[f"capture_ns.{camera}"][first - 1]
    return Fault(("dropped",), first, first + DROPPED - 1, camera)


def _stand(copy: Copy, rng: np.random.Generator, count: int, code: str) -> Fault:
    camera = _camera(copy, rng)
    pictures = copy.pictures(camera)
    moves = _moves(pictures)
    fit = [first for first in range(3, copy.rows - count - 3) if moves[first - 2 : first + count + 3].min() >= _VISIBLE]
    if not fit:
        return NO_PLACE
    first = int(rng.choice(fit))
    for row in range(first, first + count):
        pictures[row] = pictures[first - 1]
    return Fault((code,), first, first + count - 1, camera)


def black(copy: Copy, rng: np.random.Generator) -> Fault:
    """A fifth of a second without light; the sensor still has a little noise."""
    camera = _camera(copy, rng)
    count = round(BLACK_S * copy.meta.record_hz)
    first = int(rng.integers(0, copy.rows - count + 1))
    pictures = copy.pictures(camera)
    for row in range(first, first + count):
        dark = np.full_like(pictures[row], 128)
        tall = dark.shape[0] * 2 // 3
        dark[:tall] = np.clip(rng.normal(18, 1.5, dark[:tall].shape), 16, 40).astype(np.uint8)
        pictures[row] = dark
    return Fault(("black",), first, first + count - 1, camera)


def blurred(copy: Copy, rng: np.random.Generator) -> Fault:
    """Out of focus for half a second."""
    camera = _camera(copy, rng)
    count = round(BLUR_S * copy.meta.record_hz)
    first = int(rng.integers(0, copy.rows - count + 1))
    pictures = copy.pictures(camera)
    for row in range(first, first + count):
        pictures[row] = _blur(pictures[row])
    return Fault(("blurred",), first, first + count - 1, camera)


def _blur(picture: Picture) -> Picture:
    soft = picture.copy()
    tall = picture.shape[0] * 2 // 3
    soft[:tall] = cv2.GaussianBlur(picture[:tall], (0, 0), BLUR_SIGMA_PX)
    return soft


def _camera(copy: Copy, rng: np.random.Generator) -> str:
    return str(rng.choice(copy.meta.cameras))


def _moves(pictures: list[Picture]) -> NDArray[np.float64]:
    """[N + 1]: by how much each picture differs from the one before, in grey levels; 0 at both ends."""
    small = np.stack([_small(picture) for picture in pictures]).astype(np.int16)
    apart = np.abs(np.diff(small, axis=0)).reshape(len(small) - 1, -1)
    most = np.sort(apart, axis=1)[:, -max(1, apart.shape[1] // 100) :].mean(axis=1)
    return np.concatenate([[0.0], most, [0.0]])


def _small(picture: Picture) -> NDArray[np.uint8]:
    tall = picture.shape[0] * 2 // 3
    return np.asarray(cv2.resize(picture[:tall], (80, 60), interpolation=cv2.INTER_AREA), np.uint8)
