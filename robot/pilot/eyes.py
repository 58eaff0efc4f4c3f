"""What the policy is shown: the newest picture of every camera, in the size it was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from protocol.errors import Refused
from protocol.inference import JPEG_QUALITY
from robot.frame_ring import BLIND, FrameRing

OLD_S = 0.5  # as old as a picture may be that somebody acts on
Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Sight:
    """`pictures` uint8[H, W, 3] RGB by camera; the times are those of the oldest of them."""

    pictures: dict[str, Picture]
    mono_s: float
    time_ns: int


class Eyes:
    """`rings` by camera; they are opened when they are there.  Sizes are (width, height) in pixels."""

    def __init__(self, rings: Mapping[str, Path]) -> None:
        self._paths = dict(rings)
        self._rings: dict[str, FrameRing] = {}

    def check(self, sizes: Mapping[str, tuple[int, int]]) -> None:
        """`Refused("camera_unknown" | "invalid_field:pictures")` for pictures that this robot cannot give."""
        for camera, (width, height) in sizes.items():
            if camera not in self._paths:
                known = ", ".join(self._paths) or "none"
                raise Refused("camera_unknown", f"This robot has no camera {camera!r}; it has {known}. Choose another policy.")
            if not (0 < width <= 4096 and 0 < height <= 4096):
                raise Refused("invalid_field:pictures", f"A picture of {width}x{height} cannot be.")
        if not sizes:
            raise Refused("invalid_field:pictures", "The policy wants no picture. Choose one that sees.")

    def newest_s(self, cameras: Mapping[str, object]) -> float | None:
        """When the oldest of the newest pictures was complete; None while one of them is missing."""
        times = [None if (ring := self._ring(camera)) is None else ring.newest_s() for camera in cameras]
        known = [at_s for at_s in times if at_s is not None]
        return min(known) if known and len(known) == len(times) else None

    def look(self, sizes: Mapping[str, tuple[int, int]], now_s: float) -> Sight:
        """`Refused("picture_missing" | "picture_old" | "picture_blind")`."""
        pictures, times = {}, []
        for camera, size in sizes.items():
            ring = self._ring(camera)
            frame = None if ring is None else ring.newest()
            if frame is None:
                raise Refused("picture_missing", f"There is no picture of the camera {camera} yet.")
            if frame.masks == BLIND:
                sentence = f"The robot does not know which parts of {camera}'s picture are private, so it is black."
                raise Refused("picture_blind", sentence)
            if now_s - frame.mono_s > OLD_S:
                raise Refused("picture_old", f"The picture of the camera {camera} is {now_s - frame.mono_s:.1f} s old.")
            pictures[camera] = scaled(np.asarray(cv2.cvtColor(frame.i420, cv2.COLOR_YUV2RGB_I420), np.uint8), size)
            times.append((frame.mono_s, frame.time_ns))
        mono_s, time_ns = min(times)
        return Sight(pictures, mono_s, time_ns)

    def _ring(self, camera: str) -> FrameRing | None:
        if camera not in self._rings and self._paths[camera].exists():
            try:
                self._rings[camera] = FrameRing.open(self._paths[camera])
            except Refused:  # not a whole file yet: its maker is starting
                return None
        return self._rings.get(camera)


def scaled(picture: Picture, size: tuple[int, int]) -> Picture:
    """uint8[H, W, 3] in (width, height), each pixel the mean of what it covers: as policies are trained."""
    if picture.shape[1::-1] == size:
        return picture
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def to_jpeg(picture: Picture) -> bytes:
    """An RGB picture as JPEG."""
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))
    return encoded.tobytes()
