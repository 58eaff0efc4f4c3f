"""Second step of an export: pieces and rows become the files of one LeRobot dataset, in order, `meta/info.json` last."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from episodes.data.lerobot import features, layout, stats, video_files
from episodes.data.lerobot.pieces import Source, pictures_of
from episodes.data.lerobot.side import Side, SideEpisode, side_episode
from episodes.data.lerobot.video_out import CODECS, JoinedVideo
from episodes.data.lerobot.work import Options, Ticker
from protocol.embodiment import Camera, Embodiment
from protocol.episode import EpisodeMeta
from protocol.episode_folder import EVENTS, FRAMES, META, decode_meta, video_path

_log = logging.getLogger(__name__)
_MB = 1024 * 1024
_EPISODES_PER_FILE = 1000


@dataclass
class _Video:
    """The file of one camera that grows now."""

    camera: Camera
    number: int = -1
    joined: JoinedVideo | None = None
    pictures: stats.Pictures = field(default_factory=stats.Pictures)


class Assembler:
    """`add` every episode in order, then `close`.  Everything lies under `root`, which belongs to this object alone."""

    def __init__(self, root: Path, work: Path, body: Embodiment, digest: str, options: Options) -> None:
        shutil.rmtree(root, ignore_errors=True)
        self._root, self._work, self._body, self._digest, self._options = root, work, body, digest, options
        self._fps = round(body.record_hz)
        self._features = features.of_embodiment(body)
        self._schema = features.data_schema(self._features)
        self._columns = {name: stats.Column() for name in self._schema.names}
        self._videos = [_Video(camera) for camera in body.cameras]
        self._data: pq.ParquetWriter | None = None
        self._data_number, self._data_start = -1, 0
        self._tasks: dict[str, int] = {}
        self._rows: list[dict[str, Any]] = []
        self._side: list[SideEpisode] = []
        self._frames = 0
        self._events = open(self._made(layout.SIDE_EVENTS), "wb")  # noqa: SIM115  # open as long as this object

    def add(self, source: Source, ticker: Ticker) -> None:
        kept = source.kept
        meta = decode_meta((source.folder / META).read_bytes())
        table = pq.read_table(source.folder / FRAMES).slice(kept.first, kept.rows)
        columns = self._values(table, kept.rows, kept.instruction)
        row: dict[str, Any] = {
            "episode_index": len(self._rows),
            "tasks": [kept.instruction],
            "length": kept.rows,
            **self._add_rows(columns),
            "dataset_from_index": self._frames,
            "dataset_to_index": self._frames + kept.rows,
        }
        for key, column in columns.items():
            self._columns[key].add(column)
            row |= {f"stats/{key}/{name}": value for name, value in stats.of_vectors(column).items()}
        seen = pictures_of(self._work, kept.id)
        for video in self._videos:
            row |= self._add_video(video, source, *seen[video.camera.name])
            ticker.tell()
        self._rows.append(row)
        self._side.append(side_episode(len(self._side), kept, meta, self._options.names))
        self._add_events(source, meta, table)
        self._frames += kept.rows
        ticker.tick(kept.rows)
        ticker.tell()

    def close(self) -> None:
        self._events.close()
        if self._data:
            self._data.close()
        for video in self._videos:
            if video.joined:
                video.joined.close()
        self._write_episodes()
        tasks = layout.tasks_table(list(self._tasks))
        pq.write_table(tasks, self._made(layout.TASKS), compression="snappy")
        found = {key: column.stats() for key, column in self._columns.items()}
        found |= {layout.IMAGES + video.camera.name: video.pictures.stats() for video in self._videos}
        self._made(layout.STATS).write_text(json.dumps(found, indent=4, allow_nan=False))
        self._made(layout.SIDE).write_bytes(msgspec.json.encode(self._described_side()))
        described = features.described(self._body, self._fps, CODECS[self._codec].name)
        about = layout.info(self._body.name, self._fps, len(self._rows), self._frames, len(self._tasks), described)
        self._made(layout.INFO).write_text(json.dumps(about, indent=4, allow_nan=False))

    def abandon(self) -> None:
        """Closes without a promise about the files."""
        self._events.close()

    @property
    def _codec(self) -> str:
        return "recording" if self._options.copy else self._options.codec

    def _described_side(self) -> Side:
        codec = CODECS[self._codec]
        encoded = {"copied": self._options.copy, "encoder": codec.encoder, "options": codec.options}
        body = msgspec.to_builtins(self._body)
        return Side(
            manifest=self._digest,
            embodiment_hash=self._body.hash,
            embodiment=body,
            named=self._options.names,
            encoded=encoded,
            episodes=tuple(self._side),
        )

    def _values(self, table: pa.Table, rows: int, task: str) -> dict[str, np.ndarray[Any, Any]]:
        found = features.values(table, self._features)
        number = np.arange(rows)
        found["timestamp"] = (number / self._fps).astype(np.float32)
        found["frame_index"] = number
        found["episode_index"] = np.full(rows, len(self._rows))
        found["index"] = self._frames + number
        found["task_index"] = np.full(rows, self._tasks.setdefault(task, len(self._tasks)))
        return found

    def _add_rows(self, columns: dict[str, np.ndarray[Any, Any]]) -> dict[str, int]:
        """One row group for the episode; a new file when this one is full."""
        if self._data is None or self._data_size() >= layout.DATA_MB * _MB:
            if self._data:
                self._data.close()
            self._data_number += 1
            path = self._made(layout.data_path(self._data_number))
            self._data = pq.ParquetWriter(path, self._schema, compression="snappy")
        arrays = [features.arrow(columns[field.name], field.type) for field in self._schema]
        self._data.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        chunk, file = layout.place(self._data_number)
        return {"data/chunk_index": chunk, "data/file_index": file}

    def _data_size(self) -> int:
        return (self._root / layout.data_path(self._data_number)).stat().st_size

    def _add_video(self, video: _Video, source: Source, seen: stats.Pictures, copied: bool) -> dict[str, Any]:
        camera, kept = video.camera.name, source.kept
        path = source.folder / video_path(camera) if copied else self._work / kept.id / f"{camera}.mp4"
        index = video_files.read_index(path, f"{video_path(camera)} of episode {kept.id}")
        first = kept.first if copied else 0
        full = video.joined is not None and video.joined.bytes + index.bytes > layout.VIDEO_MB * _MB
        if video.joined is None or full or not video.joined.like.same_stream(index):
            if video.joined:
                video.joined.close()
            video.number += 1
            target = self._made(layout.video_path(camera, video.number))
            video.joined = JoinedVideo(target, index, Fraction(self._fps))
        before = video.joined.frames
        video.joined.add(video_files.packets(index, first, kept.rows))
        video.pictures.merge(seen)
        chunk, file = layout.place(video.number)
        key = layout.IMAGES + camera
        place = {
            f"videos/{key}/chunk_index": chunk,
            f"videos/{key}/file_index": file,
            f"videos/{key}/from_timestamp": before / self._fps,
            f"videos/{key}/to_timestamp": (before + kept.rows) / self._fps,
        }
        return place | {f"stats/{key}/{name}": value for name, value in seen.stats().items()}

    def _add_events(self, source: Source, meta: EpisodeMeta, table: pa.Table) -> None:
        """Events of the rows kept; those before the first and after the last row belong to an untrimmed end."""
        times = table["time_ns"]
        low = times[0].as_py() if source.kept.first else 0
        high = times[-1].as_py() if source.kept.last < meta.rows - 1 else 2**63
        odd = 0
        with open(source.folder / EVENTS, "rb") as file:
            for line in file:
                event = _event(line)
                if event is None:
                    odd += 1
                elif low <= event.get("time_ns", 0) <= high:
                    if not self._options.names:
                        event["actor"] = ""
                    event["episode_index"] = len(self._rows) - 1
                    self._events.write(msgspec.json.encode(event) + b"\n")
        if odd:  # rows and pictures are whole: what happened beside them ends no export
            _log.warning("episode %s: %d lines of %s are no events and stay behind", source.kept.id, odd, EVENTS)

    def _write_episodes(self) -> None:
        schema = self._episodes_schema()
        for number, start in enumerate(range(0, len(self._rows), _EPISODES_PER_FILE)):
            chunk, file = layout.place(number)
            where = {"meta/episodes/chunk_index": chunk, "meta/episodes/file_index": file}
            rows = [row | where for row in self._rows[start : start + _EPISODES_PER_FILE]]
            path = self._made(layout.episodes_path(number))
            pq.write_table(pa.Table.from_pylist(rows, schema=schema), path, compression="snappy")

    def _episodes_schema(self) -> pa.Schema:
        counts, numbers = pa.list_(pa.int64()), pa.list_(pa.float64())
        nested = pa.list_(pa.list_(numbers))
        fields = [("episode_index", pa.int64()), ("tasks", pa.list_(pa.string())), ("length", pa.int64())]
        fields += [
            (name, pa.int64()) for name in ("data/chunk_index", "data/file_index", "dataset_from_index", "dataset_to_index")
        ]
        keys = [layout.IMAGES + video.camera.name for video in self._videos]
        for key in keys:
            fields += [(f"videos/{key}/{name}", pa.int64()) for name in ("chunk_index", "file_index")]
            fields += [(f"videos/{key}/{name}", pa.float64()) for name in ("from_timestamp", "to_timestamp")]
        for key in (*self._columns, *keys):
            kind = nested if key in keys else numbers
            fields += [(f"stats/{key}/{name}", counts if name == "count" else kind) for name in stats.STATS]
        fields += [("meta/episodes/chunk_index", pa.int64()), ("meta/episodes/file_index", pa.int64())]
        return pa.schema(fields)

    def _made(self, path: str) -> Path:
        """The place of a file, with its folders."""
        whole = self._root / path
        whole.parent.mkdir(parents=True, exist_ok=True)
        return whole


def _event(line: bytes) -> dict[str, Any] | None:
    """None for what is no JSON object, or one whose time is no whole number of nanoseconds."""
    try:
        event = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return event if type(event.get("time_ns", 0)) is int else None
