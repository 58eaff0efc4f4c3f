"""Writes the files of an episode folder from ticks: the table, the videos (packets as they are), the events."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from protocol.embodiment import Embodiment
from protocol.episode import Masked, Person, frames_schema
from protocol.episode_folder import EVENTS, FRAMES, video_path
from protocol.recording_video import VideoFile
from robot.frame_ring import BLIND
from robot.recorder.contents import Happening, Tick


class FolderWriter:
    """Takes ticks one after the other; `close` leaves finished files.  What was counted stands in the attributes."""

    def __init__(self, folder: Path, embodiment: Embodiment) -> None:
        (folder / "video").mkdir(parents=True)
        self._folder = folder
        self._cameras = tuple(camera.name for camera in embodiment.cameras)
        self._schema = frames_schema(len(embodiment.state), len(embodiment.action), self._cameras)
        self._table = pq.ParquetWriter(folder / FRAMES, self._schema, compression="zstd")
        self._videos = [
            VideoFile(folder / video_path(c.name), c.width, c.height, embodiment.record_hz) for c in embodiment.cameras
        ]
        self._events = open(folder / EVENTS, "wb")  # noqa: SIM115  # open as long as the writer lives
        self._pending: list[Tick] = []
        self._driven: dict[str, tuple[str, int]] = {}
        self.rows = 0
        self.rows_lost = 0
        self.repeated = dict.fromkeys(self._cameras, 0)
        self._masks: dict[str, dict[int, int]] = {camera: {} for camera in self._cameras}  # version -> pictures

    def add(self, tick: Tick) -> None:
        for camera, video, picture in zip(self._cameras, self._videos, tick.pictures, strict=True):
            video.add(picture.data, picture.key)
            self.repeated[camera] += picture.repeated
            self._masks[camera][picture.masks] = self._masks[camera].get(picture.masks, 0) + 1
        row = tick.row
        if row.pilot == "operator" and row.person:
            _, frames = self._driven.get(row.person, ("", 0))
            self._driven[row.person] = (row.person_name, frames + 1)
        self.rows_lost += tick.rows_lost
        self._pending.append(tick)
        if len(self._pending) >= 1024:
            self._write_rows()

    def add_event(self, happening: Happening) -> None:
        self._events.write(msgspec.json.encode(happening) + b"\n")

    def close(self) -> None:
        self._write_rows()
        self._table.close()
        self._events.close()
        for video in self._videos:
            video.close()

    def abandon(self) -> None:
        """Closes without a promise about the files: there is nothing worth keeping."""
        self._table.close()
        self._events.close()

    @property
    def empty(self) -> bool:
        return not self.rows and not self._pending

    @property
    def people(self) -> tuple[Person, ...]:
        return tuple(Person(id, name, frames) for id, (name, frames) in self._driven.items())

    @property
    def masked(self) -> dict[str, Masked]:
        """Of the cameras of whose pictures anything was blacked out."""
        return {
            camera: Masked(tuple(sorted(version for version in counts if version != BLIND)), counts.get(BLIND, 0))
            for camera, counts in self._masks.items()
            if set(counts) - {0}
        }

    @property
    def paths(self) -> list[str]:
        return [FRAMES, EVENTS, *(video_path(camera) for camera in self._cameras)]

    def _write_rows(self) -> None:
        if self._pending:
            columns = {name: [] for name in self._schema.names}  # type: dict[str, list[object]]
            for index, tick in enumerate(self._pending, start=self.rows):
                for name, value in _row_values(index, tick, self._cameras).items():
                    columns[name].append(value)
            self._table.write_table(pa.table(columns, schema=self._schema))
        self.rows += len(self._pending)
        self._pending = []


def _row_values(index: int, tick: Tick, cameras: tuple[str, ...]) -> dict[str, object]:
    row = tick.row
    values: dict[str, object] = {
        "index": index,
        "time_ns": tick.time_ns,
        "mono_s": tick.mono_s,
        "pilot": row.pilot,
        "lease_epoch": row.lease_epoch,
        "lease_seq": row.lease_seq,
        "fence": row.fence,
        "state": row.state,
        "action": row.action,
        "action_done": row.action_done,
        "clamps": row.clamps,
        "latency_ms": row.latency_ms,
        "chunk": row.chunk,
        "uncertainty": row.uncertainty,
    }
    for camera, picture in zip(cameras, tick.pictures, strict=True):
        values[f"capture_ns.{camera}"] = picture.capture_ns
        values[f"repeated.{camera}"] = picture.repeated
    return values
