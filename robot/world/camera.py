"""A camera of a simulated world at its own pace: draws only when read, and only when something changed."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from protocol.embodiment import Camera
from protocol.errors import Refused
from robot.bodies.body import Frame
from robot.bodies.pace import Pace, complete
from robot.mailbox import Mailbox
from robot.world import wire
from robot.world.pictures import Pictures

_LOST_AFTER_S = 1.0  # a world that has said nothing for this long is gone: no frames, rather than old ones


class WorldCamera:
    """A `FrameSource`; make it anywhere, read and close it in one thread."""

    def __init__(self, world: str, camera: Camera, run_dir: Path, stamp: bool) -> None:
        self._world, self._camera, self._path, self._stamp = world, camera, run_dir / wire.SCENE, stamp
        self._pace = Pace(camera.fps)
        self._pictures: Pictures | None = None  # made by the thread that reads
        self._looks: Mailbox | None = None
        self._seen: tuple[object, ...] | None = None
        self._image: NDArray[np.uint8] | None = None

    def read(self) -> Frame | None:
        """The picture of the next frame time; None while the world is away.  The first takes longer: OpenGL starts."""
        index = self._pace.wait()
        look = self._look() if index is not None else None
        if index is None or look is None:
            return None
        started_s = time.perf_counter()
        return complete(index, self._draw(look), started_s, self._stamp)

    def close(self) -> None:
        if self._pictures is not None:
            self._pictures.close()
            self._pictures = None
        if self._looks is not None:
            self._looks.close()
            self._looks = None

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
        seen = (look.resets, look.scene, look.qpos, look.edits, look.colours)
        if self._image is None or seen != self._seen:
            if self._pictures is None:
                self._pictures = Pictures(self._world, self._camera)
            self._image, self._seen = self._pictures.draw(look), seen
        return self._image
