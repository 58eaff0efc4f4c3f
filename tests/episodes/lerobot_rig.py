"""Dataset versions of really recorded episodes, without a database, and reading an export back by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from episodes.data.manifest import Manifest, ManifestEpisode
from protocol.episode import EpisodeMeta
from protocol.episode_folder import FRAMES, META, decode_meta, hash_file
from tests.episodes.rig import recorded

CAMERAS = ("scene", "wrist")


def kept(folder: Path, first: int = 0, last: int | None = None, **known: Any) -> ManifestEpisode:
    meta = meta_of(folder)
    files = {META: hash_file(folder / META).sha256} | {path: file.sha256 for path, file in meta.files.items()}
    about = {"instruction": meta.instruction, "outcome": meta.outcome} | known
    return ManifestEpisode(id=meta.id, files=files, first=first, last=meta.rows - 1 if last is None else last, **about)


def manifest(episodes: list[ManifestEpisode], like: Path) -> Manifest:
    meta = meta_of(like)
    ordered = tuple(sorted(episodes, key=lambda episode: episode.id))
    return Manifest(embodiment_hash=meta.embodiment_hash, embodiment=meta.embodiment, episodes=ordered)


def version(root: Path, lengths: tuple[int, ...] = (40, 25, 33)) -> tuple[Manifest, Callable[[str], Path]]:
    """A version of whole episodes of these lengths; the second of them has a task of its own."""
    folders = [
        recorded(root / str(number), "robot1", length, "Wipe the mat" if number == 1 else "Put the cube in the tray")
        for number, length in enumerate(lengths)
    ]
    by_id = {folder.name: folder for folder in folders}
    return manifest([kept(folder) for folder in folders], folders[0]), by_id.__getitem__


def meta_of(folder: Path) -> EpisodeMeta:
    return decode_meta((folder / META).read_bytes())


def table(folder: Path) -> dict[str, tuple[str, str]]:
    """Type and values of each column of an episode folder, as text: there a NaN equals a NaN."""
    read = pq.read_table(folder / FRAMES)
    return {name: (str(read.schema.field(name).type), str(read[name].to_pylist())) for name in read.column_names}


def shown(video: Path) -> NDArray[np.uint8]:
    """Every picture as a player decodes it, uint8[N,H,W,3]."""
    with av.open(str(video)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def info(root: Path) -> dict[str, Any]:
    return dict(json.loads((root / "meta" / "info.json").read_text()))


def rows(root: Path) -> pa.Table:
    return pa.concat_tables([pq.read_table(path) for path in sorted(root.glob("data/*/*.parquet"))])


def episodes(root: Path) -> list[dict[str, Any]]:
    return [row for path in sorted(root.glob("meta/episodes/*/*.parquet")) for row in pq.read_table(path).to_pylist()]


def pictures(root: Path, episode: dict[str, Any], camera: str) -> NDArray[np.uint8]:
    """What a reader finds from the episode's times: uint8[N,H,W,3]."""
    key, fps = f"observation.images.{camera}", info(root)["fps"]
    place = {name: episode[f"videos/{key}/{name}"] for name in ("chunk_index", "file_index")}
    video = shown(root / info(root)["video_path"].format(video_key=key, **place))
    first = round(episode[f"videos/{key}/from_timestamp"] * fps)
    return video[first : round(episode[f"videos/{key}/to_timestamp"] * fps)]


def side(root: Path) -> dict[str, Any]:
    return dict(msgspec.json.decode((root / "meta" / "reins.json").read_bytes()))
