"""A picture small enough for the fleet page: JPEG of at most 30 kB."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from protocol.errors import Refused
from protocol.robot_link import SNAPSHOT_MAX

_WIDTH = 480  # pixels; a fleet card is not wider
_QUALITIES = (80, 65, 50, 35, 20, 10)


def to_jpeg(rgb: NDArray[np.uint8], most: int = SNAPSHOT_MAX) -> bytes:
    """uint8[H,W,3] RGB to a JPEG of at most `most` bytes; `Refused("snapshot_too_big")` when there is none."""
    height, width = rgb.shape[:2]
    if width > _WIDTH:
        rgb = np.asarray(cv2.resize(rgb, (_WIDTH, height * _WIDTH // width), interpolation=cv2.INTER_AREA), np.uint8)
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    for quality in _QUALITIES:
        done, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if done and jpeg.size <= most:
            return jpeg.tobytes()
    raise Refused("snapshot_too_big", f"This picture does not fit in a JPEG of {most} bytes.")
