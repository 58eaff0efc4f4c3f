"""JPEG from strangers to arrays, with their size known before a single pixel is decoded."""

from __future__ import annotations

import cv2
import numpy as np

from protocol.errors import Refused
from protocol.inference import MAX_SIDE
from protocol.policy import Picture

_SIZED = {0xC0, 0xC1, 0xC2}  # baseline, extended, progressive
_ALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a length


def size_of(jpeg: bytes) -> tuple[int, int]:
    """(width, height) as its header says; `Refused("policy_input")` when it is no JPEG that is read here."""
    at = 2
    if jpeg[:2] == b"\xff\xd8":
        while at + 9 <= len(jpeg) and jpeg[at] == 0xFF:
            marker = jpeg[at + 1]
            if marker in _SIZED:
                return int.from_bytes(jpeg[at + 7 : at + 9], "big"), int.from_bytes(jpeg[at + 5 : at + 7], "big")
            if marker == 0xFF:
                at += 1
            elif marker in _ALONE:
                at += 2
            else:
                at += 2 + max(2, int.from_bytes(jpeg[at + 2 : at + 4], "big"))
    raise Refused("policy_input", "A picture is no JPEG.")


def decode(jpeg: bytes, camera: str) -> Picture:
    """uint8[H, W, 3], RGB.  Refused: `policy_input`."""
    width, height = size_of(jpeg)
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        sentence = f"The picture of {camera} has {width} x {height} pixels; at most {MAX_SIDE} a side cross the server."
        raise Refused("policy_input", sentence)
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    if picture is None or picture.shape != (height, width, 3):
        raise Refused("policy_input", f"The picture of {camera} cannot be decoded.")
    return np.asarray(picture, np.uint8)
