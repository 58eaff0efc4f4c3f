"""One step of step mode: a displacement, driven until covered or its life is over.  Knows no leases, no limits."""

from __future__ import annotations

from collections.abc import Sequence

from protocol.embodiment import Axis
from protocol.errors import Refused
from robot.kernel.lease import GOAL_S

ENOUGH = 1e-6  # metres or radians that are not worth another tick
SHARE = 0.4  # of each axis' limit: what the gate still lets pass at 500 ms of latency


class Step:
    """`delta` float[A]: rates times seconds for rate axes, the wanted value for the others.  It dies at `until_s`."""

    def __init__(self, delta: Sequence[float], axes: Sequence[Axis], until_s: float) -> None:
        """`Refused("goal_too_far")` when it could not be covered in a whole life."""
        self.until_s = until_s
        self._axes = axes
        self._left = list(delta)
        if any(seconds > GOAL_S for seconds in self._seconds()):
            raise Refused("goal_too_far", f"A step must be done within {GOAL_S:.0f} s; make it smaller.")

    def values(self, dt_s: float) -> tuple[float, ...]:
        """The action float[A] of the next tick of `dt_s`: straight towards the goal, never past it."""
        seconds, left = max([dt_s, *self._seconds()]), self._left
        return tuple(left[i] / seconds if axis.is_rate else left[i] for i, axis in enumerate(self._axes))

    def moved(self, done: Sequence[float], dt_s: float) -> None:
        """What the gate let through in a tick of `dt_s` no longer has to be covered."""
        for index, axis in enumerate(self._axes):
            if axis.is_rate:
                left = self._left[index] - done[index] * dt_s
                self._left[index] = left if abs(left) > ENOUGH else 0.0

    def _seconds(self) -> list[float]:
        """What each rate axis still needs at its share."""
        return [
            abs(self._left[index]) / (max(axis.high, -axis.low) * SHARE) for index, axis in enumerate(self._axes) if axis.is_rate
        ]
