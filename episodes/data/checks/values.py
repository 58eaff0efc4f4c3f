"""Numbers: they are numbers, within the Embodiment's limits, and do not jump."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from episodes.data.checks.finding import Finding, Severity
from episodes.data.checks.motion import UNKNOWN, said_speed_limit, speed_limit, steps
from episodes.data.checks.recording import Recording, Span, joined, runs
from protocol.embodiment import Axis, Quantity

BEYOND = 0.01  # of the range: so far outside of a limit is rounding
JUMP = 1.6  # times what full speed reaches between two rows: a clean one is late by 20 ms at most
_TURNS = ("rx", "ry", "rz")


def numbers(recording: Recording) -> list[Finding]:
    """`not_a_number`, `infinite`: in what was asked or done, or in the state anywhere but in a hold at either end."""
    found = []
    for name, block in (("state", recording.state), ("action", recording.asked), ("action_done", recording.done)):
        bad: dict[str, NDArray[np.bool_]] = {"not_a_number": np.isnan(block), "infinite": np.isinf(block)}
        for code, mask in bad.items():
            for span in joined(runs(np.logical_or.reduce(mask, axis=1)), recording.rows_in(0.5)):
                severity = _harm(recording, name, code, span)
                which = ", ".join(_names(recording, name, np.logical_or.reduce(mask[span[0] : span[1] + 1], axis=0)))
                what = "no number" if code == "not_a_number" else "an infinite number"
                sentence = f"{name} holds {what} ({which}) {recording.spoken(span)}."
                found.append(Finding(code=code, severity=severity, sentence=sentence, first=span[0], last=span[1]))
    return found


def _harm(recording: Recording, name: str, code: str, span: Span) -> Severity:
    """Before the robot has answered and after it has gone, the recorder says NaN: that can be trimmed away."""
    at_an_end = span[0] == 0 or span[1] == recording.rows - 1
    holds = all(pilot == "hold" for pilot in recording.pilots[span[0] : span[1] + 1])
    return "warning" if name == "state" and code == "not_a_number" and at_an_end and holds else "reject"


def _names(recording: Recording, block: str, columns: NDArray[np.bool_]) -> list[str]:
    items = recording.embodiment.state if block == "state" else recording.embodiment.action
    return [items[int(number)].name for number in np.flatnonzero(columns)][:4]


def limits(recording: Recording) -> list[Finding]:
    """`limit`: a sensed or carried-out number is outside of what the Embodiment says is possible."""
    found = []
    for block, items in _limited(recording):
        for number, item in enumerate(items):
            slack = BEYOND * (item.high - item.low)
            column = block[:, number]
            over = np.isfinite(column) & ((column < item.low - slack) | (column > item.high + slack))
            for span in joined(runs(over), recording.rows_in(0.5)):
                part = column[span[0] : span[1] + 1]
                worst = float(part[np.nanargmax(np.abs(part - (item.low + item.high) / 2))])
                sentence = (
                    f"{item.name} is {worst:.3g} {item.unit} {recording.spoken(span)}; "
                    f"its limits are {item.low:.3g} and {item.high:.3g}."
                )
                found.append(Finding(code="limit", severity="warning", sentence=sentence, first=span[0], last=span[1]))
    return found


def _limited(recording: Recording) -> list[tuple[NDArray[np.float64], tuple[Quantity | Axis, ...]]]:
    return [(recording.state, recording.embodiment.state), (recording.done, recording.embodiment.action)]


def jumps(recording: Recording) -> list[Finding]:
    """`jump`: a place changed from one row to the next by far more than full speed allows, or the action that was
    carried out by far more than its slew allows (a rate may fall to zero at once)."""
    late = np.maximum(np.diff(recording.mono_s) / recording.period_s, 1.0)
    late[~np.isfinite(late)] = 1.0
    change, which = steps(recording)
    far = np.abs(np.nan_to_num(change, nan=0.0, posinf=0.0, neginf=0.0)) / late[:, None]
    found = []
    for column, number in enumerate(which):
        quantity = recording.embodiment.state[number]
        if quantity.name.rpartition("_")[2] in _TURNS:
            continue  # a rotation vector turns over as a whole; the joints show a jump of it
        if quantity.unit == UNKNOWN and said_speed_limit(recording.embodiment, number) is None:
            continue  # limits that were only seen, not said, forbid nothing
        for row in joined(runs(far[:, column] > JUMP), 2):
            most = float(np.abs(change[row[0] : row[1] + 1, column]).max())
            step = most * speed_limit(recording.embodiment, number) * recording.period_s
            found.append(_jump(recording, row, f"{quantity.name} jumps by {step:.3g} {quantity.unit}", most))
    return found + _action_jumps(recording, late)


def _action_jumps(recording: Recording, late: NDArray[np.float64]) -> list[Finding]:
    found = []
    for number, axis in enumerate(recording.embodiment.action):
        done = np.nan_to_num(recording.done[:, number], nan=0.0, posinf=0.0, neginf=0.0)
        before, after = done[:-1], done[1:]
        if axis.is_rate:  # what counts is how far it went away from zero
            before = np.where(np.sign(before) == np.sign(after), before, 0.0)
            away = np.where(np.abs(after) > np.abs(before), np.abs(after - before), 0.0)
        else:
            away = np.abs(after - before)
        allowed = axis.slew * recording.period_s
        for row in joined(runs(away / (allowed * late) > JUMP), 2):
            most = float(away[row[0] : row[1] + 1].max())
            found.append(_jump(recording, row, f"The action {axis.name} jumps by {most:.3g} {axis.unit}", most / allowed))
    return found


def _jump(recording: Recording, between: Span, what: str, times: float) -> Finding:
    span = (between[0], between[1] + 1)
    sentence = f"{what} {recording.spoken(span)}, {times:.1f} times what is possible between two rows."
    return Finding(code="jump", severity="warning", sentence=sentence, first=span[0], last=span[1])
