"""What an episode is recognised by: a hash of its content, and a short portrait that small changes hardly change."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from episodes.data.checks.finding import Finding
from episodes.data.checks.idle import ends
from episodes.data.checks.motion import places
from episodes.data.checks.recording import Recording
from episodes.data.checks.view import View

ALIKE_PATH = 0.002  # root mean square over places and time, of a place's range
ALIKE_PICTURE = 8.0  # grey levels, brightness set aside, over the parts of the picture that differ most
ALIKE_ROWS, FEW_ROWS = 0.12, 6  # share of the length by which two may differ; so many rows in any case
_POINTS = 32  # in time
_MOST_PLACES = 16
_PICTURE = (16, 12)  # pixels of the mean of all pictures of a camera: some rows more or less hardly change it
_CHANGED = 20  # one in so many of those pixels: another thing on the table changes few
_MEANWHILE = 0.15  # of the whole time: so much earlier or later may the other have been at a place

Matrix = NDArray[np.float64]


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """`exact`: sha256 hex.  `near`: a `_Portrait` as MessagePack."""

    exact: str
    embodiment: str  # hash
    rows: int
    near: bytes


class _Portrait(msgspec.Struct, frozen=True, array_like=True):
    """`path` float16[POINTS, P], each place from 0 to 1 within its limits; `pictures` uint8[cameras, 12, 16]."""

    path: bytes
    pictures: bytes


def signature_of(recording: Recording) -> Signature:
    """The same for a copy of an episode under another id; `near` is for `alike`."""
    digest = hashlib.sha256()
    for block in (recording.state, recording.done):
        digest.update(np.ascontiguousarray(block, np.float32).tobytes())
    views = [recording.views[camera] for camera in sorted(recording.views) if recording.views[camera].count]
    for view in views:
        digest.update(view.small[[0, view.count // 2, view.count - 1]].tobytes())
    portrait = _Portrait(_path(recording).astype(np.float16).tobytes(), b"".join(map(_mean, views)))
    near = msgspec.msgpack.encode(portrait)
    return Signature(exact=digest.hexdigest(), embodiment=recording.embodiment.hash, rows=recording.rows, near=near)


def _path(recording: Recording) -> Matrix:
    """[POINTS, P] without the idle ends, evenly in time."""
    head, tail = ends(recording)
    first, last = (0, recording.rows - 1) if head == recording.rows else (head, recording.rows - 1 - tail)
    rows, at = np.arange(recording.rows), np.linspace(first, last, _POINTS)
    columns = []
    for number in places(recording.embodiment)[-_MOST_PLACES:]:
        quantity = recording.embodiment.state[number]
        values = np.nan_to_num(recording.state[:, number], nan=0.0, posinf=0.0, neginf=0.0)
        columns.append((np.interp(at, rows, values) - quantity.low) / (quantity.high - quantity.low))
    return np.stack(columns, axis=1) if columns else np.zeros((_POINTS, 0))


def _mean(view: View) -> bytes:
    some = view.small[:: max(1, view.count // 1000)].mean(axis=0, dtype=np.float32)
    return np.asarray(cv2.resize(some, _PICTURE, interpolation=cv2.INTER_AREA)).round().astype(np.uint8).tobytes()


def duplicates(mine: Signature, others: Sequence[tuple[str, Signature]]) -> list[Finding]:
    """`duplicate` (rejected) or `near_duplicate`, naming the first of `others` (what to call it, its signature)."""
    for name, other in others:
        if other.exact == mine.exact:
            sentence = f"The same content as {name}. Keep one of them."
            return [Finding(code="duplicate", severity="reject", sentence=sentence, last=mine.rows - 1)]
    portrait = _Seen.of(mine)
    for name, other in others:
        if _apart(portrait, _Seen.of(other)) <= ALIKE_PATH:
            sentence = f"Nearly the same motion and pictures as {name}. Keep one of them."
            return [Finding(code="near_duplicate", severity="warning", sentence=sentence, last=mine.rows - 1)]
    return []


def alike(mine: Signature, other: Signature) -> bool:
    """Whether two episodes show the same motion in the same scene, give or take some rows at the ends.

    Nobody does the same twice to within 0.2 % of the robot's reach, and objects hardly lie in the same places again.
    """
    return _apart(_Seen.of(mine), _Seen.of(other)) <= ALIKE_PATH


def near_pairs(known: Sequence[tuple[str, Signature]], most: int = 50) -> list[tuple[str, str, float]]:
    """The pairs that are `alike`, nearest first: (name, name, how far apart their paths are as a share of the reach)."""
    seen = [(name, _Seen.of(signature)) for name, signature in known]
    pairs = [(name, other, _apart(mine, its)) for at, (name, mine) in enumerate(seen) for other, its in seen[at + 1 :]]
    return sorted((pair for pair in pairs if pair[2] <= ALIKE_PATH), key=lambda pair: pair[2])[:most]


@dataclass(frozen=True)
class _Seen:
    """A signature unpacked, to be compared with many."""

    embodiment: str
    rows: int
    path: Matrix  # [POINTS, P]
    scenes: Matrix  # [cameras, pixels], brightness set aside

    @classmethod
    def of(cls, signature: Signature) -> _Seen:
        portrait = msgspec.msgpack.decode(signature.near, type=_Portrait)
        path = np.frombuffer(portrait.path, np.float16).astype(np.float64).reshape(_POINTS, -1)
        scenes = np.frombuffer(portrait.pictures, np.uint8).astype(np.float64).reshape(-1, _PICTURE[0] * _PICTURE[1])
        return cls(signature.embodiment, signature.rows, path, scenes - scenes.mean(axis=1, keepdims=True))


def _most_off(rows: int, others: int) -> float:
    """Rows by which the length of two episodes that are alike may differ: ends are cut in rows, whatever the length."""
    return max(ALIKE_ROWS * max(rows, others), FEW_ROWS)


def _apart(mine: _Seen, other: _Seen) -> float:
    """Root mean square between two paths, of a place's range; infinite between episodes that differ in anything else."""
    if mine.embodiment != other.embodiment or abs(mine.rows - other.rows) > _most_off(mine.rows, other.rows):
        return np.inf
    if mine.path.shape != other.path.shape or mine.scenes.shape != other.scenes.shape:
        return np.inf
    if _scenes_apart(mine.scenes, other.scenes) > ALIKE_PICTURE:
        return np.inf
    return max(_off(mine.path, other.path), _off(other.path, mine.path))


def _scenes_apart(scenes: Matrix, others: Matrix) -> float:
    """Grey levels; the largest of all cameras."""
    most = scenes.shape[1] // _CHANGED
    changed = np.partition(np.abs(scenes - others), -most, axis=1)[:, -most:]
    return float(changed.mean(axis=1).max(initial=0.0))


def _off(path: Matrix, other: Matrix) -> float:
    """Root mean square distance of the inner points of `path` from the line through `other`'s, about the same time."""
    if not path.shape[1]:
        return 0.0
    start, along = other[:-1], np.diff(other, axis=0)
    length = np.maximum((along**2).sum(axis=1), 1e-12)
    edge = max(1, round(_MEANWHILE * _POINTS))
    squares = []
    for number in range(edge, _POINTS - edge):
        near = slice(max(0, number - edge), number + edge)
        part = np.clip(((path[number] - start[near]) * along[near]).sum(axis=1) / length[near], 0.0, 1.0)
        nearest = start[near] + part[:, None] * along[near]
        squares.append(((path[number] - nearest) ** 2).mean(axis=1).min())
    return float(np.sqrt(np.mean(squares)))
