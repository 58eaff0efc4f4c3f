"""One episode of a LeRobot dataset becomes an episode folder like those that robots upload: rows, videos, events, hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from episodes.data.examine import PILOTS
from episodes.data.lerobot import features, layout, safe_files, video_files
from episodes.data.lerobot.columns import SUCCESS, WHOLE, taken, vector
from episodes.data.lerobot.dataset import DatasetRead, EpisodeRead, FeatureRead
from episodes.data.lerobot.infer import state_key
from episodes.data.lerobot.side import SideEpisode
from episodes.data.lerobot.video_out import JoinedVideo
from protocol.embodiment import Camera, Embodiment
from protocol.episode import SCHEMA, EpisodeMeta, frames_schema
from protocol.episode_folder import EVENTS, FRAMES, MAX_SIDE, META, expected_files, hash_file, video_path
from protocol.errors import Refused
from protocol.recording_video import FrameEncoder, VideoFile, frame_rate

LONGEST_GOP = 60  # pictures; beyond, a jump in the player would take long, so that the video is encoded anew
MOST_EVENTS = 100_000
MOST_INSTRUCTION = 500  # characters


class Rows:
    """The rows of one episode after the other.  Those of the last file stay in memory, so take episodes in their order."""

    def __init__(self, dataset: DatasetRead) -> None:
        self._root, self._path, self._table = dataset.root, "", pa.table({})
        stored = [key for key, feature in dataset.features.items() if feature.dtype == "image" and feature.is_camera]
        self._wanted = ["timestamp", *WHOLE, *taken(dataset), *stored]

    def of(self, episode: EpisodeRead) -> pa.Table:
        if self._path != episode.data:
            self._path, self._table = episode.data, safe_files.table(self._root, episode.data, self._wanted)
        rows = np.flatnonzero(self._table["episode_index"].to_numpy() == episode.index)
        return self._table.slice(int(rows[0]), episode.length)


@dataclass
class Importing:
    """A judged dataset and what its episodes shall become.  `pilot`: who drove, where the dataset does not say."""

    dataset: DatasetRead
    body: Embodiment
    robot: str
    indices: dict[str, video_files.VideoIndex]
    rows: Rows
    pilot: str = "operator"
    _events: dict[int, list[dict[str, Any]]] | None = None
    _hashes: dict[str, str] = field(default_factory=dict)

    def id(self, episode: EpisodeRead) -> str:
        """The same for the same dataset and robot each time, so that an import done twice is done once.

        Every byte of the files that hold its rows and pictures counts: what meta/ says may be the same for other data.
        """
        files = [episode.data, *(stretch.path for _, stretch in sorted(episode.videos.items()))]
        said = [self.dataset.fingerprint, str(episode.index), self.robot, *map(self._hash, files)]
        return hashlib.sha256(" ".join(said).encode()).hexdigest()[:32]

    def _hash(self, path: str) -> str:
        if path not in self._hashes:
            self._hashes[path] = hash_file(safe_files.inside(self.dataset.root, path)).sha256
        return self._hashes[path]

    def known(self, episode: EpisodeRead) -> SideEpisode | None:
        return self.dataset.side.episodes[episode.index] if self.dataset.side else None

    def events(self, episode: EpisodeRead) -> list[dict[str, Any]]:
        """Those of meta/reins_events.jsonl, in their order."""
        if self._events is None:
            self._events = {}
            root = self.dataset.root
            for event in safe_files.read_lines(root, layout.SIDE_EVENTS) if safe_files.exists(root, layout.SIDE_EVENTS) else ():
                if isinstance(event, dict) and isinstance(number := event.pop("episode_index", None), int):
                    self._events.setdefault(number, []).append(event)
        return self._events.get(episode.index, [])[:MOST_EVENTS]


def write_folder(work: Importing, episode: EpisodeRead, folder: Path) -> EpisodeMeta:
    """Makes `folder`, whole and with its hashes."""
    (folder / "video").mkdir(parents=True)
    table = work.rows.of(episode)
    ours = _frames(work, table, _started_ns(work, episode, table))
    pq.write_table(ours, folder / FRAMES, compression="zstd")
    features_of = work.dataset.cameras()
    for camera in work.body.cameras:
        _video(work, episode, features_of[camera.name], camera, table, folder / video_path(camera.name))
    _write_events(work, episode, ours, folder)
    meta = _meta(work, episode, table, ours)
    hashes = {path: hash_file(folder / path) for path in sorted(expected_files(meta.cameras))}
    meta = msgspec.structs.replace(meta, files=hashes)
    (folder / META).write_bytes(msgspec.json.format(msgspec.json.encode(meta), indent=1))
    return meta


def _started_ns(work: Importing, episode: EpisodeRead, table: pa.Table) -> int:
    """When it began.  No dataset of others tells: the time of its info.json stands in, so that the order is kept."""
    known = work.known(episode)
    if known is not None and not known.kept.first:
        return int(known.meta.get("started_ns", 0))
    described = work.dataset.features.get("reins.time_ns")
    if described is not None and (described.dtype, described.shape) == ("int64", (1,)):
        return int(table["reins.time_ns"][0].as_py())
    return work.dataset.stamp_ns + episode.index * 1_000_000_000


def _frames(work: Importing, table: pa.Table, started_ns: int) -> pa.Table:
    dataset, body, rows = work.dataset, work.body, table.num_rows
    cameras = tuple(camera.name for camera in body.cameras)
    seconds = table["timestamp"].to_numpy().astype(np.float64)
    action = vector(table, layout.ACTION, len(body.action))
    columns: dict[str, Any] = {
        "index": np.arange(rows),
        "time_ns": started_ns + np.round(seconds * 1e9).astype(np.int64),
        "mono_s": seconds,
        "pilot": _pilots(dataset, table, work.pilot),
        "state": vector(table, state_key(dataset), len(body.state)),
        "action": action,
        "action_done": action,
        "latency_ms": np.full(rows, np.nan),
        "uncertainty": np.full(rows, np.nan),
        "chunk": np.full(rows, -1),
    }
    columns |= {name: np.zeros(rows, np.int64) for name in ("lease_epoch", "lease_seq", "fence", "clamps")}
    columns |= {f"capture_ns.{camera}": np.zeros(rows, np.int64) for camera in cameras}
    columns |= {f"repeated.{camera}": np.zeros(rows, np.bool_) for camera in cameras}
    if dataset.side is not None:
        columns |= _carried(dataset, table, body, cameras)
    schema = frames_schema(len(body.state), len(body.action), cameras)
    arrays = [features.arrow(np.asarray(columns[field.name]), field.type) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _carried(dataset: DatasetRead, table: pa.Table, body: Embodiment, cameras: tuple[str, ...]) -> dict[str, Any]:
    """Our own columns, from the features that hold them and are of the right width."""
    found: dict[str, Any] = {}
    for feature in features.of_embodiment(body):
        described = dataset.features.get(feature.key)
        if not feature.key.startswith("reins.") or feature.source == "pilot" or described is None:
            continue
        if described.shape != (feature.width,) or described.dtype != feature.dtype:
            raise Refused("feature_shape", f"{feature.key} is not {feature.dtype}[{feature.width}], as meta/reins.json has it.")
        values = features.back(feature, features.vectors(table[feature.key]))
        if feature.source in ("capture_ns", "repeated"):
            block = values.reshape(len(values), -1)
            found |= {f"{feature.source}.{camera}": block[:, number] for number, camera in enumerate(cameras)}
        else:
            found[feature.source] = values
    return found


def _pilots(dataset: DatasetRead, table: pa.Table, pilot: str) -> NDArray[Any]:
    """Ours by number; of others an intervention is a person's, the rest of such an episode the policy's."""
    rows = table.num_rows
    if dataset.side is not None and "reins.pilot" in table.column_names:
        numbers = table["reins.pilot"].to_numpy()
        if (
            numbers.dtype != np.int64
            or numbers.min() < 0
            or numbers.max() >= len(dataset.side.pilots)
            or set(dataset.side.pilots) - set(PILOTS)
        ):
            raise Refused("side_file", "reins.pilot has numbers that meta/reins.json does not explain.")
        return np.asarray(np.array(dataset.side.pilots, object)[numbers])
    if layout.INTERVENTION in table.column_names:
        led = vector(table, layout.INTERVENTION, 1)[:, 0] > 0
        if led.any():
            return np.where(led, "operator", "policy").astype(object)
    return np.full(rows, pilot, object)


def _video(work: Importing, episode: EpisodeRead, feature: FeatureRead, camera: Camera, table: pa.Table, target: Path) -> None:
    hz = work.dataset.fps
    if feature.dtype == "image":
        _encode(_stored_pictures(table, feature), camera, hz, target)
        return
    stretch = episode.videos[feature.key]
    index = work.indices[stretch.path]
    if _may_copy(index, stretch.first, episode.length, camera, frame_rate(hz)):
        joined = JoinedVideo(target, index, frame_rate(hz))
        joined.add(video_files.packets(index, stretch.first, episode.length))
        joined.close()
    else:
        _encode(video_files.pictures(index, stretch.first, episode.length), camera, hz, target)


def _may_copy(index: video_files.VideoIndex, first: int, count: int, camera: Camera, rate: Fraction) -> bool:
    keys = np.append(np.flatnonzero(index.key[first : first + count]), count)
    return (
        index.codec == "h264"
        and index.pixels == "yuv420p"
        and (index.width, index.height) == (camera.width, camera.height)
        and video_files.may_copy(index, first, count, rate)
        and int(np.diff(keys).max()) <= LONGEST_GOP
    )


def _encode(frames: Iterator[Any], camera: Camera, hz: float, target: Path) -> None:
    """As a robot would have recorded it."""
    encoder, video = FrameEncoder(camera.width, camera.height, hz), VideoFile(target, camera.width, camera.height, hz)
    for frame in frames:
        plain = frame.reformat(
            camera.width, camera.height, "yuv420p", dst_colorspace=Colorspace.ITU601, dst_color_range=ColorRange.MPEG
        )
        video.add(*encoder.encode(plain.to_ndarray()))
    video.close()


def _stored_pictures(table: pa.Table, feature: FeatureRead) -> Iterator[Any]:
    """PNG files inside the rows, each looked at before it is decoded."""
    for stored in table[feature.key].to_pylist():
        raw = stored.get("bytes") if isinstance(stored, dict) else None
        if not isinstance(raw, bytes) or raw[:8] != b"\x89PNG\r\n\x1a\n" or raw[12:16] != b"IHDR":
            raise Refused("image_format", f"{feature.key} holds pictures that are not PNG files inside the rows.")
        size = int.from_bytes(raw[16:20], "big"), int.from_bytes(raw[20:24], "big")
        if size != feature.size or max(size) > MAX_SIDE:
            raise Refused(
                "video_size", f"{feature.key} has a picture of {size[0]}x{size[1]}; meta/info.json says {feature.size}."
            )
        try:
            decoder = av.CodecContext.create("png", "r")
            yield from (decoder.decode(av.Packet(raw)) or decoder.decode(None))[:1]
        except av.FFmpegError as error:
            raise Refused("video_damaged", f"{feature.key} has a picture that cannot be decoded: {error}.") from error


def _write_events(work: Importing, episode: EpisodeRead, ours: pa.Table, folder: Path) -> None:
    """The events that came along, and one that says where the episode is from."""
    known, side = work.known(episode), work.dataset.side
    origin = {"dataset": work.dataset.fingerprint, "episode_index": episode.index, "version": work.dataset.version}
    if known is not None and side is not None:
        origin |= {"episode": known.kept.id, "manifest": side.manifest, "first": known.kept.first}
    said = {
        "time_ns": ours["time_ns"][-1].as_py(), "mono_s": ours["mono_s"][-1].as_py(), "event": "imported", "actor": "",
        "reason": "", "before": "", "after": "", "detail": origin,
    }  # fmt: skip
    events = work.events(episode) if known is not None else []
    (folder / EVENTS).write_bytes(b"".join(msgspec.json.encode(event) + b"\n" for event in (*events, said)))


def _meta(work: Importing, episode: EpisodeRead, table: pa.Table, ours: pa.Table) -> EpisodeMeta:
    dataset, body, known = work.dataset, work.body, work.known(episode)
    cameras = [camera.name for camera in body.cameras]
    described: dict[str, Any] = {"program": f"LeRobot {dataset.version}"[:40], "outcome": _outcome(table)}
    if known is not None:  # campaigns belong to the server that ran them
        described = {**known.meta, "outcome": known.kept.outcome, "campaign": "", "prompt": ""}
    task = dataset.tasks.get(int(table["task_index"][0].as_py()), "") if "task_index" in table.column_names else ""
    described |= {
        "schema": SCHEMA,
        "id": work.id(episode),
        "robot": work.robot,
        "embodiment_hash": body.hash,
        "embodiment": msgspec.to_builtins(body),
        "instruction": _one_line(task),
        "started_ns": _started_ns(work, episode, table),
        "seconds": table.num_rows / dataset.fps,
        "rows": table.num_rows,
        "record_hz": dataset.fps,
        "cameras": cameras,
        "frames_repeated": {camera: sum(ours[f"repeated.{camera}"].to_pylist()) for camera in cameras},
        "files": {},
    }
    try:
        return msgspec.convert(described, EpisodeMeta)
    except msgspec.ValidationError as error:
        raise Refused("side_file", f"meta/reins.json, episode {episode.index}: {error}.") from error


def _one_line(text: str) -> str:
    """As instructions are kept here."""
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())[:MOST_INSTRUCTION]


def _outcome(table: pa.Table) -> str:
    """What `next.success` says at any row; nothing said is unlabelled."""
    if SUCCESS not in table.column_names:
        return "unlabelled"
    return "success" if bool((vector(table, SUCCESS, 1) > 0).any()) else "failure"
