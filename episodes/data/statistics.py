"""What a dataset holds, in numbers and pictures: distributions of joints and cameras, where the gripper went.

Reads the columns that the check laid out (float32, column after column) between the rows kept.  No Django.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from episodes.data.gist import Gist

BINS = 32
CELLS = 48  # of the coverage plot, along its longer side
_EDGE_M = 0.02  # room around what was reached
_PLACES = (("tool_x", "tool_y"), ("hand_x", "hand_y"), ("ee_x", "ee_y"), ("x", "y"))
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Kept:
    """One episode's columns as laid out by the check: `described` says what each is; float32[C, rows], only rows kept."""

    described: list[dict[str, Any]]
    values: Floats


@dataclass
class Distribution:
    """One number of the robot over all rows: counts in `BINS` equal bins from `low` to `high`; outside counts at the ends."""

    name: str
    unit: str
    low: float
    high: float
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, np.int64))
    n: int = 0
    total: float = 0.0
    squares: float = 0.0
    least: float = float("inf")
    most: float = float("-inf")

    def add(self, values: Floats) -> None:
        values = values[np.isfinite(values)]
        if not len(values):
            return
        place = np.clip((values - self.low) / (self.high - self.low) * BINS, 0, BINS - 1).astype(np.int64)
        self.counts += np.bincount(place, minlength=BINS)
        wide = values.astype(np.float64)
        self.n += len(values)
        self.total += float(wide.sum())
        self.squares += float((wide**2).sum())
        self.least, self.most = min(self.least, float(values.min())), max(self.most, float(values.max()))

    def as_json(self) -> dict[str, Any]:
        mean = self.total / self.n if self.n else 0.0
        spread = max(0.0, self.squares / self.n - mean**2) ** 0.5 if self.n else 0.0
        return {
            "name": self.name, "unit": self.unit, "low": self.low, "high": self.high, "counts": self.counts.tolist(),
            "mean": mean, "sd": spread, "min": self.least if self.n else 0.0, "max": self.most if self.n else 0.0,
        }  # fmt: skip


def read_columns(path: Path, described: list[dict[str, Any]], rows: int, first: int, last: int) -> Kept | None:
    """None when the file is not there or has another size than `described` says."""
    try:
        flat = np.fromfile(path, "<f4")
    except OSError:
        return None
    if not described or flat.size != len(described) * rows:
        return None
    return Kept(described, flat.reshape(len(described), rows)[:, first : last + 1])


def joints(episodes: Iterable[Kept], kind: str = "state") -> list[dict[str, Any]]:
    """The distribution of every number of this kind ("state", "done"), in the embodiment's order."""
    found: dict[str, Distribution] = {}
    for episode in episodes:
        for column, values in zip(episode.described, episode.values, strict=True):
            if column["kind"] != kind:
                continue
            low, high = column["low"], column["high"]
            if low is None or high is None or not high > low:
                low, high = -1.0, 1.0
            known = found.setdefault(column["name"], Distribution(column["name"], column["unit"], low, high))
            known.add(values)
    return [one.as_json() for one in found.values()]


def cameras(gists: Sequence[Gist]) -> list[dict[str, Any]]:
    """Of each camera: brightness and contrast in 16 bins of grey levels, and the mean sharpness."""
    names = sorted({name for gist in gists for name in gist.cameras})
    made = []
    for name in names:
        few = [gist.cameras[name] for gist in gists if name in gist.cameras]
        brightness = np.concatenate([one.brightness for one in few])
        contrast = np.concatenate([one.contrast for one in few])
        made.append(
            {
                "name": name,
                "episodes": len(few),
                "brightness": np.histogram(brightness, 16, (0, 256))[0].tolist(),
                "contrast": np.histogram(contrast, 16, (0, 128))[0].tolist(),
                "mean_brightness": float(brightness.mean()),
                "mean_contrast": float(contrast.mean()),
                "mean_sharpness": float(np.mean(np.concatenate([one.sharpness for one in few]))),
            }
        )
    return made


def coverage(episodes: Sequence[Kept]) -> dict[str, Any] | None:
    """Seen from above: how many episodes passed each cell, and where grippers closed.  None where nothing says where it was.

    `cells` is [rows of y from low to high][columns of x]; metres in the base frame.
    """
    paths = [found for episode in episodes if (found := _path(episode)) is not None]
    if not paths:
        return None
    points = np.concatenate([path for path, _ in paths])
    low, high = points.min(axis=0) - _EDGE_M, points.max(axis=0) + _EDGE_M
    size = float(np.max(high - low)) / CELLS
    shape = np.maximum(1, np.ceil((high - low) / size).astype(int))
    cells = np.zeros((int(shape[1]), int(shape[0])), np.int64)
    for path, _ in paths:
        place = np.unique(np.minimum(((path - low) / size).astype(int), shape - 1), axis=0)
        cells[place[:, 1], place[:, 0]] += 1
    closings = [[round(float(x), 4), round(float(y), 4)] for _, few in paths for x, y in few][:2000]
    return {
        "low": low.tolist(), "high": (low + shape * size).tolist(), "cell_m": size, "cells": cells.tolist(),
        "closings": closings, "episodes": len(paths), "reached": float((cells > 0).mean()),
    }  # fmt: skip


def _path(episode: Kept) -> tuple[Floats, Floats] | None:
    """float32[n, 2] of the gripper seen from above, and where it closed."""
    state = {column["name"]: number for number, column in enumerate(episode.described) if column["kind"] == "state"}
    names = next((pair for pair in _PLACES if pair[0] in state and pair[1] in state), None)
    if names is None:
        return None
    path = episode.values[[state[name] for name in names]].T
    good = np.isfinite(path).all(axis=1)
    closed = np.zeros(len(path), bool)
    kinds = {(column["kind"], column["name"]): number for number, column in enumerate(episode.described)}
    fingers = kinds.get(("asked", "gripper"), kinds.get(("state", "gripper")))  # asked: around a thing they never shut
    if fingers is not None:
        shut = episode.values[fingers] > 0.5
        closed[1:] = shut[1:] & ~shut[:-1]
    return (path[good], path[good & closed]) if good.any() else None
