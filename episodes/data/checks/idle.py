"""Rows at either end in which nothing happens: what to cut away."""

from __future__ import annotations

import numpy as np

from episodes.data.checks.finding import Finding, Trim
from episodes.data.checks.motion import places, standing
from episodes.data.checks.recording import Recording

IDLE_S = 1.5  # longer than a person takes to begin or to press stop
TRIM_S = 0.5  # from here on a trim is proposed
_MARGIN_S = 0.2  # that it leaves at the end; at the beginning `standing` ends as early


def ends(recording: Recording) -> tuple[int, int]:
    """How many rows are idle at the beginning and at the end; all and 0 where nothing happens at all."""
    still = standing(recording)
    moving = np.flatnonzero(~still)
    if not len(moving):
        return recording.rows, 0
    return int(moving[0]), recording.rows - 1 - int(moving[-1])


def idle(recording: Recording) -> list[Finding]:
    """`idle_head`, `idle_tail`: a policy would learn to wait; `idle` where nothing happens at all."""
    head, tail = ends(recording)
    if head == recording.rows:
        if not places(recording.embodiment):
            return []
        sentence = "Nothing moves and nothing is asked for in the whole episode."
        return [Finding(code="idle", severity="warning", sentence=sentence, last=recording.rows - 1)]
    found = []
    if head >= recording.rows_in(IDLE_S):
        sentence = f"Nothing happens for the first {recording.second(head):.1f} s. Trim them."
        found.append(Finding(code="idle_head", severity="warning", sentence=sentence, last=head - 1))
    if tail >= recording.rows_in(IDLE_S):
        first = recording.rows - tail
        sentence = f"Nothing happens for the last {recording.second(tail):.1f} s. Trim them."
        found.append(Finding(code="idle_tail", severity="warning", sentence=sentence, first=first, last=recording.rows - 1))
    return found


def proposed_trim(recording: Recording) -> Trim | None:
    """What to keep, 0.2 s around the motion with it; None where neither end is worth the cut."""
    head, tail = ends(recording)
    worth, margin = recording.rows_in(TRIM_S), recording.rows_in(_MARGIN_S)
    if head == recording.rows or max(head, tail) < worth:
        return None
    first = head if head >= worth else 0
    last = recording.rows - 1 - (tail - margin if tail >= worth else 0)
    return Trim(first, min(recording.rows - 1, last))
