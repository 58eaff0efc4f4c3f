"""Faults of numbers: not a number, infinite, beyond a limit, a jump."""

from __future__ import annotations

import numpy as np

from episodes.data.checks.motion import places, speed_limit
from episodes.data.faults.copy import Copy
from episodes.data.faults.fault import Fault

JUMP_TIMES = 3.0  # what is possible between two rows
BEYOND = 0.03  # of the range
_BLOCKS = ("state", "action", "action_done")


def not_a_number(copy: Copy, rng: np.random.Generator) -> Fault:
    """One number of one row."""
    return _one(copy, rng, np.nan, "not_a_number")


def infinite(copy: Copy, rng: np.random.Generator) -> Fault:
    """One number of one row."""
    return _one(copy, rng, np.inf * rng.choice([-1, 1]), "infinite")


def _one(copy: Copy, rng: np.random.Generator, value: float, code: str) -> Fault:
    block = copy.columns[str(rng.choice(_BLOCKS))]
    row = int(rng.integers(copy.rows))
    block[row, int(rng.integers(block.shape[1]))] = value
    return Fault((code,), row, row)


def limit(copy: Copy, rng: np.random.Generator) -> Fault:
    """A sensed number three hundredths of its range beyond its limit, for three rows."""
    number = int(rng.integers(len(copy.embodiment.state)))
    quantity = copy.embodiment.state[number]
    first = int(rng.integers(0, copy.rows - 2))
    wide = quantity.high - quantity.low
    up = rng.random() < 0.5
    copy.columns["state"][first : first + 3, number] = quantity.high + BEYOND * wide if up else quantity.low - BEYOND * wide
    return Fault(("limit",), first, first + 2)


def jump(copy: Copy, rng: np.random.Generator) -> Fault:
    """From one row on a place is elsewhere, by three times what is possible between two rows; or one row's action is."""
    row = int(rng.integers(1, copy.rows))
    sign = float(rng.choice([-1.0, 1.0]))
    if rng.random() < 0.7:
        numbers = [n for n in places(copy.embodiment) if not copy.embodiment.state[n].name.endswith(("_rx", "_ry", "_rz"))]
        number = int(rng.choice(numbers))
        size = JUMP_TIMES * speed_limit(copy.embodiment, number) / copy.meta.record_hz
        copy.columns["state"][row:, number] += sign * size
    else:
        number = int(rng.integers(len(copy.embodiment.action)))
        axis = copy.embodiment.action[number]
        size = JUMP_TIMES * axis.slew / copy.meta.record_hz
        before = float(copy.columns["action_done"][row - 1, number])
        away = before + sign * size if axis.is_rate and before == 0.0 else before + np.copysign(size, before or sign)
        if not axis.is_rate and not axis.low <= away <= axis.high:
            away = before - np.copysign(size, away - before)
        copy.columns["action_done"][row, number] = away
    return Fault(("jump",), row - 1, row)
