"""A camera of a simulated world at its own pace: draws only when read, and only when something changed."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from protocol.embodiment import Camera
from protocol.errors import Refused
from protocol.stamp import STAMP_WIDTH_PX, write_stamp
from robot.bodies.body import Frame
from robot.mailbox import Mailbox
from robot.world import wire
from robot.world.pictures import Pictures

_MOST_WAIT_S = 0.1
_LOST_AFTER_S = 1.0  # a world that has said nothing for this long is gone: no frames, rather than old ones


class WorldCamera:
    """A `FrameSource`.  Frame i belongs to i / fps seconds after the first; frames nobody had time for are left out."""

    def __init__(self, world: str, camera: Camera, run_dir: Path, stamp: bool) -> None:
        self._camera, self._path = camera, run_dir / wire.SCENE
        self._stamp = stamp and camera.width >= STAMP_WIDTH_PX
        self._world = world
        self._pictures: Pictures | None = None  # made by the thread that reads
        self._looks: Mailbox | None = None
        self._start_s = time.monotonic()
        self._next = 0
        self._seen: tuple[int, str, bytes, bytes] | None = None
        self._image: NDArray[np.uint8] | None = None

    def read(self) -> Frame | None:
        """The picture of the next frame time; None when the world is away or the wait would be over 100 ms."""
        index = self._wait()
        look = self._look() if index is not None else None
        if index is None or look is None:
            return None
        before_s = time.perf_counter()
        image = self._draw(look)
        if self._stamp:
            image = image.copy()
            write_stamp(image, time.time_ns(), index)
        return Frame(index, time.monotonic(), time.time_ns(), image, (time.perf_counter() - before_s) * 1e3)

    def close(self) -> None:
        if self._pictures is not None:
            self._pictures.close()
            self._pictures = None
        if self._looks is not None:
            self._looks.close()

    def _wait(self) -> int | None:
        """Sleeps to the next frame time and gives its index."""
        now = (time.monotonic() - self._start_s) * self._camera.fps
        index = max(self._next, int(now))
        wait_s = (index - now) / self._camera.fps
        if wait_s > _MOST_WAIT_S:
            time.sleep(_MOST_WAIT_S)
            return None
        if wait_s > 0:
            time.sleep(wait_s)
        self._next = index + 1
        return index

    def _look(self) -> wire.SceneState | None:
        if self._looks is None:
            try:
                self._looks = Mailbox.open(self._path)
            except Refused:  # the world is not up yet
                return None
        newest = self._looks.get()
        if newest is None or time.monotonic() - newest[1] > _LOST_AFTER_S:
            return None
        return msgspec.msgpack.decode(newest[0], type=wire.SceneState)

    def _draw(self, look: wire.SceneState) -> NDArray[np.uint8]:
        seen = (look.resets, look.scene, look.qpos, look.edits)
        if self._image is None or seen != self._seen:
            if self._pictures is None:
                self._pictures = Pictures(self._world, self._camera)
            self._image, self._seen = self._pictures.draw(look), seen
        return self._image
