"""Numbers: they are numbers, within the Embodiment's limits, and do not jump."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from episodes.data.checks.finding import Finding, Severity
from episodes.data.checks.motion import UNKNOWN, is_place, said_speed_limit, speed_limit, steps
from episodes.data.checks.recording import Recording, Span, joined, runs
from protocol.embodiment import Axis, Quantity

BEYOND = 0.01  # of the range: so far outside of a limit is rounding
PEAK = 0.1  # of the range: so far may a measured rate or effort be beyond for one row
JUMP = 1.6  # times what full speed reaches between two rows, more than in the rows beside it
FAST = 2.0  # times the same, whatever was beside it: a row holds 1.2 control periods at most, an arm overshoots by half
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
    """`limit`: a sensed or carried-out number is outside of what the Embodiment says is possible.

    A place has a stop and an action a gate: one row beyond is wrong.  The limits of sensed rates, forces and torques are what
    the drive is rated for, and a touch or a brake passes them for less than two rows: such a peak may go `PEAK` beyond.
    """
    found = []
    for block, items in _limited(recording):
        for number, item in enumerate(items):
            column = block[:, number]
            for span in joined(_beyond(item, column), recording.rows_in(0.5)):
                part = column[span[0] : span[1] + 1]
                worst = float(part[np.nanargmax(np.abs(part - (item.low + item.high) / 2))])
                sentence = (
                    f"{item.name} is {worst:.3g} {item.unit} {recording.spoken(span)}; "
                    f"its limits are {item.low:.3g} and {item.high:.3g}."
                )
                found.append(Finding(code="limit", severity="warning", sentence=sentence, first=span[0], last=span[1]))
    return found


def _beyond(item: Quantity | Axis, column: NDArray[np.float64]) -> list[Span]:
    """Where `column` is outside of the limits of `item`, peaks that a sensed rate or effort may have left out."""
    excess = np.maximum(item.low - column, column - item.high) / (item.high - item.low)
    excess[~np.isfinite(excess)] = 0.0
    spans = runs(excess > BEYOND)
    if isinstance(item, Axis) or is_place(item):
        return spans
    return [span for span in spans if span[1] > span[0] or excess[span[0]] > PEAK]


def _limited(recording: Recording) -> list[tuple[NDArray[np.float64], tuple[Quantity | Axis, ...]]]:
    return [(recording.state, recording.embodiment.state), (recording.done, recording.embodiment.action)]


def jumps(recording: Recording) -> list[Finding]:
    """`jump`: a place changed from one row to the next by far more than full speed allows and than it did in the rows beside,
    or the action that was carried out by far more than its slew allows (a rate may fall to zero at once).

    Beside: an arm that is faster than its limit has no jump, and one that is carried against the motion is none the smaller.
    """
    late = np.maximum(np.diff(recording.mono_s) / recording.period_s, 1.0)
    late[~np.isfinite(late)] = 1.0
    change, which = steps(recording)
    signed = np.nan_to_num(change, nan=0.0, posinf=0.0, neginf=0.0) / late[:, None]
    alone = _alone(signed)
    far = (alone > JUMP) | (np.abs(signed) > FAST)
    found = []
    for column, number in enumerate(which):
        quantity = recording.embodiment.state[number]
        if quantity.name.rpartition("_")[2] in _TURNS:
            continue  # a rotation vector turns over as a whole; the joints show a jump of it
        if quantity.unit == UNKNOWN and said_speed_limit(recording.embodiment, number) is None:
            continue  # limits that were only seen, not said, forbid nothing
        for row in joined(runs(far[:, column]), 2):
            rows = slice(row[0], row[1] + 1)
            most = float(np.maximum(alone[rows, column], np.abs(signed[rows, column])).max())
            step = most * speed_limit(recording.embodiment, number) * recording.period_s
            found.append(_jump(recording, row, f"{quantity.name} jumps by {step:.3g} {quantity.unit}", most))
    return found + _action_jumps(recording, late)


def _alone(change: NDArray[np.float64]) -> NDArray[np.float64]:
    """[N, P] by how much each step differs from both the one before and the one after; at the ends from the only one."""
    apart = np.abs(np.diff(change, axis=0))
    edge = np.full((1, change.shape[1]), np.inf if len(change) > 1 else 0.0)
    return np.asarray(np.minimum(np.vstack([edge, apart]), np.vstack([apart, edge])), np.float64)


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
