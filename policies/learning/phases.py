"""Where one phase of a movement ends and the next begins, from recorded proprioception and actions alone.

A phase ends where the gripper is told something else, and where the tool turns sharply on a longer way (a push comes down from
behind).
Where the tool stands at the end of a phase is the hindsight waypoint of all its rows: where the movement was going.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SUBTASKS = ("approach", "grasp", "carry", "release", "hold")
_STILL_M = 0.004  # moved less than that in a phase: it stands
_TURN = np.cos(np.radians(75.0))
_SPAN_S = 0.6  # before and after, over which a direction is measured: a disturbed hand wavers in less
_WAY_M = 0.04  # that it must have gone on both sides, for a turn

Rows = NDArray[np.float64]


def ends(tool: Rows | None, grip: Rows | None, hz: float) -> list[int]:
    """The last row of each phase, rising; the last of them is the last row.  `tool` [N, 3] m, `grip` [N] what was asked of
    the gripper, 0 open to 1 closed."""
    count = len(tool) if tool is not None else len(grip) if grip is not None else 0
    if not count:
        return []
    found = {count - 1}
    if grip is not None:
        found |= set(np.flatnonzero((grip[1:] > 0.5) != (grip[:-1] > 0.5)).tolist())
    if tool is not None:
        found |= _turns(tool, max(1, round(_SPAN_S * hz)), found)
    return sorted(found)


def _turns(tool: Rows, span: int, others: set[int]) -> set[int]:
    """Rows where it turns sharply, the sharpest of each neighbourhood; not beside what ends a phase anyway."""
    if len(tool) <= 2 * span:
        return set()
    before, after = tool[span:-span] - tool[: -2 * span], tool[2 * span :] - tool[span:-span]
    far = np.minimum(np.linalg.norm(before, axis=1), np.linalg.norm(after, axis=1))
    cosine = np.einsum("ni,ni->n", before, after) / np.maximum(
        np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1), 1e-9
    )
    sharp = np.where((far > _WAY_M) & (cosine < _TURN), cosine, 2.0)
    found: set[int] = set()
    while sharp.min(initial=2.0) < 2.0:
        row = int(sharp.argmin())
        if all(abs(row + span - other) > span for other in others):
            found.add(row + span)
        sharp[max(0, row - 2 * span) : row + 2 * span + 1] = 2.0
    return found


def waypoints(tool: Rows, phase_ends: list[int]) -> Rows:
    """[N, 3] m: where the tool stands at the end of each row's phase."""
    return np.asarray(tool[_which(phase_ends)], np.float64)


def subtasks(tool: Rows | None, grip: Rows | None, phase_ends: list[int]) -> NDArray[np.int64]:
    """[N] indices into SUBTASKS.  Closing and opening are phases of their own while the tool stands."""
    which = _which(phase_ends)
    named = np.zeros(len(which), np.int64)
    for first, last in zip([0, *(end + 1 for end in phase_ends[:-1])], phase_ends, strict=True):
        closed = grip is not None and grip[last] > 0.5
        way = 0.0 if tool is None else float(np.linalg.norm(tool[last] - tool[first]))
        moves = "carry" if closed else "approach"
        stands = "grasp" if closed else "release"
        rows = slice(first, last + 1)
        if way < _STILL_M:
            after = grip is not None and first > 0 and (grip[first] > 0.5) != (grip[first - 1] > 0.5)
            named[rows] = SUBTASKS.index(stands if after else "hold")
            continue
        named[rows] = SUBTASKS.index(moves)
        if tool is not None and first > 0:
            still = np.linalg.norm(tool[rows] - tool[first], axis=1) < _STILL_M
            named[first : first + int(still.argmin() if not still.all() else len(still))] = SUBTASKS.index(stands)
    return named


def _which(phase_ends: list[int]) -> NDArray[np.int64]:
    """For each row the end of its phase."""
    return np.repeat(phase_ends, np.diff([-1, *phase_ends]))
