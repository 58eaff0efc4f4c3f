"""How long after an action the state follows, by cross correlation; too long means that the two do not belong together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from episodes.data.checks.finding import Finding
from episodes.data.checks.motion import steps
from episodes.data.checks.recording import Recording

LAG_S = 0.09  # above the arm's own
TARGET_LAG_S = 0.3  # an arm that is given places to go to takes its time
EARLY_S = -0.06  # the state cannot know what will be asked
_BEFORE_S, _AFTER_S = 0.3, 0.8  # how far is looked
_SHARE = 1 / 3  # of the episode at most: what little would overlap beyond is alike by chance
_SURE = 0.6  # correlation below which nothing is said
_BUSY = 0.05  # standard deviation of an axis, of its range, below which it says nothing

Matrix = NDArray[np.float64]


def lag_s(recording: Recording) -> float | None:
    """Seconds by which the state follows what was carried out; None where nothing can be said.

    Each axis is compared with the place of the state that follows it best; the correlations of all axes are added, and
    the top is found between rows by a parabola through its three highest points.
    """
    change, _ = steps(recording)
    asked, weights = _drives(recording)
    if change.shape[0] < recording.rows_in(1.0) or not asked.shape[1] or not change.shape[1]:
        return None
    change = np.nan_to_num(change, nan=0.0, posinf=0.0, neginf=0.0)
    most = int(_SHARE * len(change))
    offsets = np.arange(-min(most, recording.rows_in(_BEFORE_S)), min(most, recording.rows_in(_AFTER_S)) + 1)
    total, weight = np.zeros(len(offsets)), 0.0
    for column in range(asked.shape[1]):
        curves = np.abs([_correlation(asked[:, column], change, int(offset)) for offset in offsets])  # [offsets, P]
        best = int(curves.max(axis=0).argmax())
        if curves[:, best].max() >= _SURE:
            total += weights[column] * curves[:, best]
            weight += weights[column]
    if not weight:
        return None
    return _top(total / weight, offsets) * recording.period_s


def _drives(recording: Recording) -> tuple[Matrix, list[float]]:
    """What drives the arm, between rows [N-1, D], and how much each column counts: rates, or where there are none the
    changes of targets."""
    axes = recording.embodiment.action
    rates = any(axis.is_rate for axis in axes)
    done = np.nan_to_num(recording.done, nan=0.0, posinf=0.0, neginf=0.0)
    columns, weights = [], []
    for number, axis in enumerate(axes):
        if axis.is_rate == rates:
            values = done[:, number] / (axis.high - axis.low)
            if values.std() > _BUSY:
                columns.append((values[1:] + values[:-1]) / 2 if rates else np.diff(values))
                weights.append(float(values.var()))
    return (np.stack(columns, axis=1) if columns else np.zeros((len(done) - 1, 0))), weights


def _correlation(asked: Matrix, change: Matrix, offset: int) -> Matrix:
    """[P] of asked[t] and change[t + offset]."""
    size = len(asked) - abs(offset)
    if size < 10:
        return np.zeros(change.shape[1])
    early, late = asked[max(0, -offset) :][:size], change[max(0, offset) :][:size]
    early, late = early - early.mean(), late - late.mean(axis=0)
    scale = np.sqrt((early**2).sum() * (late**2).sum(axis=0))
    return np.where(scale > 1e-9, early @ late / np.maximum(scale, 1e-9), 0.0)


def _top(curve: Matrix, offsets: NDArray[np.int64]) -> float:
    peak = int(curve.argmax())
    if not 0 < peak < len(curve) - 1:
        return float(offsets[peak])
    before, here, after = curve[peak - 1 : peak + 2]
    bend = before - 2 * here + after
    return float(offsets[peak] + (0.5 * (before - after) / bend if bend < 0 else 0.0))


def lagging(recording: Recording) -> list[Finding]:
    """`lag`: the state follows the action later than an arm does, or earlier than it can."""
    lag = lag_s(recording)
    if lag is None:
        return []
    most = LAG_S if any(axis.is_rate for axis in recording.embodiment.action) else TARGET_LAG_S
    if EARLY_S <= lag <= most:
        return []
    how = "follows" if lag > 0 else "comes before"
    sentence = f"The state {how} the action by {1e3 * abs(lag):.0f} ms. Check that both carry the time they were read at."
    return [Finding(code="lag", severity="warning", sentence=sentence, last=recording.rows - 1)]
