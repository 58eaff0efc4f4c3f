"""A real camera and no arm: a laptop's or a USB camera, or a video file in its place.  Nothing here moves."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from protocol.embodiment import Camera, Embodiment
from protocol.errors import Refused
from robot.bodies.body import Body, BodySpec, Frame, FrameSource
from robot.bodies.config import read_config
from robot.bodies.pace import Pace, complete
from robot.bodies.still import StillBody
from robot.world.embodiments import intrinsics

_OPEN_AGAIN_S = 1.0  # how often an unplugged camera is looked for
_UNPLUGGED_WAIT_S = 0.05


class CameraConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`device` is a number (0 = /dev/video0), a device path, or the path of a video file, which is played in a loop.

    `fovy_deg` is the vertical field of view, for the intrinsics; measure it where positions in the picture matter.
    """

    device: int | str = 0
    width: int = 640
    height: int = 480
    fps: float = 30.0
    fovy_deg: float = 45.0
    stamp: bool = False


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


def describe(config: Mapping[str, object], run_dir: Path) -> BodySpec:
    """See `CameraConfig`; Refused("body_config").  The device is opened by `open_camera` only."""
    wanted = read_config(config, CameraConfig)
    if not (16 <= wanted.width <= 4096 and 16 <= wanted.height <= 4096 and 0 < wanted.fps <= 240):
        raise Refused("body_config", f"A camera of {wanted.width}x{wanted.height} at {wanted.fps} Hz is out of range.")
    if not 1 <= wanted.fovy_deg <= 170:
        raise Refused("body_config", f"A vertical field of view of {wanted.fovy_deg} degrees is outside 1 to 170.")
    still = tuple(tuple(float(i == j) for j in range(4)) for i in range(4))
    camera = Camera(
        name="scene",
        width=wanted.width,
        height=wanted.height,
        fps=wanted.fps,
        K=intrinsics(wanted.width, wanted.height, wanted.fovy_deg),
        mount="base",
        T_mount=still,  # type: ignore[arg-type]  # four rows of four
    )
    hz = min(wanted.fps, 30.0)
    embodiment = Embodiment("camera", (), (), 50.0, hz, min(hz, 10.0), (camera,)).check()
    nothing = np.zeros(0, dtype=np.float32)

    def open_body() -> Body:
        return StillBody(embodiment, lambda mono_s: (nothing, None))

    def open_camera(name: str) -> FrameSource:
        embodiment.camera(name)
        return VideoCamera(wanted)

    return BodySpec(embodiment, (), open_body, open_camera)
