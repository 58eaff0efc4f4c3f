"""Judges the numbers of a command before anything acts on them.  Limits are the gate's business."""

from __future__ import annotations

from collections.abc import Sequence

from protocol.embodiment import Axis
from protocol.errors import Refused

FLOAT32_MAX = (2 - 2**-23) * 2.0**127
FLOAT32_TINY = 2.0**-126  # smaller ones are denormal: no stick sends them, and they can slow a processor down


def check_values(values: Sequence[float], axes: Sequence[Axis]) -> None:
    """`Refused` with `axis_count`, `not_finite` (also beyond float32) or `denormal`."""
    if len(values) != len(axes):
        raise Refused("axis_count", f"This robot has {len(axes)} axes; the command has {len(values)}.")
    for index, axis in enumerate(axes):
        value = values[index]
        if not abs(value) <= FLOAT32_MAX:
            raise Refused("not_finite", f"The value of {axis.name} is not a finite number.")
        if 0 < abs(value) < FLOAT32_TINY:
            raise Refused("denormal", f"The value of {axis.name} is too small to mean anything.")


def is_neutral(values: Sequence[float], axes: Sequence[Axis]) -> bool:
    """Whether every rate is exactly zero; targets such as a gripper do not count."""
    return not any(values[index] for index, axis in enumerate(axes) if axis.is_rate)
