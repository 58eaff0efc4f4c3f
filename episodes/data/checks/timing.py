"""Times: they rise, they are even, none is missing."""

from __future__ import annotations

import numpy as np

from episodes.data.checks.finding import Finding
from episodes.data.checks.recording import Recording, joined, runs

JITTER_S = 0.011  # standard deviation of the time between rows
_WINDOW_S = 3.0  # in which it is taken
GAP_ROWS = 3.4  # so many periods between two rows: at least three are missing
RATE_OFF = 0.2  # share by which the rate may differ from the one that is claimed


def rising(recording: Recording) -> list[Finding]:
    """`time_backwards`: rejected where the robot's own clock falls or stands, a warning where only its UTC was set back."""
    found = []
    for name, times, severity, why in (
        ("mono_s", recording.mono_s, "reject", "Rows cannot be put in order."),
        ("time_ns", recording.time_ns.astype(np.float64), "warning", "The robot's clock was set meanwhile."),
    ):
        for span in joined(runs(~(np.diff(times) > 0)), recording.rows_in(1.0)):
            row = (span[0], span[1] + 1)
            sentence = f"{name} does not rise {recording.spoken(row)}. {why}"
            found.append(Finding(code="time_backwards", severity=severity, sentence=sentence, first=row[0], last=row[1]))  # type: ignore[arg-type]
        if found:
            break
    for camera, captured in recording.capture_ns.items():
        for first, last in joined(runs(np.diff(captured) < 0), recording.rows_in(1.0)):
            sentence = f"Pictures of {camera} were taken in another order {recording.spoken((first, last + 1))}."
            found.append(
                Finding(code="time_backwards", severity="warning", sentence=sentence, camera=camera, first=first, last=last + 1)
            )
    return found


def even(recording: Recording) -> list[Finding]:
    """`jitter` where rows come unevenly, `rate_mismatch` where another rate than the claimed one was recorded."""
    between = np.diff(recording.mono_s)
    usual = np.isfinite(between) & (between > 0) & (between < GAP_ROWS * recording.period_s)
    if usual.sum() < 3:
        return []
    found = []
    rate = 1.0 / float(np.median(between[usual]))
    if abs(rate / recording.meta.record_hz - 1.0) > RATE_OFF:
        sentence = f"Rows come {rate:.1f} times a second where {recording.meta.record_hz:g} is claimed."
        found.append(Finding(code="rate_mismatch", severity="warning", sentence=sentence, last=recording.rows - 1))
    window = recording.rows_in(_WINDOW_S)
    uneven = np.zeros(recording.rows, bool)
    worst = 0.0
    for first in range(0, max(1, len(between) - window // 2), max(1, window // 2)):
        part = between[first : first + window][usual[first : first + window]]
        spread = float(part.std()) if len(part) >= min(window, len(between)) // 2 else 0.0
        if spread > JITTER_S:
            uneven[first : first + window + 1] = True
            worst = max(worst, spread)
    for span in runs(uneven):
        sentence = f"The time between rows varies by {1e3 * worst:.0f} ms {recording.spoken(span)}; the robot was too busy."
        found.append(Finding(code="jitter", severity="warning", sentence=sentence, first=span[0], last=span[1]))
    return found


def gapless(recording: Recording) -> list[Finding]:
    """`dropped`: three or more rows are missing between two."""
    between = np.diff(recording.mono_s)
    found = []
    for row in np.flatnonzero(between > GAP_ROWS * recording.period_s):
        missing = round(float(between[row]) / recording.period_s) - 1
        sentence = (
            f"{missing} rows are missing at {recording.second(int(row)):.2f} s: nothing was recorded for {between[row]:.2f} s."
        )
        found.append(Finding(code="dropped", severity="warning", sentence=sentence, first=int(row), last=int(row) + 1))
    if recording.meta.rows_lost >= 3:
        sentence = f"The recorder could not keep up: {recording.meta.rows_lost} control ticks were lost."
        found.append(Finding(code="ticks_lost", severity="warning", sentence=sentence, last=recording.rows - 1))
    return found
