"""Plays a recorded episode back as a body: its frames and its state, over and over.  It accepts no motion."""

from __future__ import annotations

import time
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import av
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from protocol.embodiment import Embodiment, decode_embodiment
from protocol.errors import Refused
from robot.bodies.body import Body, BodySpec, Frame, FrameSource
from robot.bodies.config import read_config
from robot.bodies.pace import Pace, complete
from robot.bodies.still import StillBody

_SEEK_AHEAD = 30  # frames; further than this it is quicker to seek than to decode


class ReplayConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`episode` is the path of an episode folder."""

    episode: str
    stamp: bool = False


class _Episode(msgspec.Struct, frozen=True):
    """What of `episode.json` a replay needs."""

    embodiment: msgspec.Raw
    rows: int
    record_hz: float


def row_due(mono_s: float, rows: int, hz: float) -> int:
    """The row to show at a monotonic time: the same in every process of the machine, and round and round."""
    return int(mono_s * hz) % rows


class ReplayCamera:
    """A `FrameSource` that decodes one of the episode's videos at the pace of its recording."""

    def __init__(self, video: Path, rows: int, hz: float, stamp: bool) -> None:
        try:
            self._container = av.open(str(video))
        except (OSError, av.FFmpegError) as error:
            raise Refused("episode_unreadable", f"{video} cannot be played: {error}.") from error
        self._stream = self._container.streams.video[0]
        self._frames = self._container.decode(self._stream)
        self._rows, self._hz, self._stamp = rows, hz, stamp
        self._pace = Pace(hz)
        self._shown = -1
        self._image: NDArray[np.uint8] | None = None

    def read(self) -> Frame | None:
        index = self._pace.wait()
        if index is None:
            return None
        started_s = time.perf_counter()
        self._decode_to(row_due(time.monotonic(), self._rows, self._hz))
        return None if self._image is None else complete(index, self._image, started_s, self._stamp)

    def close(self) -> None:
        self._container.close()

    def _decode_to(self, row: int) -> None:
        """Leaves row's picture in `_image`; at the end of a shorter video, the last one."""
        if row < self._shown or row > self._shown + _SEEK_AHEAD:
            at = Fraction(row) / Fraction(self._hz) / (self._stream.time_base or Fraction(1))
            self._container.seek(int(at), stream=self._stream)  # to the key frame before it
            self._frames = self._container.decode(self._stream)
            self._shown = -1
        newest = None
        while self._shown < row:
            frame = next(self._frames, None)
            if frame is None:
                self._shown = row
                break
            seconds = float((frame.pts or 0) * (self._stream.time_base or 1))
            self._shown, newest = round(seconds * self._hz), frame
        if newest is not None:
            self._image = np.asarray(newest.to_ndarray(format="rgb24"), dtype=np.uint8)


def _read_episode(folder: Path) -> tuple[Embodiment, _Episode]:
    try:
        episode = msgspec.json.decode((folder / "episode.json").read_bytes(), type=_Episode)
    except (OSError, msgspec.DecodeError) as error:
        raise Refused("episode_unreadable", f"{folder} is no episode that can be played: {error}.") from error
    if episode.rows < 1 or not 0 < episode.record_hz <= 1000:
        raise Refused("episode_unreadable", f"{folder} holds no rows to play.")
    recorded = decode_embodiment(bytes(episode.embodiment))
    return msgspec.structs.replace(recorded, name=f"{recorded.name}-replay", action=()), episode


def _read_states(folder: Path, size: int) -> NDArray[np.float32]:
    """float32[rows, S]."""
    try:
        column = pq.read_table(folder / "frames.parquet", columns=["state"]).column("state").combine_chunks()
    except (OSError, pa.ArrowException, KeyError) as error:
        raise Refused("episode_unreadable", f"{folder} has no readable rows: {error}.") from error
    values = np.asarray(column.flatten().to_numpy(zero_copy_only=False), dtype=np.float32)
    if len(column) < 1 or values.size != len(column) * size:
        raise Refused("episode_unreadable", f"The rows of {folder} do not fit its embodiment.")
    return values.reshape(len(column), size)


def describe(config: Mapping[str, object], run_dir: Path) -> BodySpec:
    """See `ReplayConfig`; Refused("body_config" | "episode_unreadable")."""
    wanted = read_config(config, ReplayConfig)
    folder = Path(wanted.episode)
    embodiment, episode = _read_episode(folder)
    names = [quantity.name for quantity in embodiment.state]
    tool = [names.index(name) for name in ("tool_x", "tool_y", "tool_z") if name in names]

    def open_body() -> Body:
        states = _read_states(folder, len(names))

        def sense(mono_s: float) -> tuple[NDArray[np.float32], tuple[float, float, float] | None]:
            state = states[row_due(mono_s, len(states), episode.record_hz)]
            if len(tool) != 3:
                return state, None
            x, y, z = (float(state[i]) for i in tool)
            return state, (x, y, z)

        return StillBody(embodiment, sense)

    def open_camera(name: str) -> FrameSource:
        video = folder / "video" / f"{embodiment.camera(name).name}.mp4"
        return ReplayCamera(video, episode.rows, episode.record_hz, wanted.stamp)

    return BodySpec(embodiment, (), open_body, open_camera)
