"""Faults of whole files: they do not fit together, are cut short, or were here before."""

from __future__ import annotations

import msgspec
import numpy as np

from episodes.data.faults.copy import Copy
from episodes.data.faults.fault import Fault
from protocol.episode import frames_schema
from protocol.episode_folder import video_path

_NOISE = 0.0005  # of a range
_LIGHTER = 3  # grey levels


def count_mismatch(copy: Copy, rng: np.random.Generator) -> Fault:
    """One row more is claimed than there is, or one picture of a camera less."""
    if rng.random() < 0.5:
        return Fault(("count_mismatch", "frame_count"), 0, copy.rows - 1, claimed_rows=copy.rows + 1)
    camera = str(rng.choice(copy.meta.cameras))
    copy.pictures(camera).pop()
    return Fault(("frame_count",), 0, copy.rows - 1, camera)


def truncated(copy: Copy, rng: np.random.Generator) -> Fault:
    """The last hundredth of a video's bytes is missing."""
    camera = str(rng.choice(copy.meta.cameras))
    raw = (copy.source / video_path(camera)).read_bytes()
    copy.raw[video_path(camera)] = raw[: len(raw) - max(64, len(raw) // 100)]
    return Fault(("frame_count", "video_unreadable"), 0, copy.rows - 1, camera)


def schema_mismatch(copy: Copy, rng: np.random.Generator) -> Fault:
    """A column that the Embodiment does not have, or a picture size that it does not say."""
    if rng.random() < 0.5:
        for name in ("action", "action_done"):
            copy.columns[name] = copy.columns[name][:, :-1]
        copy.schema = frames_schema(len(copy.embodiment.state), len(copy.embodiment.action) - 1, copy.meta.cameras)
        return Fault(("schema_mismatch",), 0, copy.rows - 1)
    camera = str(rng.choice(copy.meta.cameras))
    cameras = tuple(msgspec.structs.replace(c, width=c.width + 16) if c.name == camera else c for c in copy.embodiment.cameras)
    copy.embodiment = msgspec.structs.replace(copy.embodiment, cameras=cameras)
    return Fault(("video_size",), 0, copy.rows - 1, camera)


def duplicate(copy: Copy, rng: np.random.Generator) -> Fault:
    """The same content under another id."""
    return Fault(("duplicate",), 0, copy.rows - 1)


def near_duplicate(copy: Copy, rng: np.random.Generator) -> Fault:
    """The same content with three rows less at each end, a little noise in the state, and pictures a little lighter."""
    copy.keep_rows(np.arange(3, copy.rows - 3))
    ranges = np.array([quantity.high - quantity.low for quantity in copy.embodiment.state])
    state = copy.columns["state"]
    noise = np.clip(rng.normal(size=state.shape), -2, 2) * ranges * _NOISE
    lows, highs = ([getattr(q, side) for q in copy.embodiment.state] for side in ("low", "high"))
    copy.columns["state"] = np.clip(state + noise, np.minimum(lows, state), np.maximum(highs, state)).astype(state.dtype)
    for camera in copy.meta.cameras:
        pictures = copy.pictures(camera)
        for row, picture in enumerate(pictures):
            tall = picture.shape[0] * 2 // 3
            light = np.minimum(picture[:tall], 255 - _LIGHTER) + np.uint8(_LIGHTER)
            pictures[row] = np.vstack([light, picture[tall:]])
    return Fault(("near_duplicate",), 0, copy.rows - 1)
