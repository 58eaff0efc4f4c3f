"""Opens a LeRobot dataset folder that somebody else made, v3.0 or v2.x, and judges it before anything is taken from it.

Every count must agree, every row must have its picture; what is wrong is refused with a code and a sentence, what is odd
but harmless becomes a note.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from episodes.data.lerobot import columns, layout, reader_v2, safe_files, side, video_files
from episodes.data.lerobot.dataset import DatasetRead, EpisodeRead, FeatureRead, Note, Stretch, check_features, check_fps
from protocol.errors import Refused

MOST_EPISODES = 1_000_000
MOST_NS = 2**62


def open_dataset(root: Path) -> DatasetRead:
    """What `root` holds.

    Refused: `not_a_folder`, `path_outside`, `path_not_plain`, `file_missing`, `file_damaged`, `parquet_damaged`,
    `file_too_large`, `upgrade_required`, `dataset_info`, `fps_invalid`, `count_mismatch`, `side_file`.
    """
    safe_files.folder(root)
    info = safe_files.read_json(root, layout.INFO)
    if not isinstance(info, dict):
        raise Refused("dataset_info", "meta/info.json is no object.")
    version = str(info.get("codebase_version", ""))[:20]
    fps = check_fps(info.get("fps"))
    features = check_features(info.get("features"))
    if version.startswith("v3."):
        tasks, episodes = _tasks(root), _episodes(root, info, features, fps)
    elif version.startswith("v2."):
        tasks, episodes = reader_v2.tasks(root), reader_v2.episodes(root, info, features)
    else:
        raise Refused("upgrade_required", f"LeRobot {version or 'without a version'} is not read here; v2.0, v2.1 and v3 are.")
    dataset = DatasetRead(
        root=root,
        version=version,
        robot=str(info.get("robot_type") or "")[:60],
        fps=fps,
        features=features,
        tasks=tasks,
        episodes=episodes,
        fingerprint=_fingerprint(root),
        stamp_ns=(root / layout.INFO).stat().st_mtime_ns,
    )
    _check_counts(info, dataset)
    _note_what_is_left(dataset)
    _note_statistics(dataset)
    if safe_files.exists(root, layout.SIDE):
        dataset.side = _fitting_side(dataset, side.decode_side(safe_files.text(root, layout.SIDE)))
    return dataset


def check_all(dataset: DatasetRead) -> dict[str, video_files.VideoIndex]:
    """Looks at every row's time and every video before anything is made; the videos by their path.

    Refused: `count_mismatch`, `timestamps_backwards`, `action_shape`, `feature_shape`, `file_damaged`, `video_frames`,
    `video_times` and what `video_files.read_index` says.
    """
    if dataset.side is not None and safe_files.exists(dataset.root, layout.SIDE_EVENTS):
        safe_files.read_lines(dataset.root, layout.SIDE_EVENTS)
    times: dict[str, Any] = {}
    for episode in dataset.episodes:
        if episode.data not in times:
            times = {episode.data: _times(dataset, episode.data)}
        _check_times(episode, *times[episode.data])
    return _check_videos(dataset)


def _tasks(root: Path) -> dict[int, str]:
    if not safe_files.exists(root, layout.TASKS):
        return {}
    schema = safe_files.parquet(root, layout.TASKS).schema_arrow
    words = next((name for name in schema.names if name != "task_index"), None)
    if words is None or "task_index" not in schema.names or not pa.types.is_integer(schema.field("task_index").type):
        raise Refused("file_damaged", f"{layout.TASKS} lacks its columns.", path=layout.TASKS)
    table = safe_files.table(root, layout.TASKS, ["task_index", words])
    return dict(zip(table["task_index"].to_pylist(), map(str, table[words].to_pylist()), strict=True))


def _episodes(root: Path, info: dict[str, Any], features: dict[str, FeatureRead], fps: float) -> list[EpisodeRead]:
    found: list[EpisodeRead] = []
    videos = [key for key, feature in features.items() if feature.dtype == "video" and not feature.depth]
    wanted = ["episode_index", "length", "data/chunk_index", "data/file_index"]
    wanted += [f"videos/{key}/{name}" for key in videos for name in ("chunk_index", "file_index", "from_timestamp")]
    for path in sorted((root / "meta/episodes").glob("*/*.parquet")):
        table = safe_files.table(root, path.relative_to(root).as_posix(), wanted)
        if missing := set(wanted) - set(table.column_names):
            raise Refused("file_damaged", f"meta/episodes lacks the column {sorted(missing)[0]!r:.100}.")
        if len(found) + table.num_rows > MOST_EPISODES:
            raise Refused("file_too_large", f"At most {MOST_EPISODES} episodes are read.")
        found += [_episode(row, info, videos, fps) for row in table.to_pylist()]
    return found


def _episode(row: dict[str, Any], info: dict[str, Any], videos: list[str], fps: float) -> EpisodeRead:
    def numbers(prefix: str) -> dict[str, int]:
        return {name: int(row[f"{prefix}/{name}"]) for name in ("chunk_index", "file_index")}

    try:
        stretches = {}
        for key in videos:
            first = round(float(row[f"videos/{key}/from_timestamp"]) * fps)
            path = safe_files.fill(info.get("video_path"), video_key=key, **numbers(f"videos/{key}"))
            stretches[key] = Stretch(path, first)
        data = safe_files.fill(info.get("data_path"), **numbers("data"))
        return EpisodeRead(int(row["episode_index"]), int(row["length"]), data, stretches)
    except (TypeError, ValueError, OverflowError) as error:
        raise Refused("file_damaged", f"meta/episodes: row {row['episode_index']!r:.20} cannot be used: {error}.") from error


def _check_counts(info: dict[str, Any], dataset: DatasetRead) -> None:
    episodes = dataset.episodes
    lengths = sum(episode.length for episode in episodes)
    said = (info.get("total_episodes"), info.get("total_frames"))
    if said != (len(episodes), lengths) or not episodes:
        sentence = f"meta/info.json says {said[0]} episodes with {said[1]} rows; there are {len(episodes)} with {lengths}."
        raise Refused("count_mismatch", f"{sentence} Export the dataset again.")
    if [episode.index for episode in episodes] != list(range(len(episodes))):
        raise Refused("count_mismatch", "The episodes are not numbered 0, 1, 2 and so on.")
    if any(episode.length < 1 or any(s.first < 0 for s in episode.videos.values()) for episode in episodes):
        raise Refused("count_mismatch", "An episode has no rows, or pictures before the first one.")


def _times(dataset: DatasetRead, path: str) -> tuple[Any, Any]:
    """(episode_index, timestamp) of a data file whose columns are what `info.json` says."""
    columns.check_kinds(dataset, path)
    table = columns.check_rows(dataset, path)
    return table["episode_index"].to_numpy(), table["timestamp"].to_numpy().astype(np.float64)


def _check_times(episode: EpisodeRead, of_episode: Any, times: Any) -> None:
    rows = np.flatnonzero(of_episode == episode.index)
    if len(rows) != episode.length or rows[-1] - rows[0] + 1 != episode.length:
        sentence = f"{episode.data} has {len(rows)} rows of episode {episode.index}; {episode.length} are announced."
        raise Refused("count_mismatch", sentence, path=episode.data)
    mine = times[rows]
    if not np.all(np.isfinite(mine)) or not np.all(np.diff(mine) > 0):
        raise Refused("timestamps_backwards", f"The times of episode {episode.index} do not rise from row to row.")


def _check_videos(dataset: DatasetRead) -> dict[str, video_files.VideoIndex]:
    """Each file holds exactly the pictures of its episodes, one per row, evenly spaced."""
    holders: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for episode in dataset.episodes:
        for key, stretch in episode.videos.items():
            holders[stretch.path].append((stretch.first, episode.length, key))
    found = {}
    for path, stretches in holders.items():
        index = video_files.read_index(safe_files.inside(dataset.root, path), path)
        rows = sum(length for _, length, _ in stretches)
        if index.frames != rows:
            sentence = f"{path} has {index.frames} pictures for {rows} rows. Every row needs its own."
            raise Refused("video_frames", sentence, path=path)
        _check_stretches(path, sorted((first, length) for first, length, _ in stretches))
        width, height = dataset.features[stretches[0][2]].size
        if (index.width, index.height) != (width, height):
            sentence = f"{path} has pictures of {index.width}x{index.height}; meta/info.json says {width}x{height}."
            raise Refused("video_size", sentence, path=path)
        seconds = (index.pts - index.pts[0]) * float(index.time_base)
        if np.abs(seconds - np.arange(index.frames) / dataset.fps).max() > 0.5 / dataset.fps:
            raise Refused("video_times", f"The pictures of {path} are not {dataset.fps:g} a second.", path=path)
        found[path] = index
    return found


def _check_stretches(path: str, stretches: list[tuple[int, int]]) -> None:
    """Each (first picture, count), in their order, begins where the one before ends: no row gets another's picture."""
    expected = 0
    for first, length in stretches:
        if first != expected:
            sentence = f"{path}: an episode's pictures begin at {first}, where {expected} is the next that is nobody's."
            raise Refused("video_frames", f"{sentence} Every row needs its own.", path=path)
        expected += length


def _note_what_is_left(dataset: DatasetRead) -> None:
    if layout.ACTION not in dataset.features or not dataset.features[layout.ACTION].is_vector:
        raise Refused("no_action", "The dataset has no feature named action, so there is nothing to learn or to play.")
    taken = {*columns.taken(dataset), *layout.INDEX_COLUMNS, *(key for key, one in dataset.features.items() if one.is_camera)}
    left = [key for key in dataset.features if key not in taken]
    if left:
        dataset.notes.append(Note("not_kept", f"This side has no place for {', '.join(left)[:300]}."))


def _note_statistics(dataset: DatasetRead) -> None:
    """Statistics are counted anew from the values; those that came along are only looked at."""
    if not safe_files.exists(dataset.root, layout.STATS):
        return
    given = safe_files.read_json(dataset.root, layout.STATS)
    for key, values in given.items() if isinstance(given, dict) else ():
        numbers = _flat(values)
        if not all(math.isfinite(number) for number in numbers):
            dataset.notes.append(Note("stats_not_finite", f"{layout.STATS}: {key!r:.80} holds what is no number; counted anew."))
        elif isinstance(values, dict) and any(number == 0 for number in _flat(values.get("std"))) and key in dataset.features:
            dataset.notes.append(Note("stats_no_spread", f"{layout.STATS}: {key!r:.80} has a deviation of zero; counted anew."))


def _flat(value: Any) -> list[float]:
    """Every number inside, however deep; what is empty there is no number."""
    found, waiting = list[float](), [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict | list):
            waiting += value.values() if isinstance(value, dict) else value
        elif value is None or isinstance(value, int | float):
            found.append(math.nan if value is None else _number(value))
    return found


def _number(value: int | float) -> float:
    """JSON knows whole numbers beyond any float."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _fingerprint(root: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(root.glob("meta/**/*")):
        if path.is_file() and not path.is_symlink() and path.name != "stats.json":
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _fitting_side(dataset: DatasetRead, found: side.Side) -> side.Side | None:
    """None, and a note, when episodes were taken out or put in since: the dataset is then read as anybody's."""
    if [episode.kept.rows for episode in found.episodes] != [episode.length for episode in dataset.episodes]:
        sentence = f"{layout.SIDE} is about other episodes than there are; pilots, labels and times are not taken from it."
        dataset.notes.append(Note("side_file_left", sentence))
        return None
    for episode in found.episodes:
        started = episode.meta.get("started_ns", 0)
        if not isinstance(started, int) or not 0 <= started < MOST_NS:
            raise Refused("side_file", f"{layout.SIDE}: episode {episode.index} began at {started!r:.40}, which is no time.")
    return found
