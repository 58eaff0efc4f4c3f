"""Faults of time: uneven, backwards, missing rows, a lag, an idle beginning or end."""

from __future__ import annotations

import numpy as np

from episodes.data.faults.copy import Copy
from episodes.data.faults.fault import Fault

JITTER_S = 0.015
LAG_S = 0.1
IDLE_S = 1.8
DROPPED = 3


def jitter(copy: Copy, rng: np.random.Generator) -> Fault:
    """The time from row to row varies with a standard deviation of 15 ms; none falls."""
    period = 1.0 / copy.meta.record_hz
    between = np.maximum(period + rng.normal(0.0, JITTER_S, copy.rows - 1), 0.008)
    since = np.concatenate([[0.0], np.cumsum(between)])
    copy.set_times(since)
    return Fault(("jitter",), 0, copy.rows - 1)


def backwards(copy: Copy, rng: np.random.Generator) -> Fault:
    """One row's time lies one millisecond before the row that precedes it."""
    row = int(rng.integers(1, copy.rows))
    copy.columns["mono_s"][row] = copy.columns["mono_s"][row - 1] - 0.001
    return Fault(("time_backwards",), row - 1, row)


def dropped_rows(copy: Copy, rng: np.random.Generator) -> Fault:
    """Three rows and their pictures are gone; the times tell."""
    first = int(rng.integers(1, copy.rows - DROPPED))
    copy.keep_rows(np.delete(np.arange(copy.rows), np.s_[first : first + DROPPED]))
    return Fault(("dropped",), first - 1, first)


def lag(copy: Copy, rng: np.random.Generator) -> Fault:
    """The state is that of 0.1 s ago: a driver that reads late."""
    late = round(LAG_S * copy.meta.record_hz)
    state = copy.columns["state"]
    copy.columns["state"] = np.concatenate([np.repeat(state[:1], late, axis=0), state[:-late]])
    return Fault(("lag",), 0, copy.rows - 1)


def idle_head(copy: Copy, rng: np.random.Generator) -> Fault:
    """Nothing happens at first."""
    added = _idle(copy)
    copy.keep_rows(np.concatenate([np.zeros(added, np.int64), np.arange(copy.rows)]))
    _rest(copy, slice(0, added))
    copy.even_times()
    return Fault(("idle_head",), 0, added - 1)


def idle_tail(copy: Copy, rng: np.random.Generator) -> Fault:
    """Nothing happens any more."""
    added, rows = _idle(copy), copy.rows
    copy.keep_rows(np.concatenate([np.arange(rows), np.full(added, rows - 1)]))
    _rest(copy, slice(rows, rows + added))
    copy.even_times()
    return Fault(("idle_tail",), rows, rows + added - 1)


def _idle(copy: Copy) -> int:
    return round(IDLE_S * copy.meta.record_hz)


def _rest(copy: Copy, rows: slice) -> None:
    """Rates are zero, targets as they are."""
    for number, axis in enumerate(copy.embodiment.action):
        if axis.is_rate:
            for name in ("action", "action_done"):
                copy.columns[name][rows, number] = 0.0
