"""A whole episode taken apart, to be put together again with something wrong in it: a new folder with right hashes."""

from __future__ import annotations

import shutil
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from protocol.embodiment import Embodiment
from protocol.episode import EpisodeMeta
from protocol.episode_folder import EVENTS, FRAMES, META, decode_meta, embodiment_of, hash_file, video_path
from protocol.recording_video import FrameEncoder, VideoFile

Picture = NDArray[np.uint8]  # [H * 3 / 2, W] I420


@dataclass
class Copy:
    """`columns`: every column of the table as an array of rows (vectors as [N, width]).  Pictures are decoded when they
    are asked for; videos nobody asked for are copied byte for byte."""

    source: Path
    meta: EpisodeMeta
    embodiment: Embodiment
    schema: pa.Schema
    columns: dict[str, Any]
    decoded: dict[str, list[Picture]] = field(default_factory=dict)
    raw: dict[str, bytes] = field(default_factory=dict)  # files whose bytes are to be these

    @property
    def rows(self) -> int:
        return len(self.columns["index"])

    def pictures(self, camera: str) -> list[Picture]:
        """The pictures of a camera, to be changed in place."""
        if camera not in self.decoded:
            with av.open(str(self.source / video_path(camera)), format="mp4") as container:
                frames = (frame.to_ndarray(format="yuv420p") for frame in container.decode(video=0))
                self.decoded[camera] = [np.asarray(picture, np.uint8) for picture in frames]
        return self.decoded[camera]

    def keep_rows(self, rows: NDArray[np.int64]) -> None:
        """Only these rows, with their pictures, in this order; they are numbered anew."""
        for camera in self.meta.cameras:
            pictures = self.pictures(camera)
            self.decoded[camera] = [pictures[row] for row in rows]
        self.columns = {name: values[rows] for name, values in self.columns.items()}
        self.columns["index"] = np.arange(len(rows))

    def even_times(self) -> None:
        """Times as if the rows that are there had followed each other without a break."""
        self.set_times(np.arange(self.rows) / self.meta.record_hz)

    def set_times(self, since_s: NDArray[np.float64]) -> None:
        """Seconds since the first row; pictures stay as old as they were when their row was written."""
        names = [f"capture_ns.{camera}" for camera in self.meta.cameras]
        ago = {name: self.columns["time_ns"] - self.columns[name] for name in names}
        self.columns["mono_s"] = self.columns["mono_s"][0] + since_s
        self.columns["time_ns"] = self.columns["time_ns"][0] + np.round(since_s * 1e9).astype(np.int64)
        self.columns |= {name: self.columns["time_ns"] - ago[name] for name in names}


def open_copy(source: Path) -> Copy:
    meta = decode_meta((source / META).read_bytes())
    table = pq.read_table(source / FRAMES)
    columns = {}
    for column in table.schema:
        values = table[column.name]
        if pa.types.is_fixed_size_list(column.type):
            flat = values.combine_chunks().flatten().to_numpy(zero_copy_only=False)
            columns[column.name] = flat.reshape(len(table), column.type.list_size).copy()
        else:
            columns[column.name] = np.array(values.to_pylist() if column.type == pa.string() else values.to_numpy())
    return Copy(source, meta, embodiment_of(meta), table.schema.remove_metadata(), columns)


def write_copy(copy: Copy, parent: Path, claimed_rows: int | None = None) -> Path:
    """A new episode folder under `parent`, with an id of its own; `claimed_rows` is what `episode.json` says instead."""
    target = parent / uuid.uuid4().hex
    (target / "video").mkdir(parents=True)
    _write_table(copy, target / FRAMES)
    shutil.copy(copy.source / EVENTS, target / EVENTS)
    for camera in copy.embodiment.cameras:
        path = video_path(camera.name)
        if camera.name in copy.decoded:
            _write_video(copy.decoded[camera.name], target / path, copy.meta.record_hz)
        else:
            shutil.copy(copy.source / path, target / path)
    for path, raw in copy.raw.items():
        (target / path).write_bytes(raw)
    rows = copy.rows if claimed_rows is None else claimed_rows
    meta = msgspec.structs.replace(
        copy.meta,
        id=target.name,
        embodiment=msgspec.to_builtins(copy.embodiment),
        embodiment_hash=copy.embodiment.hash,
        rows=rows,
        seconds=rows / copy.meta.record_hz,
        frames_repeated={camera: int(copy.columns[f"repeated.{camera}"].sum()) for camera in copy.meta.cameras},
        files={path: hash_file(target / path) for path in copy.meta.files},
    )
    (target / META).write_bytes(msgspec.json.format(msgspec.json.encode(meta), indent=1))
    return target


def _write_table(copy: Copy, path: Path) -> None:
    arrays = []
    for column in copy.schema:
        values = copy.columns[column.name]
        if pa.types.is_fixed_size_list(column.type):
            flat = pa.array(np.ascontiguousarray(values).reshape(-1), column.type.value_type)
            arrays.append(pa.FixedSizeListArray.from_arrays(flat, column.type.list_size))
        else:
            arrays.append(pa.array(values, column.type))
    pq.write_table(pa.Table.from_arrays(arrays, schema=copy.schema), path, compression="zstd")


def _write_video(pictures: list[Picture], path: Path, hz: float) -> None:
    """As a recorder would have: the same encoder, the same container."""
    tall, width = pictures[0].shape
    encoder, video = FrameEncoder(width, tall * 2 // 3, hz), VideoFile(path, width, tall * 2 // 3, hz)
    try:
        for picture in pictures:
            video.add(*encoder.encode(picture))
    finally:
        video.close()
