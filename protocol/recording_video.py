"""The recording's own video: fixed quality, no B-frames, a key frame every 15 frames, a packet for each picture.

Not the live encoder, which changes its bitrate with the network.  Robots record with it, imports become such recordings.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from protocol.errors import Refused

KEY_EVERY = 15
CRF = 21
TICKS_PER_FRAME = 512


class FrameEncoder:
    """H264 Annex-B with the parameter sets before each key frame, so that any key frame can start a file."""

    def __init__(self, width: int, height: int, hz: float) -> None:
        self.width, self.height = width, height
        rate = frame_rate(hz)
        context = av.CodecContext.create("libx264", "w")
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.framerate, context.time_base = rate, 1 / rate
        context.max_b_frames, context.gop_size, context.thread_count = 0, KEY_EVERY, 1
        context.options = {
            "preset": "superfast",
            "tune": "zerolatency",  # no look-ahead: the packet of a picture comes out with the picture
            "crf": str(CRF),
            "forced-idr": "1",
            "x264-params": f"keyint={KEY_EVERY}:min-keyint={KEY_EVERY}:scenecut=0:repeat-headers=1",
        }
        self._context = context
        self._previous = grey(width, height)
        self._count = 0

    def encode(self, i420: NDArray[np.uint8] | None, key: bool = False) -> tuple[bytes, bool]:
        """One packet and whether it is a key frame.  `i420` uint8[H*3/2, W]; None repeats the picture before.

        Raises `Refused("frame_size")` for another size, `Refused("encoder")` when the codec gives no packet.
        """
        if i420 is None:
            i420 = self._previous
        if i420.shape != (self.height * 3 // 2, self.width):
            raise Refused("frame_size", f"A picture of shape {i420.shape} does not fit {self.width}x{self.height}.")
        frame = av.VideoFrame.from_ndarray(i420, format="yuv420p")
        self._previous = i420
        frame.pts = self._count
        if key:
            frame.pict_type = av.video.frame.PictureType.I
        packets = self._context.encode(frame)
        if len(packets) != 1:
            raise Refused("encoder", f"The encoder gave {len(packets)} packets for picture {self._count}.")
        self._count += 1
        return bytes(packets[0]), bool(packets[0].is_keyframe)


class VideoFile:
    """One camera's MP4 at a constant rate; its index ends up in front, so that it plays while it loads."""

    def __init__(self, path: Path, width: int, height: int, hz: float) -> None:
        rate = frame_rate(hz)
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        self._stream = self._container.add_mux_stream("h264", rate=rate, width=width, height=height)
        self._base = Fraction(1, 1) / (rate * TICKS_PER_FRAME)
        self._stream.time_base = self._base
        self._count = 0

    def add(self, data: bytes, key: bool) -> None:
        """The next picture: one Annex-B packet, and whether it is a key frame."""
        packet = av.Packet(data)
        packet.stream = self._stream
        packet.time_base = self._base
        packet.pts = packet.dts = self._count * TICKS_PER_FRAME
        packet.duration = TICKS_PER_FRAME
        packet.is_keyframe = key
        self._container.mux(packet)
        self._count += 1

    def close(self) -> None:
        self._container.close()


def grey(width: int, height: int) -> NDArray[np.uint8]:
    """The picture of a camera that has not shown anything yet."""
    return np.full((height * 3 // 2, width), 128, np.uint8)


def frame_rate(hz: float) -> Fraction:
    return Fraction(hz).limit_denominator(1001)
