"""The live H264 encoder of one camera: fast, without delay, its bitrate changed while it runs.  Not for recordings."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from av.video.frame import PictureType
from numpy.typing import NDArray

from protocol.errors import Refused

START_BIT_S = 1_500_000
_FRAMES_PER_S = 30
_ROOM = 2  # an open encoder's rate may be this many times lower or higher before it is opened again
_BUFFER_S = 0.25  # of bits: what one picture may take beyond its share, and so how long a key frame is on the way
_X264 = ":".join(
    (
        "keyint=infinite",  # key frames come when somebody asks for one
        "scenecut=0",
        "sliced-threads=0",
        "repeat-headers=1",
        "colorprim=smpte170m",  # what `to_i420` makes; without it browsers guess
        "transfer=smpte170m",
        "colormatrix=smpte170m",
    )
)


@dataclass(frozen=True, slots=True)
class Encoded:
    """One picture as H264 Annex-B, parameter sets before each key frame."""

    data: bytes
    keyframe: bool


def to_i420(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8[H,W,3] RGB to uint8[H*3/2,W] I420, BT.601 limited range; H and W even."""
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420), np.uint8)


def halved(i420: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """An I420 picture of half the width and height; both divisible by four."""
    pixels = i420.reshape(-1)
    luma, chroma = width * height, width * height // 4
    planes = (
        (pixels[:luma], width, height),
        (pixels[luma : luma + chroma], width // 2, height // 2),
        (pixels[luma + chroma :], width // 2, height // 2),
    )
    small = [
        np.asarray(cv2.resize(plane.reshape(h, w), (w // 2, h // 2), interpolation=cv2.INTER_AREA), np.uint8).reshape(-1)
        for plane, w, h in planes
    ]
    return np.concatenate(small).reshape(height // 2 * 3 // 2, width // 2)


class LiveEncoder:
    """Pictures of one size in, one encoded picture out for each, at once.

    A little more or less bitrate costs nothing; far more or less opens the encoder anew, with a key frame, because the
    buffer that bounds the size of a picture cannot be changed in an open one.
    """

    def __init__(self, width: int, height: int, bit_s: int = START_BIT_S) -> None:
        if width % 2 or height % 2:
            raise Refused("frame_size_odd", f"A picture of {width}x{height} needs an even width and height.")
        self.width, self.height = width, height
        self._key_wanted = True
        self._count = 0
        self._opened_bit_s = bit_s
        self._context: Any = self._open(bit_s)

    @property
    def bit_s(self) -> int:
        return int(self._context.bit_rate)

    def set_bit_s(self, bit_s: int) -> None:
        """From the next picture on."""
        if self._opened_bit_s / _ROOM <= bit_s <= self._opened_bit_s * _ROOM:
            self._context.bit_rate = bit_s  # libx264 takes it over without a key frame
            return
        self._context = self._open(bit_s)
        self._opened_bit_s = bit_s
        self._key_wanted = True

    def want_key_frame(self) -> None:
        """The next picture will be a key frame; asking twice before it gives one."""
        self._key_wanted = True

    def encode(self, i420: NDArray[np.uint8]) -> Encoded:
        """uint8[H*3/2,W] to bytes; a few milliseconds, without holding Python's lock."""
        frame: Any = av.VideoFrame.from_ndarray(i420, format="yuv420p")
        frame.pts, frame.time_base = self._count, self._context.time_base
        self._count += 1
        if self._key_wanted:
            frame.pict_type = PictureType.I
            self._key_wanted = False
        packets = self._context.encode(frame)
        return Encoded(b"".join(bytes(packet) for packet in packets), any(packet.is_keyframe for packet in packets))

    def _open(self, bit_s: int) -> Any:
        context: Any = av.CodecContext.create("libx264", "w")
        context.width, context.height, context.pix_fmt = self.width, self.height, "yuv420p"
        context.time_base = Fraction(1, _FRAMES_PER_S)
        context.framerate = Fraction(_FRAMES_PER_S, 1)
        context.bit_rate = bit_s
        context.thread_count = 1  # more would add delay, and the other cores have work
        context.profile = "Baseline"
        context.options = {
            "preset": "superfast",
            "tune": "zerolatency",
            "maxrate": str(bit_s),  # the same as the rate: libx264 changes only a constant one while it runs
            "bufsize": str(int(bit_s * _BUFFER_S)),
            "x264-params": _X264,
        }
        context.open()
        return context
