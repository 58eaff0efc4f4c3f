"""A frozen dataset version as one value: which episodes, which rows of them, and what is known of each.

Two versions with the same content have the same digest; names, people and dates are not content.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

SCHEMA = 1
SPLITS = ("train", "validation")


class ManifestMark(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A thing that a reviewer named in one camera's picture of one row: left upper corner and size as shares of the picture; a
    point has no size."""

    row: int
    camera: str
    name: str
    x: float
    y: float
    width: float = 0.0
    height: float = 0.0


class ManifestEpisode(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`first` and `last` are the rows kept, both included.  `files` maps a path in the folder to its sha256."""

    id: str
    files: dict[str, str]
    first: int
    last: int
    instruction: str
    outcome: str
    failure: str = ""  # kind of failure, from the taxonomy
    quality: int | None = None  # 1 to 5
    tags: tuple[str, ...] = ()
    weight: float = 1.0
    split: str = "train"
    marks: tuple[ManifestMark, ...] | msgspec.UnsetType = msgspec.UNSET  # unset where there are none: versions keep their hash

    @property
    def rows(self) -> int:
        return self.last - self.first + 1


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`episodes` are sorted by id; one embodiment for all of them, `embodiment` being its JSON.

    Episodes may have larger pictures of the same views than it says; who reads them scales them down.
    """

    schema: int = SCHEMA
    embodiment_hash: str
    embodiment: dict[str, Any]
    episodes: tuple[ManifestEpisode, ...]

    def encode(self) -> bytes:
        """Canonical JSON: sorted keys, no spaces."""
        return msgspec.json.encode(self, order="deterministic")

    @property
    def digest(self) -> str:
        """sha256 hex of the canonical JSON: the version's hash."""
        return hashlib.sha256(self.encode()).hexdigest()

    @property
    def rows(self) -> int:
        return sum(episode.rows for episode in self.episodes)
