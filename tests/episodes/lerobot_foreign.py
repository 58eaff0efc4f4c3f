"""Datasets as others write them, small: v3.0 with many episodes a file, v2.1 with one, none of our features."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from episodes.data.lerobot.layout import tasks_table
from episodes.data.lerobot.video_out import CODECS, encode

FPS, WIDTH, HEIGHT = 10, 64, 48
LENGTHS = (12, 9)
TASKS = ["pick cube", "place cube"]
KEY = "observation.images.top"


@dataclass(frozen=True)
class Written:
    """By episode: float64[T,3], float64[T,2], the mean grey level of each picture."""

    root: Path
    states: list[NDArray[np.float64]]
    actions: list[NDArray[np.float64]]
    shades: list[NDArray[np.float64]]


def features(stored: bool, interventions: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "observation.state": {"dtype": "float64", "shape": [3], "names": {"motors": ["pan", "lift", "elbow"]}},
        "action": {"dtype": "float64", "shape": [2], "names": ["pan", "lift"]},
        KEY: {
            "dtype": "image" if stored else "video",
            "shape": [HEIGHT, WIDTH, 3],
            "names": ["height", "width", "channel"],
        },
        "annotation": {"dtype": "string", "shape": [1], "names": None},
    }
    if interventions:
        found["intervention"] = {"dtype": "bool", "shape": [1], "names": None}
    for key in ("timestamp", "frame_index", "episode_index", "index", "task_index"):
        found[key] = {"dtype": "float32" if key == "timestamp" else "int64", "shape": [1], "names": None}
    return found


def v3(root: Path, stored: bool = False, interventions: bool = False) -> Written:
    tables, frames, made = _episodes(root, stored, interventions)
    _write(root / "data/chunk-000/file-000.parquet", pa.concat_tables(tables))
    if not stored:
        _video(root / f"videos/{KEY}/chunk-000/file-000.mp4", [frame for episode in frames for frame in episode])
    _write(root / "meta/tasks.parquet", tasks_table(TASKS))
    rows, before = [], 0
    for number, length in enumerate(LENGTHS):
        row: dict[str, Any] = {"episode_index": number, "tasks": [TASKS[number]], "length": length}
        row |= {"data/chunk_index": 0, "data/file_index": 0, "dataset_from_index": before, "dataset_to_index": before + length}
        if not stored:
            row |= {f"videos/{KEY}/chunk_index": 0, f"videos/{KEY}/file_index": 0}
            row |= {f"videos/{KEY}/from_timestamp": before / FPS, f"videos/{KEY}/to_timestamp": (before + length) / FPS}
        rows.append(row)
        before += length
    _write(root / "meta/episodes/chunk-000/file-000.parquet", pa.Table.from_pylist(rows))
    data = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
    video = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
    _info(root, "v3.0", data, video, features(stored, interventions))
    return made


def v2(root: Path) -> Written:
    tables, frames, made = _episodes(root, False, False)
    for number, (table, pictures) in enumerate(zip(tables, frames, strict=True)):
        _write(root / f"data/chunk-000/episode_{number:06d}.parquet", table)
        _video(root / f"videos/chunk-000/{KEY}/episode_{number:06d}.mp4", pictures)
    lines = [{"episode_index": number, "tasks": [TASKS[number]], "length": length} for number, length in enumerate(LENGTHS)]
    (root / "meta").mkdir(exist_ok=True)
    (root / "meta/episodes.jsonl").write_text("\n".join(map(json.dumps, lines)))
    named = [{"task_index": number, "task": task} for number, task in enumerate(TASKS)]
    (root / "meta/tasks.jsonl").write_text("\n".join(map(json.dumps, named)) + "\n")
    data = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
    video = "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"
    _info(root, "v2.1", data, video, features(False, False))
    return made


def change_info(root: Path, **values: Any) -> None:
    path = root / "meta/info.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def _episodes(root: Path, stored: bool, interventions: bool) -> tuple[list[pa.Table], list[list[Any]], Written]:
    random = np.random.default_rng(3)
    tables, frames, made = [], [], Written(root, [], [], [])
    before = 0
    for number, length in enumerate(LENGTHS):
        rows = np.arange(length)
        shades = 40.0 + 60 * number + 5 * rows
        pictures = [av.VideoFrame.from_ndarray(np.full((HEIGHT, WIDTH, 3), s, np.uint8), format="rgb24") for s in shades]
        made.states.append(np.cumsum(random.normal(size=(length, 3)) / 100, axis=0))
        made.actions.append(np.cumsum(random.normal(size=(length, 2)) / 100, axis=0))
        made.shades.append(shades)
        columns: dict[str, Any] = {
            "observation.state": pa.array(list(made.states[-1])),
            "action": pa.array(list(made.actions[-1])),
            "timestamp": pa.array(rows / FPS, pa.float32()),
            "frame_index": rows,
            "episode_index": np.full(length, number),
            "index": before + rows,
            "task_index": np.full(length, number),
            "annotation": pa.array(["a"] * length),
        }
        if interventions:
            columns["intervention"] = rows % 3 == 0
        if stored:
            columns[KEY] = pa.array([{"bytes": _png(picture), "path": ""} for picture in pictures])
        tables.append(pa.table(columns))
        frames.append(pictures)
        before += length
    return tables, frames, made


def _png(picture: Any) -> bytes:
    context = av.CodecContext.create("png", "w")
    context.width, context.height, context.pix_fmt = WIDTH, HEIGHT, "rgb24"
    context.time_base = Fraction(1, FPS)
    return b"".join(bytes(packet) for packet in (*context.encode(picture), *context.encode(None)))


def _video(path: Path, pictures: list[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    encode(pictures, path, WIDTH, HEIGHT, Fraction(FPS), CODECS["av1"])


def _write(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def _info(root: Path, version: str, data: str, video: str, described: dict[str, Any]) -> None:
    about = {
        "codebase_version": version, "robot_type": "so100", "total_episodes": len(LENGTHS), "total_frames": sum(LENGTHS),
        "total_tasks": len(TASKS), "chunks_size": 1000, "fps": FPS, "splits": {"train": f"0:{len(LENGTHS)}"},
        "data_path": data, "video_path": video, "features": described,
    }  # fmt: skip
    (root / "meta/info.json").write_text(json.dumps(about))
