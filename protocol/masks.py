"""Privacy masks: the parts of a camera's picture that a robot blacks out before anything else is done with it.

Set by an administrator at the server, signed with the server's key, kept and applied by the robot.
"""

from __future__ import annotations

import math

import msgspec

from protocol.embodiment import MAX_NAME
from protocol.errors import Refused
from protocol.wire import U63

Point = tuple[float, float]  # x to the right, y down, both as shares 0 to 1 of the picture's width and height
Region = tuple[Point, ...]  # a polygon's corners in order, its end joined to its beginning

MAX_CAMERAS, MAX_REGIONS, MAX_POINTS = 16, 8, 16
NONE = 0  # the version of a robot for which nobody has ever set a mask


class CameraMask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is blacked out in one camera's picture."""

    camera: str
    regions: tuple[Region, ...]


class MaskSet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="masks"):
    """All masks of one robot.  `version` only rises, so that an older set cannot be played back to it."""

    robot: str
    version: U63
    cameras: tuple[CameraMask, ...] = ()

    def check(self) -> MaskSet:
        """Itself; `Refused("masks_invalid")` when a region is no polygon within the picture."""
        names = [mask.camera for mask in self.cameras]
        if len(names) > MAX_CAMERAS or len(set(names)) != len(names) or not all(0 < len(name) <= MAX_NAME for name in names):
            raise Refused("masks_invalid", f"Name each camera once, at most {MAX_CAMERAS} of them.")
        for mask in self.cameras:
            if len(mask.regions) > MAX_REGIONS:
                raise Refused("masks_invalid", f"A camera has at most {MAX_REGIONS} masked regions.")
            for region in mask.regions:
                check_region(region)
        return self


def check_region(region: Region) -> None:
    if not 3 <= len(region) <= MAX_POINTS:
        raise Refused("masks_invalid", f"A masked region has 3 to {MAX_POINTS} corners.")
    if not all(math.isfinite(value) and 0 <= value <= 1 for point in region for value in point):
        raise Refused("masks_invalid", "The corners of a masked region lie within the picture: 0 to 100 % of it.")


def decode_masks(payload: bytes) -> MaskSet:
    """Decode after the signature was verified; `Refused("masks_invalid")` otherwise."""
    try:
        return msgspec.json.decode(payload, type=MaskSet).check()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("masks_invalid", f"The masks cannot be read: {error}.") from error
