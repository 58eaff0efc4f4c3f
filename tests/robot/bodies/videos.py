"""Small real videos whose frames can be told apart: each carries its own number as a stamp."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from protocol.stamp import read_stamp, write_stamp
from robot.bodies.body import Frame


def write_video(path: Path, frames: int, fps: int = 30, width: int = 640, height: int = 480) -> None:
    """H264 in MP4, a key frame every 15 frames, no B-frames; the left half red, the right half blue."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = Fraction(1, fps)
        stream.options = {"preset": "superfast", "bf": "0", "g": "15"}
        image = np.zeros((height, width, 3), dtype=np.uint8)
        image[:, : width // 2, 0], image[:, width // 2 :, 2] = 200, 200
        for index in range(frames):
            write_stamp(image, 0, index)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def number_of(frame: Frame) -> int:
    """Which frame of the video this is."""
    stamp = read_stamp(frame.image)
    assert stamp is not None, "the picture lost its number"
    return stamp[1]
