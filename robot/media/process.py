"""The media process of a robot: cameras in, live pictures, snapshots and raw frames out.  Decides nothing.

Started by the launcher as `python -m robot.media.process RUN_DIR --door link=FD --door recorder=FD --door pilot=FD`.
"""

from __future__ import annotations

import logging
import selectors
import signal
import sys
import threading
import time
from functools import partial
from pathlib import Path

import cv2
import msgspec

from protocol.embodiment import Camera
from protocol.errors import Refused
from robot.bodies.body import BodySpec
from robot.door import Door
from robot.frame_ring import FrameRing
from robot.layout import FRAME_SLOTS, Place, open_place
from robot.media import door
from robot.media.camera import CameraLine
from robot.media.masking import MaskFile

log = logging.getLogger("media")

HEALTH_S = 0.5


class MediaProcess:
    """One thread per camera and the control loop of `run`."""

    def __init__(self, spec: BodySpec, place: Place) -> None:
        self._doors = {name: Door(end) for name, end in place.doors.items()}
        self.lines = {camera.name: self._line(spec, camera, place) for camera in spec.embodiment.cameras}
        maskings = {name: line.masking for name, line in self.lines.items()}
        self._masks = MaskFile(place.state_dir, place.setup.server_key, place.setup.robot, maskings)
        self._wake = {name: threading.Event() for name in self.lines}
        self._raw: set[str] = set()  # the doors through which raw pictures are wanted
        self._stopping = threading.Event()
        self._failed = False
        self._threads = [threading.Thread(target=self._capture, args=(name,), name=f"camera {name}") for name in self.lines]

    def run(self) -> None:
        """Until `stop`."""
        self._masks.look()
        for thread in self._threads:
            thread.start()
        self._to_link(door.Started())
        selector = selectors.DefaultSelector()
        for name, end in self._doors.items():
            selector.register(end, selectors.EVENT_READ, name)
        due_s = time.monotonic()
        while not self._stopping.is_set():
            for key, _ in selector.select(max(0.0, due_s - time.monotonic())):
                self._hear(key.data)
            if time.monotonic() >= due_s:
                due_s = time.monotonic() + HEALTH_S
                self._masks.look()
                health = tuple(line.health() for line in self.lines.values())
                self._to_link(door.Cameras(cameras=health, masks=self._masks.version))
        for wake in self._wake.values():
            wake.set()
        for thread in self._threads:
            thread.join(1.0)

    def stop(self) -> None:
        self._stopping.set()

    def _line(self, spec: BodySpec, camera: Camera, place: Place) -> CameraLine:
        ring = _ring(place.frames(camera.name), camera)
        size = (camera.width, camera.height)
        return CameraLine(camera.name, size, partial(spec.open_camera, camera.name), ring, self._to_link)

    def _to_link(self, message: msgspec.Struct) -> bool:
        link = self._doors.get("link")
        return link is not None and link.send(message)

    def _hear(self, name: str) -> None:
        for raw in self._doors[name].packets():
            try:
                self._obey(name, door.decode_to_media(raw))
            except Refused as refused:
                log.warning("%s", refused)
        for wake in self._wake.values():
            wake.set()

    def _obey(self, name: str, message: door.ToMedia) -> None:
        match message:
            case door.Watch():
                for line in self.lines.values():
                    line.wishes.watched = line.name in message.cameras
            case door.Snapshots():
                for line in self.lines.values():
                    line.wishes.snapshots = message.wanted
            case door.Record():
                (self._raw.add if message.wanted else self._raw.discard)(name)
                for line in self.lines.values():
                    line.wishes.recorded = bool(self._raw)
            case door.KeyFrame() if message.camera in self.lines:
                self.lines[message.camera].wishes.key_frame = True
            case door.Rate() if message.camera in self.lines:
                wishes = self.lines[message.camera].wishes
                wishes.bit_s, wishes.every, wishes.half = message.bit_s, max(1, message.every), message.half

    def _capture(self, name: str) -> None:
        line, wake = self.lines[name], self._wake[name]
        try:
            while not self._stopping.is_set():
                wake.clear()
                idle_s = line.idle_s(time.monotonic())
                if idle_s == 0.0:
                    line.step()
                else:
                    wake.wait(idle_s)
        except Exception:
            # a thread must not die alone while the process looks alive: end all, the launcher starts it again
            log.exception("camera %s", name)
            self._failed = True
            self.stop()
        finally:
            line.close()

    @property
    def failed(self) -> bool:
        """Whether a camera's thread ended by an error."""
        return self._failed


def _ring(path: Path, camera: Camera) -> FrameRing:
    """The launcher makes the rings; where it did not (a bench), this process does."""
    if path.exists():
        return FrameRing.open(path)
    return FrameRing.create(path, camera.width, camera.height, FRAME_SLOTS)


def main(argv: list[str]) -> int:
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    cv2.setNumThreads(1)
    place = open_place(argv)
    process = MediaProcess(place.spec(), place)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: process.stop())
    process.run()
    return 1 if process.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
