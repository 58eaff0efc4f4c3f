"""One pass over a video: every picture decoded once, and of each only what the checks and the poster need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from protocol.episode_folder import MAX_SIDE
from protocol.errors import Refused

WIDTH, HEIGHT = 80, 60  # of the small pictures
LONG = 40_000  # a video of more pictures is kept at half that size, to stay under 100 MB
_TINY = 16  # pixels: a side below that has no edges to speak of
_FLAT = 0.5  # squared grey levels: contrast below that says nothing about sharpness


@dataclass(frozen=True)
class View:
    """N pictures of one camera, in grey levels 0..255 (16 is black in video)."""

    small: NDArray[np.uint8]  # [N, h, w], each pixel the mean of an area
    sharpness: NDArray[np.float32]  # [N, 2]: along x and y
    contrast: NDArray[np.float32]  # [N, 2]: along x and y, what the sharpness is a ratio to
    poster: NDArray[np.uint8] | None  # uint8[H, W, 3] BGR, the picture in the middle

    @property
    def count(self) -> int:
        return len(self.small)


def look(path: Path, width: int, height: int, rows: int, progress: Callable[[int], None] = lambda _: None) -> View:
    """Decodes at most `rows` + 1 pictures of `width` x `height`; `progress` gets the number done.

    A video that ends early or breaks gives what could be decoded.  `Refused("video_unreadable" | "video_size")` when it
    cannot be opened as an MP4 file of H264, or shows another size than announced.
    """
    shrink = 2 if rows > LONG else 1
    small: list[NDArray[np.uint8]] = []
    sharp: list[tuple[float, float, float, float]] = []
    poster = None
    try:
        with av.open(str(path), format="mp4", options={"protocol_whitelist": "file"}) as container:
            if not container.streams.video:
                raise Refused("video_unreadable", f"video/{path.name} has no picture in it.", path=f"video/{path.name}")
            stream = container.streams.video[0]
            _check_size(path, stream.codec_context.name, stream.codec_context.width, stream.codec_context.height, width, height)
            stream.codec_context.options = {"max_pixels": str(4 * width * height)}
            stream.thread_count = 1
            for frame in container.decode(stream):
                _check_size(path, "h264", frame.width, frame.height, width, height)
                if len(small) > rows:
                    break
                if len(small) == rows // 2:
                    poster = np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
                grey = _grey(frame)
                size = (WIDTH // shrink, HEIGHT // shrink)
                tiny = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
                small.append(tiny)
                sharp.append(_sharpness(grey, tiny))
                if len(small) % 100 == 0:
                    progress(len(small))
    except av.FFmpegError as error:
        if not small:
            raise Refused("video_unreadable", f"video/{path.name} cannot be decoded: {error}.") from error
    measured = np.array(sharp, np.float32).reshape(-1, 4)
    pictures = np.array(small, np.uint8).reshape(-1, HEIGHT // shrink, WIDTH // shrink)
    return View(pictures, measured[:, :2], measured[:, 2:], poster)


def _check_size(path: Path, codec: str, found_w: int, found_h: int, width: int, height: int) -> None:
    name = f"video/{path.name}"
    if codec != "h264":
        raise Refused("video_unreadable", f"{name} is {codec}; episodes hold H264. Record or convert it again.", path=name)
    if (found_w, found_h) != (width, height) or max(found_w, found_h) > MAX_SIDE:
        raise Refused("video_size", f"{name} shows {found_w}x{found_h} where the embodiment says {width}x{height}.", path=name)


def _grey(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """The luma plane as it lies in the frame: nothing is copied or converted."""
    if not frame.format.name.startswith(("yuv", "gray")):
        return np.asarray(frame.to_ndarray(format="gray"), np.uint8)
    plane = frame.planes[0]
    return np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: frame.height, : frame.width]


def _sharpness(grey: NDArray[np.uint8], tiny: NDArray[np.uint8]) -> tuple[float, float, float, float]:
    """(sharpness along x, along y, contrast along x, along y).

    Sharpness: energy of the second difference between pixels over energy of the first difference between small pixels.
    An edge keeps the lower one when it is blurred and loses the upper one with the third power of the blur, so that what
    the camera looks at hardly matters.
    """
    if min(grey.shape) < _TINY:
        return 0.0, 0.0, 0.0, 0.0
    above, here, below = (grey[start : len(grey) - 2 : 4].astype(np.int16) for start in range(3))  # a quarter of the rows
    here = here[: len(below)]
    along_x = here[:, :-2] - 2 * here[:, 1:-1] + here[:, 2:]
    along_y = above[: len(below)] - 2 * here + below
    fine = [cv2.norm(band, cv2.NORM_L2SQR) / band.size for band in (along_x, along_y)]
    levels = tiny.astype(np.float32)
    coarse = [float(np.mean(np.square(np.diff(levels, axis=axis)))) for axis in (1, 0)]
    ratios = [up / max(low, _FLAT) for up, low in zip(fine, coarse, strict=True)]
    return ratios[0], ratios[1], coarse[0], coarse[1]
