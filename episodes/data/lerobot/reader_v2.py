"""The layout before v3.0: one parquet file and one video per episode, lists as lines of JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from episodes.data.lerobot import safe_files
from episodes.data.lerobot.dataset import EpisodeRead, FeatureRead, Stretch
from protocol.errors import Refused

EPISODES, TASKS = "meta/episodes.jsonl", "meta/tasks.jsonl"


def tasks(root: Path) -> dict[int, str]:
    if not safe_files.exists(root, TASKS):
        return {}
    try:
        return {int(line["task_index"]): str(line["task"]) for line in safe_files.read_lines(root, TASKS)}
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise Refused("file_damaged", f"{TASKS} cannot be used: {error}.", path=TASKS) from error


def episodes(root: Path, info: dict[str, Any], features: dict[str, FeatureRead]) -> list[EpisodeRead]:
    chunk = info.get("chunks_size") or 1000
    if not isinstance(chunk, int) or chunk < 1:
        raise Refused("dataset_info", "meta/info.json: chunks_size is no number above zero.")
    total = info.get("total_episodes")
    if not isinstance(total, int):
        raise Refused("count_mismatch", f"meta/info.json says {total!r:.40} episodes, which is no number.")
    videos = [key for key, feature in features.items() if feature.dtype == "video" and not feature.depth]
    found = []
    for line in safe_files.read_lines(root, EPISODES):
        try:
            index, length = int(line["episode_index"]), int(line["length"])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise Refused("file_damaged", f"{EPISODES} cannot be used: {error}.", path=EPISODES) from error
        known = {"episode_chunk": index // chunk, "episode_index": index, "total_episodes": total}
        data = safe_files.fill(info.get("data_path"), **known)
        stretches = {key: Stretch(safe_files.fill(info.get("video_path"), video_key=key, **known), 0) for key in videos}
        found.append(EpisodeRead(index, length, data, stretches))
    return found
