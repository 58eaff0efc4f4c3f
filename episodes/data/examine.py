"""Looks through a whole episode: decodes every picture, draws the poster, lays out the player's columns.  No Django."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import av
import cv2
import msgspec
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from episodes.data.checks.finding import Finding, Trim
from protocol.embodiment import Embodiment
from protocol.episode import EpisodeMeta
from protocol.episode_folder import FRAMES, check_folder, embodiment_of, video_path
from protocol.errors import Refused

PILOTS = ("operator", "policy", "primitive", "script", "hold")
POSTER_WIDTH = 320


class Examined(msgspec.Struct, frozen=True, kw_only=True):
    """`band`: (first row, last row, pilot); `columns`: what each column of the matrix is, in its order, empty when the
    episode cannot be played."""

    findings: tuple[Finding, ...] = ()
    scores: dict[str, float] = {}
    trim: Trim | None = None
    pilots: dict[str, int] = {}
    band: tuple[tuple[int, int, str], ...] = ()
    columns: tuple[dict[str, Any], ...] = ()

    def as_json(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found


def examine(folder: Path, poster: Path, columns: Path) -> Examined:
    """Writes `poster` (JPEG) and `columns` (float32 little-endian, column after column), unless it cannot be played."""
    try:
        return _examine(folder, poster, columns)
    except Refused as refused:
        return Examined(findings=(Finding(code=refused.code, severity="reject", sentence=refused.sentence),))


def _examine(folder: Path, poster: Path, columns: Path) -> Examined:
    meta = check_folder(folder)
    embodiment = embodiment_of(meta)
    pictures = [_decode(folder / video_path(camera), meta.rows) for camera in meta.cameras]
    table = pq.read_table(folder / FRAMES)
    time_s = np.asarray(table["mono_s"].to_numpy())
    if not np.all(np.diff(time_s) > 0):
        raise Refused("episode_damaged", f"The times in {FRAMES} do not rise.", path=FRAMES)
    pilots = table["pilot"].to_pylist()
    if unknown := set(pilots) - set(PILOTS):
        raise Refused("episode_damaged", f"{FRAMES} names a pilot that is not known: {sorted(unknown)[0]!r:.40}.")
    described, matrix = _columns(table, meta, embodiment, time_s - time_s[0])
    poster.parent.mkdir(parents=True, exist_ok=True)
    _write(columns, matrix.astype("<f4").tobytes())
    if pictures:
        _write(poster, _jpeg(pictures[0]))
    counted = {name: pilots.count(name) for name in PILOTS if name in pilots}
    return Examined(pilots=counted, band=tuple(_band(pilots)), columns=tuple(described))


def _decode(path: Path, rows: int) -> NDArray[np.uint8]:
    """Decodes all pictures and gives the one in the middle, uint8[H,W,3] BGR."""
    count, middle = 0, None
    try:
        with av.open(str(path), format="mp4", options={"protocol_whitelist": "file"}) as container:
            for frame in container.decode(video=0):
                if count == rows // 2:
                    middle = frame.to_ndarray(format="bgr24")
                count += 1
    except av.FFmpegError as error:
        raise Refused("episode_damaged", f"video/{path.name} cannot be decoded: {error}.") from error
    if count != rows or middle is None:
        raise Refused("episode_damaged", f"video/{path.name}: {count} of {rows} pictures can be decoded.")
    return np.asarray(middle, np.uint8)


def _jpeg(picture: NDArray[np.uint8]) -> bytes:
    height = round(picture.shape[0] * POSTER_WIDTH / picture.shape[1])
    small = cv2.resize(picture, (POSTER_WIDTH, height), interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 82])
    if not done:
        raise Refused("episode_damaged", "The poster cannot be drawn.")
    return bytes(data)


def _columns(
    table: Any, meta: EpisodeMeta, embodiment: Embodiment, time_s: NDArray[np.float64]
) -> tuple[list[dict[str, Any]], NDArray[np.float32]]:
    described: list[dict[str, Any]] = []
    values: list[NDArray[Any]] = []

    def add(kind: str, name: str, unit: str, column: NDArray[Any], low: float | None, high: float | None) -> None:
        described.append({"kind": kind, "name": name, "unit": unit, "low": low, "high": high})
        values.append(column)

    add("time", "time", "s", time_s, None, None)
    quantities = [(q.name, q.unit, q.low, q.high) for q in embodiment.state]
    axes = [(axis.name, axis.unit, axis.low, axis.high) for axis in embodiment.action]
    for kind, source, parts in (("state", "state", quantities), ("asked", "action", axes), ("done", "action_done", axes)):
        block = _vectors(table[source], len(parts))
        for number, (name, unit, low, high) in enumerate(parts):
            add(kind, name, unit, block[:, number], low, high)
    pilots = [PILOTS.index(name) for name in table["pilot"].to_pylist()]
    add("latency", "latency", "ms", table["latency_ms"].to_numpy(), 0.0, None)
    add("pilot", "pilot", "", np.array(pilots), 0.0, len(PILOTS) - 1.0)
    add("clamps", "clamps", "", table["clamps"].to_numpy(), 0.0, None)
    add("uncertainty", "uncertainty", "", table["uncertainty"].to_numpy(), 0.0, 1.0)
    time_ns = table["time_ns"].to_numpy()
    for camera in meta.cameras:
        captured = table[f"capture_ns.{camera}"].to_numpy()
        lag = np.where(captured > 0, (time_ns - captured) / 1e6, np.nan)
        add("lag", camera, "ms", lag, 0.0, None)
        add("repeated", camera, "", table[f"repeated.{camera}"].to_numpy(zero_copy_only=False), 0.0, 1.0)
    return described, np.stack([np.asarray(column, np.float32) for column in values])


def _vectors(column: Any, width: int) -> NDArray[np.float32]:
    """float32[rows, width] of a column of fixed-size lists."""
    flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat, np.float32).reshape(len(column), width)


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
