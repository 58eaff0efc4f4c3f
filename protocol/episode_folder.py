"""Reads an episode folder and proves that it is whole: hashes, rows, frames.

Never writes.  The content is not trusted: names follow a closed grammar, formats are forced, sizes limited.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path

import av
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from protocol.embodiment import Embodiment, decode_embodiment
from protocol.episode import SCHEMA, EpisodeMeta, FileHash, frames_schema
from protocol.errors import Refused

META, FRAMES, EVENTS = "episode.json", "frames.parquet", "events.jsonl"
MAX_META = 2 * 1024 * 1024
MAX_SIDE = 8192  # pixels
MAX_ROWS = 2_000_000  # more than half an hour at the highest rate
MAX_UNPACKED = 1 << 30  # bytes of a table in memory
MAX_RATIO, SMALL = 100, 64 << 20  # how much a table may grow when it is unpacked, once that is more than so many bytes
_CAMERA = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_ID = re.compile(r"[0-9a-f]{32}")
_PIECE = 1024 * 1024


def video_path(camera: str) -> str:
    """Path of a camera's video in the folder; `Refused("camera_name")` unless it is a plain word."""
    if not _CAMERA.fullmatch(camera):
        raise Refused("camera_name", f"{camera!r} cannot be a camera's name: use letters, digits, - and _.")
    return f"video/{camera}.mp4"


def is_episode_id(text: str) -> bool:
    return bool(_ID.fullmatch(text))


def expected_files(cameras: tuple[str, ...]) -> set[str]:
    """Every path that `EpisodeMeta.files` must name: all but `episode.json` itself."""
    return {FRAMES, EVENTS} | {video_path(camera) for camera in cameras}


def is_episode_file(path: str) -> bool:
    """Whether `path` may be a file of an episode folder at all: a closed grammar, so nothing can lead out of it."""
    name = path.removeprefix("video/").removesuffix(".mp4")
    return path in (META, FRAMES, EVENTS) or (path == f"video/{name}.mp4" and bool(_CAMERA.fullmatch(name)))


def hash_file(path: Path, from_disk: bool = False, told: Callable[[], None] = lambda: None) -> FileHash:
    """Size and sha256.  `from_disk` first asks the system to forget its copy in memory, so that the disk answers.

    `told` is called after every MiB: a large file takes longer than a heart may be silent.
    """
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        if from_disk:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        size = 0
        while piece := file.read(_PIECE):
            digest.update(piece)
            size += len(piece)
            told()
    return FileHash(size, digest.hexdigest())


def decode_meta(raw: bytes) -> EpisodeMeta:
    """`episode.json`, strictly; `Refused("episode_meta")` naming what is wrong."""
    if len(raw) > MAX_META:
        raise Refused("episode_meta", f"{META} may have {MAX_META} bytes; this one has {len(raw)}.")
    try:
        meta = msgspec.json.decode(raw, type=EpisodeMeta)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("episode_meta", f"{META} cannot be read: {error}.") from error
    if meta.schema != SCHEMA:
        raise Refused("upgrade_required", f"Episode format {meta.schema} is not known here; this side reads {SCHEMA}.")
    if not _ID.fullmatch(meta.id):
        raise Refused("episode_meta", f"{meta.id[:40]!r} is no episode id.")
    if set(meta.files) != expected_files(meta.cameras) or len(set(meta.cameras)) != len(meta.cameras):
        raise Refused("episode_meta", f"{META} must list {', '.join(sorted(expected_files(meta.cameras)))}.")
    if not 1 <= meta.rows <= MAX_ROWS or not 0 < meta.record_hz <= 1000:
        raise Refused("episode_meta", f"{meta.rows} rows at {meta.record_hz} Hz are no episode.")
    return meta


def embodiment_of(meta: EpisodeMeta) -> Embodiment:
    """The robot's Embodiment at that time; `Refused("episode_meta")` when its hash or its cameras differ."""
    embodiment = decode_embodiment(msgspec.json.encode(meta.embodiment))
    if embodiment.hash != meta.embodiment_hash:
        raise Refused("episode_meta", "The embodiment does not match its hash.")
    if tuple(camera.name for camera in embodiment.cameras) != meta.cameras:
        raise Refused("episode_meta", "The cameras are not those of the embodiment.")
    return embodiment


def check_folder(folder: Path, from_disk: bool = False) -> EpisodeMeta:
    """Reads everything back.

    Raises `Refused("episode_damaged")` naming the file when a hash, the number of rows or a number of frames differs.
    """
    try:
        meta = decode_meta((folder / META).read_bytes())
        embodiment = embodiment_of(meta)
        for path, claimed in meta.files.items():
            found = hash_file(folder / path, from_disk)
            if found != claimed:
                raise Refused("episode_damaged", f"{path} has other bytes than {META} says.", path=path)
        _check_rows(folder, meta, embodiment)
        for camera in embodiment.cameras:
            _check_video(folder / video_path(camera.name), camera.width, camera.height, meta.rows)
    except OSError as error:
        raise Refused("episode_damaged", f"{error.filename or folder} cannot be read: {error.strerror}.") from error
    return meta


def _check_rows(folder: Path, meta: EpisodeMeta, embodiment: Embodiment) -> None:
    try:
        parquet = pq.ParquetFile(folder / FRAMES)
        schema, rows = parquet.schema_arrow, parquet.metadata.num_rows
        unpacked = sum(parquet.metadata.row_group(i).total_byte_size for i in range(parquet.metadata.num_row_groups))
    except pa.ArrowException as error:
        raise Refused("episode_damaged", f"{FRAMES} cannot be read: {error}.", path=FRAMES) from error
    packed = (folder / FRAMES).stat().st_size
    if unpacked > MAX_UNPACKED or (unpacked > SMALL and unpacked > MAX_RATIO * packed):
        sentence = f"{FRAMES} would unpack from {packed / 1e6:.1f} to {unpacked / 1e6:.0f} MB. No recording does that."
        raise Refused("episode_damaged", sentence, path=FRAMES)
    expected = frames_schema(len(embodiment.state), len(embodiment.action), meta.cameras)
    if not schema.remove_metadata().equals(expected):
        raise Refused("episode_damaged", f"{FRAMES} has other columns than this embodiment needs.", path=FRAMES)
    if rows != meta.rows:
        raise Refused("episode_damaged", f"{FRAMES} has {rows} rows; {META} says {meta.rows}.", path=FRAMES)


def _check_video(path: Path, width: int, height: int, rows: int) -> None:
    name = f"video/{path.name}"
    try:
        with av.open(str(path), format="mp4", options={"protocol_whitelist": "file"}) as container:
            stream = container.streams.video[0]
            size = (stream.codec_context.width, stream.codec_context.height)
            if stream.codec_context.name != "h264" or size != (width, height) or max(size) > MAX_SIDE:
                raise Refused("episode_damaged", f"{name} is not H264 of {width}x{height}.", path=name)
            frames = sum(1 for packet in container.demux(stream) if packet.size)
    except (av.FFmpegError, IndexError) as error:
        raise Refused("episode_damaged", f"{name} cannot be read: {error}.", path=name) from error
    if frames != rows:
        raise Refused("episode_damaged", f"{name} has {frames} frames for {rows} rows.", path=name)
