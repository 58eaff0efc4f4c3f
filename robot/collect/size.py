"""An Embodiment whose cameras have another picture size: the same views through fewer pixels."""

from __future__ import annotations

import math
import re

import msgspec

from protocol.embodiment import Camera, Embodiment
from protocol.errors import Refused
from robot.world.embodiments import intrinsics

_SIDES = (64, 1280)


def resized(embodiment: Embodiment, width: int, height: int) -> Embodiment:
    """Every camera at `width` x `height`, its vertical field of view as it was."""
    cameras = tuple(_resized(camera, width, height) for camera in embodiment.cameras)
    return msgspec.structs.replace(embodiment, cameras=cameras).check()


def _resized(camera: Camera, width: int, height: int) -> Camera:
    if (camera.width, camera.height) == (width, height):
        return camera
    fovy_deg = math.degrees(2 * math.atan(camera.height / 2 / camera.K[1][1]))
    return msgspec.structs.replace(camera, width=width, height=height, K=intrinsics(width, height, fovy_deg))


def read_size(text: str) -> tuple[int, int]:
    """ "320x240" as (320, 240); `Refused("invalid_field:size")` for anything that cannot be encoded."""
    found = re.fullmatch(r"(\d{2,4})x(\d{2,4})", text)
    sides = tuple(int(side) for side in found.groups()) if found else ()
    if len(sides) != 2 or not all(_SIDES[0] <= side <= _SIDES[1] and side % 2 == 0 for side in sides):
        raise Refused("invalid_field:size", f"{text!r} is no size of a picture: write 320x240, even numbers from 64 to 1280.")
    return sides[0], sides[1]
