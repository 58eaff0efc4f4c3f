"""The only way to an actuator: makes an asked action harmless and says what it changed.  It never asks who asked."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from protocol.clamps import LATENCY, LIMIT, NOT_FINITE, SLEW, SPEED, WORKSPACE
from protocol.embodiment import Axis, Embodiment

FULL_SPEED_S = 0.2  # up to this latency the whole speed is allowed, above it in inverse proportion
BRAKE_S = 0.1  # towards a border of the workspace no faster than would reach it in this time
TRANSLATION = ("vx", "vy", "vz")  # axes, in m/s in the base frame, that move the tool centre point


class Gate:
    """Remembers what it let through last; `last` float[A].  Slowing down is not limited: zero is one tick away."""

    def __init__(self, embodiment: Embodiment, dt_s: float) -> None:
        self._embodiment = embodiment
        self._axes = embodiment.action
        self._dt_s = dt_s
        self._along = {TRANSLATION.index(a.name): i for i, a in enumerate(self._axes) if a.name in TRANSLATION}
        self._speed = max((self._axes[i].high for i in self._along.values()), default=math.inf)
        self.last = [0.0] * len(self._axes)

    def adopt(self, state: Sequence[float]) -> None:
        """Takes the targets (a gripper) from the body's state float[S], where it has a number of the same name."""
        names = [quantity.name for quantity in self._embodiment.state]
        for index, axis in enumerate(self._axes):
            if not axis.is_rate and axis.name in names:
                self.last[index] = min(max(float(state[names.index(axis.name)]), axis.low), axis.high)

    def rest(self) -> tuple[float, ...]:
        """The action float[A] that stands still: rates zero, targets as they are."""
        return tuple(0.0 if axis.is_rate else self.last[index] for index, axis in enumerate(self._axes))

    def step(
        self, asked: Sequence[float] | None, tool_m: Sequence[float] | None, latency_s: float
    ) -> tuple[NDArray[np.float32], int]:
        """(action float32[A], clamp bits) for one tick; `asked` float[A] or None to stand still.

        `tool_m` is the tool centre point in the base frame; where there is a workspace and it is not known, nothing
        translates.  Speed above `FULL_SPEED_S` of latency: v <= v_max * FULL_SPEED_S / latency_s.
        """
        bits = 0
        action = list(self.rest() if asked is None else asked)
        if asked is not None:
            bits |= self._numbers(action) | self._limits(action)
            bits |= self._speeds(action, FULL_SPEED_S / max(latency_s, FULL_SPEED_S))
            bits |= self._borders(action, tool_m) | self._slews(action)
        self.last = action
        return np.array(action, np.float32), bits

    def _numbers(self, action: list[float]) -> int:
        bits = 0
        for index, rest in enumerate(self.rest()):
            if not math.isfinite(action[index]):
                action[index], bits = rest, NOT_FINITE
        return bits

    def _limits(self, action: list[float]) -> int:
        return _clip(action, [(axis.low, axis.high) for axis in self._axes], LIMIT)

    def _speeds(self, action: list[float], share: float) -> int:
        """Rates within `share` of their limits, the translation as a whole so that its direction stays."""
        bounds = [(a.low * share, a.high * share) if a.is_rate else (a.low, a.high) for a in self._axes]
        bit = LATENCY if share < 1 else SPEED
        speed = math.hypot(*(action[index] for index in self._along.values()))
        bits = 0
        if speed > self._speed * share:
            bits = bit
            for index in self._along.values():
                action[index] *= self._speed * share / speed
        return bits | _clip(action, bounds, bit)

    def _borders(self, action: list[float], tool_m: Sequence[float] | None) -> int:
        box = self._embodiment.workspace
        if box is None:
            return 0
        bounds = [(-math.inf, math.inf)] * len(action)
        for side, index in self._along.items():
            if tool_m is None:
                below = above = 0.0
            else:
                below, above = max(tool_m[side] - box.low[side], 0.0), max(box.high[side] - tool_m[side], 0.0)
            bounds[index] = (-below / BRAKE_S, above / BRAKE_S)
        return _clip(action, bounds, WORKSPACE)

    def _slews(self, action: list[float]) -> int:
        return _clip(action, [self._reach(axis, self.last[index]) for index, axis in enumerate(self._axes)], SLEW)

    def _reach(self, axis: Axis, last: float) -> tuple[float, float]:
        """What one tick may reach from `last`: a rate may fall to zero at once but not beyond, and rise by its slew."""
        most = axis.slew * self._dt_s
        if not axis.is_rate:
            return last - most, last + most
        return (last - most if last <= 0 else 0.0), (last + most if last >= 0 else 0.0)


def _clip(action: list[float], bounds: Sequence[tuple[float, float]], bit: int) -> int:
    """Puts each number within its bounds, in place; `bit` when that changed one."""
    bits = 0
    for index, (low, high) in enumerate(bounds):
        if not low <= action[index] <= high:
            action[index], bits = min(max(action[index], low), high), bit
    return bits
