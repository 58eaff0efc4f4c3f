"""A LeRobot dataset as it is read, v3.0 or v2.1 alike: what `reader.open_dataset` gives.  Shapes only."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from episodes.data.lerobot.layout import IMAGES
from episodes.data.lerobot.side import Side
from protocol.errors import Refused

MOST_WIDTH = 4096
NUMBERS = {"float16", "float32", "float64", "bool"} | {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}


@dataclass(frozen=True, slots=True)
class Note:
    """Something that does not stop an import but that a person should know."""

    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class FeatureRead:
    """A feature as `info.json` names it."""

    key: str
    dtype: str
    shape: tuple[int, ...]
    names: Any = None
    depth: bool = False

    @property
    def is_picture(self) -> bool:
        return self.dtype in ("video", "image")

    @property
    def is_camera(self) -> bool:
        return self.is_picture and not self.depth

    @property
    def is_vector(self) -> bool:
        return self.dtype in NUMBERS and len(self.shape) == 1

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of a picture, whether it is described as H,W,C or C,H,W."""
        names = self.names if isinstance(self.names, list) else []
        first = len(self.shape) == 3 and (
            str(names[0]).startswith("channel") if len(names) == 3 else self.shape[0] in (1, 3) and self.shape[2] not in (1, 3)
        )
        height, width = self.shape[1:3] if first else self.shape[0:2]
        return width, height


@dataclass(frozen=True, slots=True)
class Stretch:
    """An episode's pictures: `first`.. of the file at `path` (relative to the dataset)."""

    path: str
    first: int


@dataclass(frozen=True, slots=True)
class EpisodeRead:
    index: int
    length: int
    data: str  # path of the parquet file, relative to the dataset
    videos: dict[str, Stretch]


@dataclass(slots=True)
class DatasetRead:
    """`features` leaves out what this side cannot read; `notes` says so."""

    root: Path
    version: str
    robot: str
    fps: float
    features: dict[str, FeatureRead]
    tasks: dict[int, str]
    episodes: list[EpisodeRead]
    fingerprint: str  # sha256 hex over the files in meta/ that say what there is
    stamp_ns: int  # when info.json was written: datasets do not say when they were recorded
    side: Side | None = None
    notes: list[Note] = field(default_factory=list)

    def cameras(self) -> dict[str, FeatureRead]:
        """By the name that the camera gets here."""
        found: dict[str, FeatureRead] = {}
        for key, feature in self.features.items():
            if feature.is_camera:
                found[camera_name(key, set(found))] = feature
        return found


def camera_name(key: str, taken: set[str]) -> str:
    """A plain word for a picture feature, unlike those that are taken."""
    last = key.removeprefix(IMAGES).removeprefix("observation.").replace(".", "_")
    word = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "_-") else "_" for letter in last)[:36]
    word = word.lstrip("_-") or "camera"
    name, number = word, 2
    while name in taken:
        name, number = f"{word}-{number}", number + 1
    return name


def check_fps(fps: Any) -> float:
    """`Refused("fps_invalid")` unless it is a number above 0 and at most 1000."""
    if isinstance(fps, bool) or not isinstance(fps, int | float) or not math.isfinite(fps) or not 0 < fps <= 1000:
        raise Refused("fps_invalid", f"meta/info.json says fps {fps!r:.40}; it must be a number above 0 and at most 1000.")
    return float(fps)


def check_features(given: Any) -> dict[str, FeatureRead]:
    """`Refused("dataset_info")` for what is no description of features."""
    if not isinstance(given, dict) or not given:
        raise _bad("features")
    found = {}
    for key, value in given.items():
        shape = value.get("shape") if isinstance(value, dict) else None
        if not isinstance(shape, list) or not all(isinstance(n, int) and 0 < n <= 65_535 for n in shape) or len(shape) > 5:
            raise _bad(f"shape of {key!r:.60}")
        if not isinstance(value.get("dtype"), str) or len(key) > 200 or not key.isprintable():
            raise _bad(f"feature {key!r:.60}")
        about = value.get("info") if isinstance(value.get("info"), dict) else {}
        depth = bool(about.get("video.is_depth_map") or about.get("is_depth_map"))
        feature = FeatureRead(key, value["dtype"], tuple(shape) or (1,), value.get("names"), depth)
        if feature.is_picture and len(shape) != 3:
            raise _bad(f"shape of {key!r:.60}")
        if feature.is_vector and feature.shape[0] > MOST_WIDTH:
            raise _bad(f"width of {key!r:.60}")
        found[key] = feature
    return found


def _bad(what: str) -> Refused:
    return Refused("dataset_info", f"meta/info.json: the {what} cannot be used. Look at the dataset with LeRobot first.")
