"""The episode folder: `episode.json`, `frames.parquet`, `video/<camera>.mp4`, `events.jsonl`.

Names and types, no reading or writing.

One row per record tick = one frame of every camera.  Never rewritten: trims, labels and findings live in the database.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import pyarrow as pa

from protocol.clamps import CLAMPS as CLAMPS
from protocol.clamps import clamp_names as clamp_names
from protocol.row import Row as Row
from protocol.wire import U63, RowId

SCHEMA = 1
Pilot = Literal["operator", "policy", "primitive", "script", "hold"]
Outcome = Literal["success", "failure", "unlabelled"]


class Person(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    name: str
    frames: U63  # rows this person drove


class FileHash(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    bytes: U63
    sha256: str


class Masked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a camera's pictures went through before they were encoded.

    `versions` of the privacy masks, 0 for pictures shown whole; `blind` pictures are black from edge to edge, because
    the robot could not read its masks.
    """

    versions: tuple[U63, ...]
    blind: U63 = 0


class EpisodeMeta(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`episode.json`.  `files` maps each other file's path in the folder to its size and hash."""

    schema: int = SCHEMA
    id: str  # uuid hex, made by the robot
    robot: str
    embodiment_hash: str
    embodiment: dict[str, Any]
    people: tuple[Person, ...] = ()
    instruction: str = ""
    instruction_version: U63 = 1
    campaign: RowId = ""  # it was recorded for, and the prompt of it; "" for none
    prompt: RowId = ""
    outcome: Outcome = "unlabelled"
    cut: bool = False  # recovered after a crash: the end is missing
    cut_reason: str = ""
    started_ns: U63
    seconds: float
    rows: U63
    record_hz: float
    cameras: tuple[str, ...]
    clamp_names: tuple[str, ...] = CLAMPS
    program: str = ""
    world: dict[str, Any] = {}  # simulated: name, seed
    rows_lost: U63 = 0
    frames_repeated: dict[str, U63] = {}
    masked: dict[str, Masked] = {}  # by camera; those of which nothing is hidden are not in it
    files: dict[str, FileHash] = {}


def frames_schema(state: int, action: int, cameras: tuple[str, ...]) -> pa.Schema:
    """Arrow schema of `frames.parquet` for float32[state] and float32[action] vectors."""
    columns = [
        ("index", pa.int64()),
        ("time_ns", pa.int64()),
        ("mono_s", pa.float64()),
        ("pilot", pa.string()),
        ("lease_epoch", pa.int64()),
        ("lease_seq", pa.int64()),
        ("fence", pa.int64()),
        ("state", pa.list_(pa.float32(), state)),
        ("action", pa.list_(pa.float32(), action)),
        ("action_done", pa.list_(pa.float32(), action)),
        ("clamps", pa.uint32()),
        ("latency_ms", pa.float32()),
        ("chunk", pa.int64()),
        ("uncertainty", pa.float32()),
    ]
    columns += [(f"capture_ns.{camera}", pa.int64()) for camera in cameras]
    columns += [(f"repeated.{camera}", pa.bool_()) for camera in cameras]
    return pa.schema(columns)
