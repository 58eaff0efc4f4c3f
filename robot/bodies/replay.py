"""Plays a recorded episode back as a body: its frames and its state, over and over.  It accepts no motion."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from protocol.embodiment import Embodiment, decode_embodiment
from protocol.errors import Refused
from robot.bodies.body import Body, BodySpec, FrameSource
from robot.bodies.config import read_config
from robot.bodies.pace import row_due
from robot.bodies.still import StillBody


class ReplayConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`episode` is the path of an episode folder."""

    episode: str
    stamp: bool = False


class _Episode(msgspec.Struct, frozen=True):
    """What of `episode.json` a replay needs."""

    embodiment: msgspec.Raw
    rows: int
    record_hz: float


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
        from robot.bodies.recording import ReplayCamera  # PyAV stays out of the kernel

        video = folder / "video" / f"{embodiment.camera(name).name}.mp4"
        return ReplayCamera(video, episode.rows, episode.record_hz, wanted.stamp)

    return BodySpec(embodiment, (), open_body, open_camera)
