"""Looks through a whole episode: runs every check, scores it, draws the poster, lays out the player's columns.  No Django."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from episodes.data.checks.files import PILOTS as PILOTS
from episodes.data.checks.files import open_episode
from episodes.data.checks.finding import Finding, Trim
from episodes.data.checks.idle import proposed_trim
from episodes.data.checks.recording import Recording
from episodes.data.checks.registry import check
from episodes.data.checks.signature import Signature, signature_of
from episodes.data.scores import scores
from protocol.errors import Refused

POSTER_WIDTH = 320
_DECODING = 0.9  # share of the work


class Examined(msgspec.Struct, frozen=True, kw_only=True):
    """`band`: (first row, last row, pilot); `columns`: what each column of the matrix is, in its order, empty when the
    episode cannot be played."""

    findings: tuple[Finding, ...] = ()
    scores: dict[str, float] = {}
    trim: Trim | None = None
    pilots: dict[str, int] = {}
    band: tuple[tuple[int, int, str], ...] = ()
    columns: tuple[dict[str, Any], ...] = ()
    signature: Signature | None = None

    def as_json(self) -> dict[str, Any]:
        """For the episode's row; the signature has a row of its own."""
        found: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(self, signature=None))
        del found["signature"]
        return found


def examine(folder: Path, poster: Path, columns: Path, progress: Callable[[float], None] = lambda _: None) -> Examined:
    """Writes `poster` (JPEG) and `columns` (float32 little-endian, column after column), unless it cannot be played.

    Whatever the folder holds, the answer is an `Examined`; only a disk that cannot be written raises `OSError`.
    """
    opened = open_episode(folder, lambda share: progress(_DECODING * share))
    recording = opened.recording
    if recording is None:
        return Examined(findings=tuple(opened.findings))
    pilots = list(recording.pilots)
    band = tuple(_band(pilots))
    found = tuple(opened.findings + check(recording))
    described: list[dict[str, Any]] = []
    if opened.table is not None:
        described, matrix = _columns(recording, opened.table)
        poster.parent.mkdir(parents=True, exist_ok=True)
        _write(columns, matrix.astype("<f4").tobytes())
        if recording.meta.cameras and (picture := recording.views[recording.meta.cameras[0]].poster) is not None:
            _write(poster, _jpeg(picture))
    return Examined(
        findings=found,
        scores=scores(recording),
        trim=proposed_trim(recording),
        pilots={name: pilots.count(name) for name in PILOTS if name in pilots},
        band=band,
        columns=tuple(described),
        signature=signature_of(recording),
    )


def _jpeg(picture: NDArray[np.uint8]) -> bytes:
    height = round(picture.shape[0] * POSTER_WIDTH / picture.shape[1])
    small = cv2.resize(picture, (POSTER_WIDTH, height), interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 82])
    if not done:
        raise Refused("episode_damaged", "The poster cannot be drawn.")
    return bytes(data)


def _columns(recording: Recording, table: Any) -> tuple[list[dict[str, Any]], NDArray[np.float32]]:
    described: list[dict[str, Any]] = []
    values: list[NDArray[Any]] = []

    def add(kind: str, name: str, unit: str, column: NDArray[Any], low: float | None, high: float | None) -> None:
        described.append({"kind": kind, "name": name, "unit": unit, "low": low, "high": high})
        values.append(column)

    embodiment = recording.embodiment
    add("time", "time", "s", recording.mono_s - recording.mono_s[0], None, None)
    quantities = [(q.name, q.unit, q.low, q.high) for q in embodiment.state]
    axes = [(axis.name, axis.unit, axis.low, axis.high) for axis in embodiment.action]
    blocks = (("state", recording.state, quantities), ("asked", recording.asked, axes), ("done", recording.done, axes))
    for kind, block, parts in blocks:
        for number, (name, unit, low, high) in enumerate(parts):
            add(kind, name, unit, block[:, number], low, high)
    add("latency", "latency", "ms", recording.latency_ms, 0.0, None)
    add("pilot", "pilot", "", np.array([PILOTS.index(name) for name in recording.pilots]), 0.0, len(PILOTS) - 1.0)
    add("clamps", "clamps", "", table["clamps"].to_numpy(), 0.0, None)
    add("uncertainty", "uncertainty", "", table["uncertainty"].to_numpy(), 0.0, 1.0)
    for camera in recording.meta.cameras:
        captured = recording.capture_ns[camera]
        lag = np.where(captured > 0, (recording.time_ns - captured) / 1e6, np.nan)
        add("lag", camera, "ms", lag, 0.0, None)
        add("repeated", camera, "", recording.repeated[camera], 0.0, 1.0)
    return described, np.stack([np.asarray(column, np.float32) for column in values])


def _band(pilots: list[str]) -> list[tuple[int, int, str]]:
    """Stretches of one pilot each."""
    band: list[tuple[int, int, str]] = []
    first = 0
    for row in range(1, len(pilots) + 1):
        if row == len(pilots) or pilots[row] != pilots[first]:
            band.append((first, row - 1, pilots[first]))
            first = row
    return band


def _write(path: Path, data: bytes) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(data)
    os.replace(partial, path)
