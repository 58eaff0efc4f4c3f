"""Blacks out what is private in a camera's picture.  The one place between a camera and everybody who sees its pictures."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from protocol.errors import Refused
from protocol.masks import NONE, CameraMask, MaskSet
from robot import masks
from robot.bodies.body import Frame
from robot.frame_ring import BLIND

_FINE_BITS = 8  # corners are drawn at 1/256 pixel


class Masking:
    """What one camera's pictures go through.  Closed (wholly black) until `set_to` was told what to do.

    Set by one thread and used by another: a single value is exchanged.
    """

    def __init__(self, camera: str, size: tuple[int, int]) -> None:
        """`size` is (width, height) in pixels."""
        self._camera, self._size = camera, size
        self._now: _Closed | _Open = _Closed("The privacy masks have not been read yet.")

    @property
    def sentence(self) -> str:
        """Why every picture is black; "" when they are not."""
        return self._now.sentence if isinstance(self._now, _Closed) else ""

    @property
    def masked(self) -> bool:
        """Whether any part of the picture is blacked out."""
        return isinstance(self._now, _Closed) or self._now.keep is not None

    def close(self, sentence: str) -> None:
        self._now = _Closed(sentence)

    def set_to(self, wanted: MaskSet, cameras: tuple[str, ...]) -> None:
        """`cameras` are all that this robot has: a mask for one it does not have may be meant for this one."""
        regions = next((mask.regions for mask in wanted.cameras if mask.camera == self._camera), ())
        lost = [mask.camera for mask in wanted.cameras if mask.regions and mask.camera not in cameras]
        if lost and not regions:
            self.close(f"There are privacy masks for {lost[0]}, a camera this robot does not have. Set its masks again.")
            return
        keep = _keep(CameraMask(self._camera, regions), self._size) if regions else None
        self._now = _Open(wanted.version, keep)

    def apply(self, frame: Frame) -> tuple[Frame, int]:
        """The frame as others may see it, and what it went through: a version of the masks, `NONE` or `BLIND`."""
        now = self._now
        if isinstance(now, _Closed):
            return dataclasses.replace(frame, image=_black(self._size)), BLIND
        if now.keep is None:
            return frame, NONE
        image = np.asarray(cv2.bitwise_and(frame.image, frame.image, mask=now.keep), np.uint8)  # the source keeps its own
        return dataclasses.replace(frame, image=image), now.version


@dataclasses.dataclass(frozen=True, slots=True)
class _Closed:
    sentence: str


@dataclasses.dataclass(frozen=True, slots=True)
class _Open:
    """`keep` uint8[H,W] is 255 where the picture stays, None when all of it does."""

    version: int
    keep: NDArray[np.uint8] | None


def _keep(mask: CameraMask, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Every pixel that a region touches goes, and the border of it too: colours are stored for two by two pixels."""
    width, height = size
    keep = np.full((height, width), 255, np.uint8)
    for region in mask.regions:
        corners = np.array(region, np.float64) * (width, height) - 0.5
        fine = np.round(corners * (1 << _FINE_BITS)).astype(np.int32).reshape(-1, 1, 2)
        cv2.fillPoly(keep, [fine], (0,), shift=_FINE_BITS)
        cv2.polylines(keep, [fine], True, (0,), thickness=3, shift=_FINE_BITS)
    return keep


def _black(size: tuple[int, int]) -> NDArray[np.uint8]:
    """A black picture that says why: nobody should take it for a broken camera."""
    width, height = size
    image = np.zeros((height, width, 3), np.uint8)
    scale = width / 640
    where, grey = (round(20 * scale), height // 2), (120, 120, 120)
    cv2.putText(image, "privacy masks unknown", where, cv2.FONT_HERSHEY_SIMPLEX, scale, grey, 1)
    return image


class MaskFile:
    """Looks whether the kept masks have changed, and sets all cameras to them."""

    def __init__(self, folder: Path, server_key: str, robot: str, maskings: dict[str, Masking]) -> None:
        self._folder, self._key, self._robot, self._maskings = folder, server_key, robot, maskings
        self._seen: tuple[int, int] | None = (-1, -1)
        self.version = NONE

    def look(self) -> None:
        """Cheap while nothing has changed."""
        seen = self._stamp()
        if seen == self._seen:
            return
        self._seen = seen
        try:
            wanted = masks.read(self._folder, self._key, self._robot)
        except Refused as refused:
            self.version = NONE
            for masking in self._maskings.values():
                masking.close(refused.sentence)
            return
        for masking in self._maskings.values():
            masking.set_to(wanted, tuple(self._maskings))
        self.version = wanted.version

    def _stamp(self) -> tuple[int, int] | None:
        """Each keeping makes a new file."""
        try:
            about = (self._folder / masks.FILE).stat()
        except OSError:
            return None
        return about.st_ino, about.st_mtime_ns
