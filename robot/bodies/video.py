"""Frames of a camera device, or of a video file in its place.  Used by the media process only."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from protocol.errors import Refused
from robot.bodies.body import Frame
from robot.bodies.camera import CameraConfig
from robot.bodies.pace import Pace, complete

_OPEN_AGAIN_S = 1.0  # how often an unplugged camera is looked for
_UNPLUGGED_WAIT_S = 0.05


class VideoCamera:
    """A `FrameSource`.  Opening refuses with Refused("camera_missing"); one that is unplugged later gives no frames."""

    def __init__(self, config: CameraConfig) -> None:
        self._config = config
        self._is_file = isinstance(config.device, str) and Path(config.device).is_file()
        self._pace = Pace(config.fps)
        self._opened_s = time.monotonic()
        self._capture = self._open()
        if not self._capture.isOpened():
            raise Refused(
                "camera_missing",
                f"No camera can be opened at {config.device!r}. Plug one in, set device in the [body] table "
                "(0 is /dev/video0), and let this user read it (group video).",
            )

    def read(self) -> Frame | None:
        index = self._pace.wait()
        if index is None:
            return None
        started_s = time.perf_counter()
        image = self._grab()
        return None if image is None else complete(index, image, started_s, self._config.stamp)

    def close(self) -> None:
        self._capture.release()

    def _open(self) -> cv2.VideoCapture:
        capture = cv2.VideoCapture(self._config.device)
        if not self._is_file:
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, self._config.width)
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, self._config.height)
            capture.set(cv2.CAP_PROP_FPS, self._config.fps)
            capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the newest frame, not the oldest kept
        return capture

    def _grab(self) -> NDArray[np.uint8] | None:
        """uint8[H,W,3] RGB of the configured size, or None while the camera is away."""
        there, image = self._capture.read()
        if not there and self._is_file:
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
            there, image = self._capture.read()
        if not there:
            self._look_again()
            return None
        size = (self._config.width, self._config.height)
        if image.shape[1::-1] != size:
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)

    def _look_again(self) -> None:
        time.sleep(_UNPLUGGED_WAIT_S)
        if time.monotonic() - self._opened_s >= _OPEN_AGAIN_S:
            self._opened_s = time.monotonic()
            self._capture.release()
            self._capture = self._open()
