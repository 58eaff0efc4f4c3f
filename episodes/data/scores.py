"""Numbers that say how good a demonstration is; to sort by, never to throw away by alone."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from episodes.data.checks.lag import lag_s
from episodes.data.checks.motion import places, speed_limit, standing
from episodes.data.checks.recording import Recording

_MOST_HZ = 10.0
_LEAST_SHARE = 0.05
_PADDING = 4


def scores(recording: Recording) -> dict[str, float]:
    """`smoothness` (SPARC, at most 0, the nearer to it the smoother), `path_efficiency` 0..1, `idle_share` 0..1,
    `operator_latency_ms` (median of what a person drove), `lag_ms`; those that can be said of this episode."""
    path = tool_path(recording)
    speed = np.linalg.norm(np.diff(path, axis=0), axis=1) * recording.meta.record_hz
    found: dict[str, float | None] = {
        "smoothness": spectral_arc_length(speed, recording.meta.record_hz),
        "path_efficiency": path_efficiency(path),
        "idle_share": float(standing(recording).mean()),
        "operator_latency_ms": operator_latency_ms(recording),
    }
    lag = lag_s(recording)
    found["lag_ms"] = None if lag is None else 1e3 * lag
    return {name: round(value, 4) for name, value in found.items() if value is not None and math.isfinite(value)}


def tool_path(recording: Recording) -> NDArray[np.float64]:
    """[N, D]: the tool in metres where the state has it, else all places, each in seconds at its full speed."""
    names = [quantity.name for quantity in recording.embodiment.state]
    metres = [
        number for number, q in enumerate(recording.embodiment.state) if q.unit == "m" and q.name[-2:] in ("_x", "_y", "_z")
    ]
    state = np.nan_to_num(recording.state, nan=0.0, posinf=0.0, neginf=0.0)
    if len(metres) >= 2:
        stem = names[metres[0]][:-2]
        return state[:, [number for number in metres if names[number][:-2] == stem]]
    numbers = places(recording.embodiment, arm_only=True)
    limits = np.array([speed_limit(recording.embodiment, number) for number in numbers])
    return np.asarray(state[:, numbers] / limits, np.float64)


def spectral_arc_length(speed: NDArray[np.float64], hz: float) -> float | None:
    """SPARC of a speed profile [N], dimensionless; None for one that never moves or is too short.

    The length of the normalised amplitude spectrum up to where it has fallen below 0.05 for good, at most 10 Hz; from
    Balasubramanian, Melendez-Calderon, Roby-Brami, Burdet: "On the analysis of movement smoothness", Journal of
    NeuroEngineering and Rehabilitation 12:112, 2015, equations 4 and 5, with the same padding, limit and threshold.
    """
    if len(speed) < 4 or not np.any(speed > 0):
        return None
    size = 2 ** (math.ceil(math.log2(len(speed))) + _PADDING)
    amplitude = np.abs(np.fft.rfft(speed, size))
    frequency = np.arange(len(amplitude)) * hz / size
    amplitude /= amplitude[0]
    within = np.flatnonzero((frequency <= min(_MOST_HZ, hz / 2)) & (amplitude >= _LEAST_SHARE))
    last = max(1, int(within[-1]))
    across = np.diff(frequency[: last + 1]) / frequency[last]
    return -float(np.hypot(across, np.diff(amplitude[: last + 1])).sum())


def path_efficiency(path: NDArray[np.float64]) -> float | None:
    """Straight distance from start to end over the way gone, 0..1; None where nothing moved.

    The straightness index of animal tracks (Batschelet, "Circular Statistics in Biology", 1981); a task that comes back
    to where it began has little of it.
    """
    way = float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())
    return float(np.linalg.norm(path[-1] - path[0])) / way if way > 1e-6 else None


def operator_latency_ms(recording: Recording) -> float | None:
    """Median control latency of the rows that a person drove (robot's clock less capture of the picture last seen)."""
    driven = np.array([pilot == "operator" for pilot in recording.pilots])
    told = recording.latency_ms[driven & np.isfinite(recording.latency_ms)]
    return float(np.median(told)) if len(told) else None
