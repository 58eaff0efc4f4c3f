"""A real camera and no arm: a laptop's or a USB camera, or a video file in its place.  Nothing here moves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np

from protocol.embodiment import Camera, Embodiment
from protocol.errors import Refused
from robot.bodies.body import Body, BodySpec, FrameSource
from robot.bodies.config import read_config
from robot.bodies.still import StillBody
from robot.world.embodiments import intrinsics


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
        from robot.bodies.video import VideoCamera  # OpenCV stays out of the kernel

        embodiment.camera(name)
        return VideoCamera(wanted)

    return BodySpec(embodiment, (), open_body, open_camera)
