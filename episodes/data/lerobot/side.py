"""`meta/reins.json`: what LeRobot has no place for, so that an export comes back as it was.

The columns travel as features (`features.py`), the events of the episodes in `meta/reins_events.jsonl`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from episodes.data.examine import PILOTS
from episodes.data.lerobot.features import NONE
from episodes.data.manifest import ManifestEpisode
from protocol.episode import EpisodeMeta
from protocol.errors import Refused

SCHEMA = 1


class SideEpisode(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`index` is LeRobot's; `kept` is the dataset version's word on it, `meta` its episode.json without body and files."""

    index: int
    kept: ManifestEpisode
    meta: dict[str, Any]


class Side(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`pilots`: what the numbers in `reins.pilot` mean.  `none`: what stands for no latency and no uncertainty."""

    schema: int = SCHEMA
    manifest: str  # digest of the dataset version
    embodiment_hash: str
    embodiment: dict[str, Any]
    pilots: tuple[str, ...] = PILOTS
    none: float = NONE
    named: bool = False  # whether people and actors carry names
    encoded: dict[str, Any] = {}  # how the pictures were made
    episodes: tuple[SideEpisode, ...]


def side_episode(index: int, kept: ManifestEpisode, meta: EpisodeMeta, named: bool) -> SideEpisode:
    """Names of people stay behind unless `named`: a dataset is handed on, and names are nothing to learn from."""
    shown = msgspec.to_builtins(meta)
    for left_out in ("embodiment", "embodiment_hash", "files", "rows", "seconds", "cameras", "record_hz"):
        del shown[left_out]
    if not named:
        shown["people"] = [person | {"name": ""} for person in shown["people"]]
    return SideEpisode(index=index, kept=kept, meta=shown)


def decode_side(raw: bytes) -> Side:
    """Strictly; `Refused("side_file")` naming what is wrong, `upgrade_required` for a later format."""
    try:
        side = msgspec.json.decode(raw, type=Side)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("side_file", f"meta/reins.json cannot be read: {error}.") from error
    if side.schema != SCHEMA:
        raise Refused("upgrade_required", f"meta/reins.json has format {side.schema}; this side reads {SCHEMA}.")
    return side
