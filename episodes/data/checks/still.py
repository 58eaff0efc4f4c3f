"""Whether pictures go on while the robot does.  A scene at rest is no frozen camera: nobody moves, nothing changes.

What a camera must see is learned from the episode itself: whenever the arm went so far, its pictures changed by so much;
here it went as far and they did not.  Simulated cameras have no noise, so equal pictures alone say nothing.  Fingers that
close fill the picture of a wrist camera while the arm hardly moves: what they change says nothing of what the arm does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from episodes.data.checks.finding import Finding
from episodes.data.checks.motion import places, route, travelled
from episodes.data.checks.pictures import empty
from episodes.data.checks.recording import Recording, Span, runs
from episodes.data.checks.view import View

FROZEN_S = 0.4  # so long at least; a shorter stand is a few dropped pictures
DROPPED = 3  # pictures in a row
_BRIGHTEST = 100  # the change of a picture is the mean over one in so many of its pixels, those that changed most
_SAME = 2.5  # grey levels by which a picture differs from itself once it was coded twice
_SETTLES = 0.1  # or this share of what it usually changes, where that is more: a coder takes long over much that is new
_SEEN = 2.5  # times that much must a picture have changed elsewhere to be missed here
_ENOUGH = 2000  # of them, at each distance in time
_FEWEST = 8  # pairs of rows from which that is learned
_LAGS_S = (0.0333, 0.0667, 0.1, 0.1667, 0.2667, 0.4, 0.6)
_NEAR = 0.1  # rows at full speed: less than that nobody sees
_SLOWLY = 1.0  # rows at full speed that are far even where no single step can be seen
_AGAIN = 1.3  # times what a coder changes: a key frame codes the same picture anew
_KEPT = 0.5  # of the pace around it
_LEAP = 0.7  # times the usual change from picture to picture at least: a fine texture changes no more over a longer way
_FAR = 8.0  # rows at full speed that every camera must notice, when the episode has nothing else to learn from

Matrix = NDArray[np.float64]


def change(view: View, first: int, last: int) -> float:
    """Grey levels between two pictures, over the pixels that changed most: a small thing moves few of them."""
    return float(_changes(view.small[first : first + 1], view.small[last : last + 1])[0])


def _changes(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> Matrix:
    """[M] for M pairs."""
    apart = np.abs(after.astype(np.int16) - before).reshape(len(before), -1)
    most = max(1, apart.shape[1] // _BRIGHTEST)
    return np.asarray(np.partition(apart, -most, axis=1)[:, -most:].mean(axis=1), np.float64)


def _changes_over(view: View, firsts: NDArray[np.int64], lag: int) -> Matrix:
    """[M] from each of `firsts` to `lag` pictures later, in pieces that stay small."""
    pieces = np.array_split(firsts, max(1, len(firsts) // 2000))
    return np.concatenate([_changes(view.small[piece], view.small[piece + lag]) for piece in pieces])


@dataclass(frozen=True)
class Seen:
    """Pairs of rows: how far the robot went between them, and by how much the picture changed."""

    travel: Matrix
    change: Matrix

    def least(self, travel: float) -> float | None:
        """What a picture changes at least when the robot goes about that far; None where too little is known."""
        near = (self.travel >= 0.4 * travel) & (self.travel <= 1.1 * travel)
        return float(np.quantile(self.change[near], 0.1)) if near.sum() >= _FEWEST else None


@dataclass(frozen=True)
class Ways:
    """[N, P] where the robot was, in rows at full speed from its first place."""

    arm: Matrix
    fingers: Matrix

    @property
    def all(self) -> Matrix:
        return np.hstack([self.arm, self.fingers])


def frozen(recording: Recording) -> list[Finding]:
    """`frozen`: a camera shows the same picture for 0.4 s or more while the robot moves; `dropped`: for three or more."""
    found = []
    ways = _ways(recording)
    for camera in recording.views:
        flagged = recording.repeated[camera]
        for span in _stopped(recording, camera, ways):
            if flagged[span[0] + 1 : span[1] + 1].all():
                continue  # `repeats` says so
            count = span[1] - span[0]
            long = count + 1 >= recording.rows_in(FROZEN_S)
            code = "frozen" if long else "dropped"
            what = f"shows the same picture for {count / recording.meta.record_hz:.1f} s" if long else f"misses {count} pictures"
            sentence = f"{camera} {what} while the robot moves, {recording.spoken(span)}."
            found.append(Finding(code=code, severity="warning", sentence=sentence, camera=camera, first=span[0], last=span[1]))
    return found


def _ways(recording: Recording) -> Ways:
    arm = places(recording.embodiment, arm_only=True)
    fingers = [number for number in places(recording.embodiment) if number not in arm]
    return Ways(route(recording, arm), route(recording, fingers))


def _stopped(recording: Recording, camera: str, ways: Ways) -> list[Span]:
    """Rows first..last of one picture that should have been several: the robot went on from row to row, and no row says
    that its picture is old."""
    view = recording.views[camera]
    count = min(view.count, recording.rows)
    if count <= DROPPED:
        return []
    shown = ~np.logical_or(*empty(view))[:count]
    changes = np.concatenate([[np.inf], _changes_over(view, np.arange(count - 1), 1)])
    level = _coded_again(changes[1:], ways.arm)
    same = changes <= level
    same[1:-1] |= (changes[1:-1] <= _AGAIN * level) & (same[:-2] | same[2:])
    same &= shown
    candidates = [(first - 1, last) for first, last in runs(same) if last - first + 1 >= DROPPED]
    candidates = [span for span in candidates if _goes_on(ways.all, recording.repeated[camera], span)]
    if not candidates:
        return []
    apart = np.zeros(count, bool)
    for first, last in candidates:
        apart[first : last + 1] = True
    seen = _learned(recording, view, ways, apart)
    return [span for span in candidates if _missed(view, ways, seen, span, level)]


def _goes_on(way: Matrix, repeated: NDArray[np.bool_], span: Span) -> bool:
    """Whether the robot went on meanwhile: over two rows in turn fast enough to be seen, or slowly and far; rows that say
    themselves that their picture is old do not count."""
    first, last = span
    steps = np.where(repeated[first + 1 : last + 1, None], 0.0, np.diff(way[first : last + 1], axis=0))
    quick = runs(np.abs(steps).max(axis=1, initial=0.0) >= _NEAR / DROPPED)
    return any(end > begin for begin, end in quick) or bool(np.abs(np.cumsum(steps, axis=0)).max(initial=0.0) >= _SLOWLY)


def _coded_again(changes: Matrix, way: Matrix) -> float:
    """Grey levels by which this camera's coder may change a picture that stands, from one picture to the next."""
    moves = np.abs(np.diff(way[: len(changes) + 1], axis=0)).max(axis=1, initial=0.0) >= _NEAR
    return max(_SAME, _SETTLES * float(np.median(changes[moves]))) if moves.any() else _SAME


def _learned(recording: Recording, view: View, ways: Ways, apart: NDArray[np.bool_]) -> Seen:
    """From the rows that are not in question, between which the fingers stood."""
    travels, changes = [], []
    count = len(apart)
    for lag in sorted({recording.rows_in(seconds) for seconds in _LAGS_S}):
        firsts = np.flatnonzero(~(apart[:-lag] | apart[lag:])) if lag < count else np.zeros(0, np.int64)
        firsts = firsts[np.abs(ways.fingers[firsts + lag] - ways.fingers[firsts]).max(axis=1, initial=0.0) < _NEAR]
        firsts = firsts[:: max(1, len(firsts) // _ENOUGH)]
        if len(firsts):
            travels.append(np.abs(ways.arm[firsts + lag] - ways.arm[firsts]).max(axis=1, initial=0.0))
            changes.append(_changes_over(view, firsts, lag))
    return Seen(np.concatenate(travels or [np.zeros(0)]), np.concatenate(changes or [np.zeros(0)]))


def _missed(view: View, ways: Ways, seen: Seen, span: Span, level: float) -> bool:
    first, last = span
    if max(change(view, first, row) for row in range(first + 1, last + 1)) > _AGAIN * level:
        return False  # it creeps: the robot is slow, not the camera
    if last + 1 < view.count and change(view, first, last + 1) < 2 * level:
        return False  # nothing was missed: it goes on where it stopped
    if _leaps(view, ways.all, span, level):
        return True
    travel = travelled(ways.arm, first, last)
    if travel < _NEAR:
        return False
    sets_off = travel < travelled(ways.arm, last, min(last + 1, view.count - 1))
    if sets_off and change(view, first, last + 1) <= max(_around(view, span), default=0.0):
        return False  # the next picture differs for what came after
    least = seen.least(travel)
    if least is None:
        return travel >= _FAR
    return least >= _SEEN * level


def _leaps(view: View, way: Matrix, span: Span, level: float) -> bool:
    """The picture went on before and after, stood meanwhile and then made up for it, while the robot kept its pace."""
    first, last = span
    if first < 2 or last + 3 >= view.count:
        return False
    pace = np.abs(np.diff(way, axis=0)).max(axis=1)
    around = float(np.mean([*pace[first - 2 : first], *pace[last + 1 : last + 3]]))
    within = float(pace[first:last].mean())
    usual = _around(view, span)
    leap = change(view, first, last + 1)
    return within >= _KEPT * around and min(usual) > level and leap >= _LEAP * float(np.mean(usual))


def _around(view: View, span: Span) -> list[float]:
    """By how much each of the pictures beside a span differs from the next: two before it and two after."""
    first, last = span
    near = [*range(max(0, first - 2), first), *range(last + 1, min(last + 3, view.count - 1))]
    return [change(view, row, row + 1) for row in near]


def repeats(recording: Recording) -> list[Finding]:
    """`dropped`: the recorder had no new picture for three rows or more and said so, or the time of capture stood still."""
    found = []
    for camera, flagged in recording.repeated.items():
        captured = recording.capture_ns[camera]
        old = flagged | np.concatenate([[False], (np.diff(captured) == 0) & (captured[1:] > 0)])
        for span in runs(old):
            count = span[1] - span[0] + 1
            if count >= DROPPED:
                sentence = f"{camera} gave no new picture for {count} rows {recording.spoken(span)}."
                found.append(
                    Finding(code="dropped", severity="warning", sentence=sentence, camera=camera, first=span[0], last=span[1])
                )
    return found
