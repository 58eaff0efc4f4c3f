"""How unusual what the encoder sees is, and from where on that is too much.

The distance needs features of good frames alone; the threshold needs whole good runs that the distance was not fitted on.
A threshold belongs to one policy version, its tasks and its cameras; it says nothing about failures that look familiar.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from policies.learning.folder import calibration_in
from protocol.errors import Refused

Floats = NDArray[np.float64]
_SHRINK = 0.1  # of the mean variance, added to each: directions that were hardly ever seen must not count without end
_NEAR = 4  # questions


@dataclass(frozen=True, slots=True)
class Familiar:
    """Mahalanobis distance to the features of good frames (Lee et al., "A Simple Unified Framework for Detecting
    Out-of-Distribution Samples", NeurIPS 2018, with one class).  `mean` [F], `precision` [F, F]."""

    mean: Floats
    precision: Floats

    def distance(self, features: NDArray[np.float32] | Floats) -> Floats:
        """[...] of features [..., F]."""
        away = np.asarray(features, np.float64) - self.mean
        squared = np.einsum("...i,ij,...j->...", away, self.precision, away)
        return np.asarray(np.sqrt(np.maximum(squared, 0.0)))


def fit(features: NDArray[np.float32] | Floats) -> Familiar:
    """From [N, F], N at least 2; `Refused("calibration_data")` when there are fewer or some are no numbers."""
    if len(features) < 2 or not np.isfinite(features).all():
        raise Refused("calibration_data", "Familiarity needs at least two frames whose features are numbers.")
    spread = np.cov(np.asarray(features, np.float64).T)
    spread += _SHRINK * max(float(np.trace(spread)) / len(spread), 1e-12) * np.eye(len(spread))
    return Familiar(np.asarray(features, np.float64).mean(0), np.asarray(np.linalg.inv(spread), np.float64))


def order_statistic(scores: Floats, alpha: float) -> float:
    """The ceil((n + 1)(1 - alpha))-th smallest of n scores: a fresh one exceeds it with a chance of at most alpha (split
    conformal prediction, Vovk et al., 2005).  Infinite when n is too small to promise that: below 1 / alpha - 1."""
    rank = math.ceil((len(scores) + 1) * (1 - alpha) - 1e-9)
    return float(np.sort(scores)[rank - 1]) if rank <= len(scores) else math.inf


@dataclass(frozen=True, slots=True)
class Band:
    """What may be expected at each step of a good run: alarm where a score reaches `mean` + `width` [T].  Beyond T the last
    holds."""

    mean: Floats
    width: Floats

    def upper(self, step: int) -> float:
        at = min(step, len(self.mean) - 1)
        return float(self.mean[at] + self.width[at])

    def first_alarm(self, scores: Floats) -> int | None:
        """The first step at which a run's scores [N] say that it should stop."""
        return next((step for step, score in enumerate(scores) if score >= self.upper(step)), None)


def band(fitted: list[Floats], calibrated: list[Floats], alpha: float) -> Band:
    """A functional conformal band over the scores of successful runs, its shape from `fitted`, its width from `calibrated`:
    at most alpha of fresh successful runs ever leave it (Diquigiovanni et al., "Conformal prediction bands for multivariate
    functional data", 2022, one-sided, as Xu et al. use it in "FAIL-Detect", RSS 2025).

    Runs may have other lengths: each is held at its last score.  `Refused("calibration_data")` where either list is empty.
    """
    if not fitted or not calibrated:
        raise Refused("calibration_data", "A band needs successful runs to shape it and others to widen it.")
    steps = max(len(run) for run in (*fitted, *calibrated))
    shaping, widening = (np.stack([_held(run, steps) for run in runs]) for runs in (fitted, calibrated))
    mean = shaping.mean(0)
    away = np.abs(shaping - mean)
    largest = away.max(1)
    kept = away[largest <= order_statistic(largest, alpha)]
    modulation = _around(kept.max(0)) + 1e-8
    needed = ((widening - mean) / modulation).max(1)
    return Band(mean, order_statistic(needed, alpha) * modulation)


def least_runs(alpha: float) -> int:
    """Of which half give a finite width; `Refused("calibration_data")` for an alpha that is no share."""
    if not 0 < alpha < 1:
        raise Refused("calibration_data", f"The share of false alarms lies between 0 and 1; {alpha} does not.")
    return max(4, 2 * math.ceil((1 - 1e-9) / alpha - 1))


def _around(width: Floats) -> Floats:
    """The largest within `_NEAR` questions of each: on a robot the same phase comes some earlier or later."""
    padded = np.pad(width, _NEAR, mode="edge")
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, 2 * _NEAR + 1).max(1), np.float64)


def calibrate(runs: list[NDArray[np.float32]], alpha: float) -> tuple[Familiar, Band]:
    """From the features [T, F] of whole successful runs: a third of them, drawn by lot, say what is familiar, a sixth shapes
    the band, half widen it, so that nothing is judged by what it was fitted on: the more widen it, the less the share of false
    alarms strays from alpha.  `Refused("calibration_data")`, also for fewer runs than can promise anything: a
    width without end would never doubt, and look as if it did."""
    if len(runs) < (least := least_runs(alpha)):
        sentence = f"{len(runs)} successful runs cannot calibrate a policy to {alpha:.2f} of false alarms; {least} are the least."
        raise Refused("calibration_data", sentence)
    drawn = [runs[index] for index in np.random.default_rng(0).permutation(len(runs))]
    shaping, widening = max(1, len(drawn) // 6), len(drawn) // 2
    familiar = fit(np.concatenate(drawn[shaping + widening :]))
    scores = [familiar.distance(run) for run in drawn[: shaping + widening]]
    return familiar, band(scores[:shaping], scores[shaping:], alpha)


def _held(run: Floats, steps: int) -> Floats:
    return np.concatenate([run, np.full(steps - len(run), run[-1])])


def keep(path: Path, familiar: Familiar, limit: Band) -> None:
    """As safetensors; next to the policy, never in it."""
    path.write_bytes(
        save({"mean": familiar.mean, "precision": familiar.precision, "band.mean": limit.mean, "band.width": limit.width})
    )


def load_calibration(path: Path) -> tuple[Familiar, Band]:
    """`Refused("calibration_damaged")` when it cannot be read or its parts do not fit."""
    try:
        found = load(path.read_bytes())
        familiar, limit = Familiar(found["mean"], found["precision"]), Band(found["band.mean"], found["band.width"])
    except (OSError, SafetensorError, KeyError) as error:
        raise Refused("calibration_damaged", f"The calibration {path.name} cannot be read: {error}.") from error
    width = len(familiar.mean)
    if familiar.precision.shape != (width, width) or limit.mean.shape != limit.width.shape or not len(limit.mean):
        raise Refused("calibration_damaged", f"The parts of the calibration {path.name} do not fit together.")
    bounded = all(np.isfinite(part).all() for part in (familiar.mean, familiar.precision, limit.mean))
    if not bounded or not (limit.width >= 0).all():  # infinite: too few runs to promise anything, so nothing is doubted
        raise Refused("calibration_damaged", f"The calibration {path.name} holds a value that is no number.")
    return familiar, limit


def open_calibration(folder: Path, sha256: str | None = None) -> tuple[Familiar, Band] | None:
    """Of a policy's folder; None where it was not calibrated.  `Refused("calibration_damaged")` as in `calibration_in` and
    `load_calibration`."""
    path = calibration_in(folder, sha256)
    return load_calibration(path) if path is not None else None
