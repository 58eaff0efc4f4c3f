"""Which LeRobot feature each column of ours becomes, and back.

Ours begin with `reins.`, because LeRobot takes every name that begins with `action` or `observation` for something a policy
learns from, and every name with `image` in it for a picture.  A latency or an uncertainty that there is none of is -1.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from episodes.data.examine import PILOTS
from episodes.data.lerobot.layout import ACTION, IMAGES, INDEX_COLUMNS, INTERVENTION, STATE
from protocol.embodiment import Embodiment

NONE = -1.0  # in place of NaN
_MAY_BE_NONE = ("latency_ms", "uncertainty")


@dataclass(frozen=True, slots=True)
class Feature:
    """`source`: our column; "" for what is derived from others."""

    key: str
    dtype: str
    names: tuple[str, ...] | None
    source: str = ""

    @property
    def width(self) -> int:
        return len(self.names) if self.names else 1

    @property
    def arrow(self) -> pa.DataType:
        scalar = pa.from_numpy_dtype(np.dtype(self.dtype))
        return scalar if self.width == 1 else pa.list_(scalar, self.width)

    def described(self) -> dict[str, Any]:
        return {"dtype": self.dtype, "shape": [self.width], "names": list(self.names) if self.names else None}


def of_embodiment(body: Embodiment) -> list[Feature]:
    """Every column of the data files but LeRobot's own five."""
    state, action = tuple(q.name for q in body.state), tuple(axis.name for axis in body.action)
    cameras = tuple(camera.name for camera in body.cameras)
    found = [
        Feature(STATE, "float32", state, "state"),
        Feature(ACTION, "float32", action, "action"),
        Feature("reins.action_done", "float32", action, "action_done"),
        Feature("reins.pilot", "int64", None, "pilot"),
        Feature(INTERVENTION, "bool", None),
        Feature("reins.time_ns", "int64", None, "time_ns"),
        Feature("reins.mono_s", "float64", None, "mono_s"),
    ]
    found += [Feature(f"reins.{name}", "int64", None, name) for name in ("lease_epoch", "lease_seq", "fence", "clamps", "chunk")]
    found += [Feature(f"reins.{name}", "float32", None, name) for name in _MAY_BE_NONE]
    if cameras:
        found.append(Feature("reins.capture_ns", "int64", cameras, "capture_ns"))
        found.append(Feature("reins.repeated", "bool", cameras, "repeated"))
    return [feature for feature in found if feature.names is None or feature.names]


def camera_feature(width: int, height: int, fps: int, codec: str) -> dict[str, Any]:
    about = {
        "video.height": height, "video.width": width, "video.channels": 3, "video.codec": codec, "video.pix_fmt": "yuv420p",
        "video.fps": fps, "video.is_depth_map": False, "has_audio": False,
    }  # fmt: skip
    return {"dtype": "video", "shape": [height, width, 3], "names": ["height", "width", "channels"], "info": about}


def described(body: Embodiment, fps: int, codec: str) -> dict[str, Any]:
    """`features` of `meta/info.json`."""
    found: dict[str, Any] = {feature.key: feature.described() for feature in of_embodiment(body)}
    for camera in body.cameras:
        found[IMAGES + camera.name] = camera_feature(camera.width, camera.height, fps, codec)
    for key, dtype in INDEX_COLUMNS.items():
        found[key] = {"dtype": dtype, "shape": [1], "names": None}
    return found


def data_schema(features: list[Feature]) -> pa.Schema:
    """Arrow schema of a data file, with the note that `datasets.load_dataset` reads."""
    every = [*features, *(Feature(key, dtype, None) for key, dtype in INDEX_COLUMNS.items())]
    noted: dict[str, Any] = {}
    for feature in every:
        value = {"dtype": feature.dtype, "_type": "Value"}
        vector = {"feature": value, "length": feature.width, "_type": "List"}
        noted[feature.key] = value if feature.width == 1 else vector
    note = {b"huggingface": json.dumps({"info": {"features": noted}}).encode()}
    return pa.schema([(feature.key, feature.arrow) for feature in every], metadata=note)


def values(table: pa.Table, features: list[Feature]) -> dict[str, NDArray[Any]]:
    """Each feature [rows] or [rows, width] of rows of `frames.parquet`."""
    pilots = np.array([PILOTS.index(name) for name in table["pilot"].to_pylist()], np.int64)
    found: dict[str, NDArray[Any]] = {}
    for feature in features:
        if feature.key == INTERVENTION:
            column: NDArray[Any] = _interventions(pilots)
        elif feature.source == "pilot":
            column = pilots
        elif feature.source in ("capture_ns", "repeated"):
            parts = [table[f"{feature.source}.{camera}"].to_numpy() for camera in feature.names or ()]
            column = np.stack(parts, axis=1)
        else:
            column = vectors(table[feature.source])
        if feature.source in _MAY_BE_NONE:
            column = np.where(np.isnan(column), NONE, column)
        found[feature.key] = column.astype(feature.dtype)
    return found


def vectors(column: pa.ChunkedArray) -> NDArray[Any]:
    """[rows] of a column of numbers, [rows, n] of one of lists that are all as long."""
    if not pa.types.is_fixed_size_list(column.type) and not pa.types.is_list(column.type):
        return np.asarray(column.to_numpy())
    flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat).reshape(len(column), -1)


def arrow(column: NDArray[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_fixed_size_list(kind):
        return pa.FixedSizeListArray.from_arrays(pa.array(column.reshape(-1), kind.value_type), kind.list_size)
    return pa.array(column.reshape(-1), kind)


def back(feature: Feature, column: NDArray[Any]) -> NDArray[Any]:
    """The numbers of our column from those of the feature; pilots stay numbers."""
    return np.where(column == NONE, np.nan, column) if feature.source in _MAY_BE_NONE else column


def _interventions(pilots: NDArray[np.int64]) -> NDArray[np.bool_]:
    """A person drives in an episode that a policy drove before: what LeRobot calls an intervention."""
    led = np.maximum.accumulate(pilots == PILOTS.index("policy"))
    return np.asarray((pilots == PILOTS.index("operator")) & led)
