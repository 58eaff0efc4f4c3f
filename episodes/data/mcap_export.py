"""One episode as an MCAP file that Foxglove shows: video, joints, state, actions, rows, events, calibration.

Messages are JSON with JSON Schema, so that any reader of MCAP understands them without our code.
"""

from __future__ import annotations

import base64
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from av.bitstream import BitStreamFilterContext
from mcap.writer import CompressionType, Writer

from episodes.data import foxglove
from episodes.data.lerobot import video_files
from episodes.data.lerobot.features import vectors
from episodes.data.lerobot.work import room
from protocol.clamps import clamp_names
from protocol.embodiment import Camera, Embodiment
from protocol.episode import EpisodeMeta
from protocol.episode_folder import EVENTS, FRAMES, check_folder, embodiment_of, video_path
from protocol.errors import Refused

_INFO = 2  # level of foxglove.Log
Message = tuple[int, str, dict[str, Any]]  # log time in ns, topic, content


class McapFile:
    """An MCAP file with one channel per topic."""

    def __init__(self, path: Path) -> None:
        self._file = open(path, "wb")  # noqa: SIM115  # open as long as this object
        self._writer = Writer(self._file, compression=CompressionType.ZSTD)
        self._writer.start(profile="", library="reins")
        self._channels: dict[str, int] = {}

    def channel(self, topic: str, schema: foxglove.Schema, **about: str) -> None:
        described = self._writer.register_schema(schema["title"], "jsonschema", msgspec.json.encode(schema))
        self._channels[topic] = self._writer.register_channel(topic, "json", described, about)

    def add(self, message: Message) -> None:
        time_ns, topic, content = message
        self._writer.add_message(self._channels[topic], time_ns, msgspec.json.encode(content), time_ns)

    def about(self, name: str, values: dict[str, str]) -> None:
        self._writer.add_metadata(name, values)

    def attach(self, time_ns: int, name: str, media_type: str, data: bytes) -> None:
        self._writer.add_attachment(time_ns, time_ns, name, media_type, data)

    def close(self) -> None:
        self._writer.finish()  # type: ignore[no-untyped-call]
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def abandon(self) -> None:
        self._file.close()


def export_mcap(folder: Path, target: Path) -> EpisodeMeta:
    """Writes the episode in `folder` to `target`, which must not exist and appears whole.

    Refused: `file_exists`, `episode_damaged`, `storage_full`.
    """
    if target.exists():
        raise Refused("file_exists", f"{target} exists already. Choose another name, or remove it first.")
    meta = check_folder(folder)
    body = embodiment_of(meta)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    with room(target.parent):
        file = McapFile(partial)
        try:
            _channels(file, body)
            _describe(file, meta, folder)
            for message in _merged(folder, meta, body):
                file.add(message)
            file.close()
            os.rename(partial, target)
        except BaseException:
            file.abandon()
            partial.unlink(missing_ok=True)
            raise
    return meta


def _channels(file: McapFile, body: Embodiment) -> None:
    for camera in body.cameras:
        file.channel(f"/camera/{camera.name}/video", foxglove.VIDEO)
        file.channel(f"/camera/{camera.name}/calibration", foxglove.CALIBRATION)
    if body.cameras:
        file.channel("/transforms", foxglove.TRANSFORM)
    file.channel("/joints", foxglove.JOINTS)
    file.channel("/state", foxglove.numbers("reins.State", body.state))
    file.channel("/action", foxglove.numbers("reins.Action", body.action), what="asked")
    file.channel("/action_done", foxglove.numbers("reins.ActionDone", body.action), what="done")
    file.channel("/row", foxglove.ROW)
    file.channel("/events", foxglove.LOG)


def _describe(file: McapFile, meta: EpisodeMeta, folder: Path) -> None:
    known = {"episode": meta.id, "robot": meta.robot, "embodiment": meta.embodiment_hash, "instruction": meta.instruction}
    file.about("reins", known | {"outcome": meta.outcome, "record_hz": f"{meta.record_hz:g}"})
    body = msgspec.json.encode(meta.embodiment)
    file.attach(meta.started_ns, "embodiment.json", "application/json", body)


def _merged(folder: Path, meta: EpisodeMeta, body: Embodiment) -> Iterator[Message]:
    """Row after row, each with its pictures; events where they belong."""
    table = pq.read_table(folder / FRAMES)
    times = [int(time) for time in table["time_ns"].to_pylist()]
    events = _events(folder)
    videos = {camera.name: _video(folder, camera, table, times) for camera in body.cameras}
    for camera in body.cameras:
        yield from _standing(camera, times[0])
    for row, message in enumerate(_rows(table, body, times)):
        while events and events[0][0] <= times[row]:
            yield events.pop(0)
        yield from message
        for frames in videos.values():
            yield next(frames)
    yield from events


def _rows(table: pa.Table, body: Embodiment, times: list[int]) -> Iterator[list[Message]]:
    blocks = {name: vectors(table[name]) for name in ("state", "action", "action_done")}
    asked = [axis.name for axis in body.action]
    names = {"state": [quantity.name for quantity in body.state], "action": asked, "action_done": asked}
    columns = ("index", "pilot", "lease_epoch", "lease_seq", "fence", "chunk", "latency_ms", "uncertainty")
    plain = table.select(columns).to_pylist()
    clamps = table["clamps"].to_pylist()
    for row, time_ns in enumerate(times):
        stamp = {"timestamp": _stamp(time_ns)}
        said = plain[row] | {name: _number(plain[row][name]) for name in ("latency_ms", "uncertainty")}
        found: list[Message] = [(time_ns, "/row", stamp | said | {"clamps": clamp_names(clamps[row])})]
        for name, block in blocks.items():
            values = {part: _number(value) for part, value in zip(names[name], block[row], strict=True)}
            found.append((time_ns, f"/{name}", stamp | values))
        found.append((time_ns, "/joints", stamp | {"joints": _joints(body, blocks["state"][row])}))
        yield found


def _joints(body: Embodiment, state: Any) -> list[dict[str, Any]]:
    """The numbers in radians or metres, with the velocity of the number that is called `d` and the same."""
    velocity = {q.name: _number(value) for q, value in zip(body.state, state, strict=True) if q.unit.endswith("/s")}
    found = []
    for quantity, value in zip(body.state, state, strict=True):
        if quantity.unit in ("rad", "m") and math.isfinite(value):
            joint = {"name": quantity.name, "position": float(value)}
            moving = velocity.get(f"d{quantity.name}")
            found.append(joint | ({"velocity": moving} if moving is not None else {}))
    return found


def _video(folder: Path, camera: Camera, table: pa.Table, times: list[int]) -> Iterator[Message]:
    """Annex B packets, one picture each, with the parameter sets before every key frame, as Foxglove wants them."""
    path = folder / video_path(camera.name)
    captured = table[f"capture_ns.{camera.name}"].to_pylist()
    with video_files.opened(path, video_path(camera.name)) as (container, stream):
        filtered = BitStreamFilterContext("h264_mp4toannexb", stream)
        row = 0
        for packet in container.demux(stream):
            for out in filtered.filter(packet) if packet.size else ():
                content = {"timestamp": _stamp(captured[row] or times[row]), "frame_id": camera.name, "format": "h264"}
                content["data"] = base64.b64encode(bytes(out)).decode()
                yield times[row], f"/camera/{camera.name}/video", content
                row += 1


def _standing(camera: Camera, time_ns: int) -> Iterator[Message]:
    """Where a camera is and how it looks, as far as that is known."""
    stamp = {"timestamp": _stamp(time_ns)}
    if camera.K[0][0] > 0:
        k = [number for line in camera.K for number in line]
        p = [number for line in camera.K for number in (*line, 0.0)]
        eye = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
        about = {"frame_id": camera.name, "width": camera.width, "height": camera.height, "distortion_model": ""}
        yield time_ns, f"/camera/{camera.name}/calibration", stamp | about | {"D": [], "K": k, "R": eye, "P": p}
    pose = np.array(camera.T_mount)
    rotation = dict(zip("xyzw", _quaternion(pose[:3, :3]), strict=True))
    translation = dict(zip("xyz", (float(x) for x in pose[:3, 3]), strict=True))
    frames = {"parent_frame_id": camera.mount, "child_frame_id": camera.name}
    yield time_ns, "/transforms", stamp | frames | {"translation": translation, "rotation": rotation}


def _quaternion(r: Any) -> tuple[float, float, float, float]:
    """(x, y, z, w) of a rotation matrix: the eigenvector of Bar-Itzhack's symmetric matrix (2000, version 2)."""
    k = np.array([
        [r[0, 0] - r[1, 1] - r[2, 2], r[1, 0] + r[0, 1], r[2, 0] + r[0, 2], r[2, 1] - r[1, 2]],
        [r[1, 0] + r[0, 1], r[1, 1] - r[0, 0] - r[2, 2], r[2, 1] + r[1, 2], r[0, 2] - r[2, 0]],
        [r[2, 0] + r[0, 2], r[2, 1] + r[1, 2], r[2, 2] - r[0, 0] - r[1, 1], r[1, 0] - r[0, 1]],
        [r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1], r[0, 0] + r[1, 1] + r[2, 2]],
    ]) / 3  # fmt: skip
    vector = np.linalg.eigh(k)[1][:, -1]
    x, y, z, w = (float(part) for part in (vector if vector[3] >= 0 else -vector))
    return x, y, z, w


def _events(folder: Path) -> list[Message]:
    found: list[Message] = []
    for line in (folder / EVENTS).read_bytes().splitlines():
        try:
            event = msgspec.json.decode(line, type=dict[str, Any])
            time_ns = int(event["time_ns"])
        except (msgspec.DecodeError, KeyError, TypeError, ValueError):
            continue
        words = (event.get("event"), event.get("before"), event.get("after"), event.get("reason"))
        message = " · ".join(str(word) for word in words if word)
        content = {"timestamp": _stamp(time_ns), "level": _INFO, "message": message, "name": "events", "file": "", "line": 0}
        found.append((time_ns, "/events", content))
    return sorted(found, key=lambda message: message[0])


def _stamp(time_ns: int) -> dict[str, int]:
    return {"sec": time_ns // 1_000_000_000, "nsec": time_ns % 1_000_000_000}


def _number(value: Any) -> float | None:
    """JSON knows no NaN."""
    return float(value) if math.isfinite(value) else None
