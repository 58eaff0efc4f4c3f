"""Names and numbers of LeRobotDataset v3.0 on disk: paths, the five columns every dataset has, `meta/tasks.parquet`."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

VERSION = "v3.0"
CHUNK_FILES = 1000  # files a chunk holds
DATA_MB, VIDEO_MB = 100, 200  # a new file begins when the next episode would make this one larger
INFO, STATS, TASKS = "meta/info.json", "meta/stats.json", "meta/tasks.parquet"
SIDE, SIDE_EVENTS = "meta/reins.json", "meta/reins_events.jsonl"
DATA_FORMAT = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_FORMAT = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
INDEX_COLUMNS = {
    "timestamp": "float32", "frame_index": "int64", "episode_index": "int64", "index": "int64", "task_index": "int64",
}  # fmt: skip
IMAGES = "observation.images."
STATE, ACTION, INTERVENTION = "observation.state", "action", "intervention"


def place(number: int) -> tuple[int, int]:
    """(chunk, file in the chunk) of the file with this number."""
    return divmod(number, CHUNK_FILES)


def data_path(number: int) -> str:
    chunk, file = place(number)
    return DATA_FORMAT.format(chunk_index=chunk, file_index=file)


def video_path(camera: str, number: int) -> str:
    chunk, file = place(number)
    return VIDEO_FORMAT.format(video_key=IMAGES + camera, chunk_index=chunk, file_index=file)


def episodes_path(number: int) -> str:
    chunk, file = place(number)
    return f"meta/episodes/chunk-{chunk:03d}/file-{file:03d}.parquet"


def info(robot: str, fps: int, episodes: int, frames: int, tasks: int, features: dict[str, Any]) -> dict[str, Any]:
    """`meta/info.json`; no key of our own, because some readers refuse what they do not know."""
    has_video = any(feature["dtype"] == "video" for feature in features.values())
    return {
        "codebase_version": VERSION,
        "robot_type": robot,
        "total_episodes": episodes,
        "total_frames": frames,
        "total_tasks": tasks,
        "chunks_size": CHUNK_FILES,
        "data_files_size_in_mb": DATA_MB,
        "video_files_size_in_mb": VIDEO_MB,
        "fps": fps,
        "splits": {"train": f"0:{episodes}"},
        "data_path": DATA_FORMAT,
        "video_path": VIDEO_FORMAT if has_video else None,
        "features": features,
    }


def tasks_table(tasks: list[str]) -> pa.Table:
    """Row number = task_index.  Readers take the sentence from the index of a pandas frame, so the metadata says which it is."""
    described = [
        {"name": "task_index", "field_name": "task_index", "pandas_type": "int64", "numpy_type": "int64", "metadata": None},
        {"name": "task", "field_name": "task", "pandas_type": "unicode", "numpy_type": "object", "metadata": None},
    ]
    index = {
        "name": None, "field_name": None, "pandas_type": "unicode", "numpy_type": "object", "metadata": {"encoding": "UTF-8"},
    }  # fmt: skip
    pandas = {
        "index_columns": ["task"],
        "column_indexes": [index],
        "columns": described,
        "creator": {"library": "pyarrow", "version": pa.__version__},
        "pandas_version": "2.2.0",
    }
    table = pa.table({"task_index": pa.array(range(len(tasks)), pa.int64()), "task": pa.array(tasks, pa.string())})
    return table.replace_schema_metadata({b"pandas": json.dumps(pandas).encode()})
