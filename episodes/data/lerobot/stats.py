"""Statistics as LeRobot keeps them: min, max, mean, std, count and five quantiles, of vectors and of pictures.

Vectors: over the finite values of each dimension, quantiles by linear interpolation (numpy's default).  Pictures: from a
histogram of the 256 grey levels of each channel, so that nothing overflows and histograms of episodes simply add up.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
STATS = ("min", "max", "mean", "std", "count", *QUANTILES)
MOST_ROWS = 1_000_000  # kept for the exact quantiles of a whole dataset; beyond, evenly spaced ones
_LONGEST_SIDE = 300  # pixels; larger pictures are thinned out to half of it


def of_vectors(values: NDArray[Any]) -> dict[str, list[float] | list[int]]:
    """Statistics of `values` [rows] or [rows, n]; a dimension without a finite value has zeros."""
    block = np.asarray(values, np.float64).reshape(len(values), -1)
    block = np.where(np.isfinite(block), block, np.nan)
    empty = np.isnan(block).all(axis=0)
    block[:, empty] = 0.0
    found: dict[str, Any] = {
        "min": np.nanmin(block, axis=0),
        "max": np.nanmax(block, axis=0),
        "mean": np.nanmean(block, axis=0),
        "std": np.nanstd(block, axis=0),
        "count": np.array([len(block)]),
    }
    quantiles = np.nanquantile(block, list(QUANTILES.values()), axis=0)
    found |= dict(zip(QUANTILES, quantiles, strict=True))
    return {name: value.tolist() for name, value in found.items()}


class Column:
    """Gathers one feature over all episodes: exact up to `MOST_ROWS` rows, of every 2nd, 4th, ... row beyond."""

    def __init__(self) -> None:
        self._kept: list[NDArray[Any]] = []
        self._stride, self._rows, self._rows_kept = 1, 0, 0

    def add(self, values: NDArray[Any]) -> None:
        first = -self._rows % self._stride
        self._kept.append(np.array(values[first :: self._stride]))
        self._rows += len(values)
        self._rows_kept += len(self._kept[-1])
        while self._rows_kept > MOST_ROWS:
            self._stride *= 2
            self._kept = [np.concatenate(self._kept)[::2]]
            self._rows_kept = len(self._kept[0])

    def stats(self) -> dict[str, Any]:
        return of_vectors(np.concatenate(self._kept)) | {"count": [self._rows]}


class Pictures:
    """A histogram int64[3, 256] of the grey levels of sampled pictures, and how many they were."""

    def __init__(self, histogram: NDArray[np.int64] | None = None, count: int = 0) -> None:
        self.histogram = np.zeros((3, 256), np.int64) if histogram is None else histogram
        self.count = count

    def add(self, rgb: NDArray[np.uint8]) -> None:
        """One picture uint8[H, W, 3]."""
        height, width = rgb.shape[:2]
        longest = max(height, width)
        stride = 1 if longest < _LONGEST_SIDE else max(1, longest // (_LONGEST_SIDE // 2))
        for channel in range(3):
            self.histogram[channel] += np.bincount(rgb[::stride, ::stride, channel].reshape(-1), minlength=256)
        self.count += 1

    def merge(self, other: Pictures) -> None:
        self.histogram += other.histogram
        self.count += other.count

    def stats(self) -> dict[str, Any]:
        """Each statistic nested 3x1x1, in [0, 1]."""
        columns = [_of_histogram(channel) for channel in self.histogram]
        found: dict[str, Any] = {name: [[[column[name]]] for column in columns] for name in columns[0]}
        return found | {"count": [self.count]}


def samples(length: int) -> list[int]:
    """Which pictures of an episode count: length^0.75 of them, at least 100 and at most 10,000, evenly spaced."""
    wanted = min(length, max(100, min(int(length**0.75), 10_000)))
    return [int(at) for at in np.unique(np.round(np.linspace(0, length - 1, wanted)).astype(int))]


def _of_histogram(counts: NDArray[np.int64]) -> dict[str, float]:
    levels = np.arange(256) / 255.0
    total = max(1, int(counts.sum()))
    present = np.flatnonzero(counts)
    mean = float((counts * levels).sum() / total)
    variance = float((counts * (levels - mean) ** 2).sum() / total)
    reached = np.cumsum(counts)
    found = {
        "min": float(levels[present[0]]) if len(present) else 0.0,
        "max": float(levels[present[-1]]) if len(present) else 0.0,
        "mean": mean,
        "std": variance**0.5,
    }
    for name, share in QUANTILES.items():  # the level below which this share of the pixels lies
        found[name] = float(levels[min(255, int(np.searchsorted(reached, share * total)))])
    return found
