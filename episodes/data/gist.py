"""The gist of an episode for lists and statistics: a strip of small pictures, and how bright and sharp each camera was.

Only key frames are decoded, so it costs a fraction of the check.  No Django.
"""

from __future__ import annotations

import os
from pathlib import Path

import av
import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from protocol.episode import EpisodeMeta
from protocol.episode_folder import META, decode_meta, video_path
from protocol.errors import Refused

MAKE = 1  # raised when the strip or the gist changes, so that they are made anew
PICTURES = 12
WIDTH, HEIGHT = 160, 120  # of one picture of the strip; another shape is fitted into it on black


class CameraGist(msgspec.Struct, frozen=True):
    """At up to `PICTURES` moments: mean grey level, its standard deviation, variance of the Laplacian (sharpness)."""

    brightness: list[float]
    contrast: list[float]
    sharpness: list[float]


class Gist(msgspec.Struct, frozen=True):
    make: int
    cameras: dict[str, CameraGist]


def make_gist(folder: Path, strip: Path, gist: Path) -> Gist:
    """Writes `strip` (JPEG, `PICTURES` side by side, of the first camera) and `gist` (MessagePack).

    Refused: `episode_damaged` when a video cannot be decoded, what `decode_meta` refuses.
    """
    meta = decode_meta((folder / META).read_bytes())
    pictures = {camera: _moments(folder / video_path(camera), meta) for camera in meta.cameras}
    made = Gist(MAKE, {camera: _numbers(few) for camera, few in pictures.items()})
    strip.parent.mkdir(parents=True, exist_ok=True)
    if meta.cameras:
        _write(strip, _strip(pictures[meta.cameras[0]]))
    _write(gist, msgspec.msgpack.encode(made))
    return made


def read_gist(path: Path) -> Gist | None:
    """None where there is none, or one of another make."""
    try:
        found = msgspec.msgpack.decode(path.read_bytes(), type=Gist)
    except (OSError, msgspec.DecodeError):
        return None
    return found if found.make == MAKE else None


def _moments(path: Path, meta: EpisodeMeta) -> list[NDArray[np.uint8]]:
    """`PICTURES` pictures (uint8[H,W,3] BGR, small), evenly spread over the key frames; the last is repeated if need be."""
    try:
        with av.open(str(path), format="mp4", options={"protocol_whitelist": "file"}) as container:
            stream = container.streams.video[0]
            stream.codec_context.skip_frame = "NONKEY"
            frames = [_small(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)) for frame in container.decode(stream)]
    except (av.FFmpegError, IndexError) as error:
        raise Refused("episode_damaged", f"video/{path.name} of episode {meta.id} cannot be decoded: {error}.") from error
    if not frames:
        raise Refused("episode_damaged", f"video/{path.name} of episode {meta.id} has no key frame.")
    return [frames[round(number)] for number in np.linspace(0, len(frames) - 1, PICTURES)]


def _small(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8[HEIGHT, WIDTH, 3]: the whole picture, centred on black."""
    scale = min(WIDTH / picture.shape[1], HEIGHT / picture.shape[0])
    w, h = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    made = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    top, left = (HEIGHT - h) // 2, (WIDTH - w) // 2
    made[top : top + h, left : left + w] = cv2.resize(picture, (w, h), interpolation=cv2.INTER_AREA)
    return made


def _numbers(pictures: list[NDArray[np.uint8]]) -> CameraGist:
    grey = [cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) for picture in pictures]
    return CameraGist(
        [round(float(one.mean()), 2) for one in grey],
        [round(float(one.std()), 2) for one in grey],
        [round(float(cv2.Laplacian(one, cv2.CV_64F).var()), 2) for one in grey],
    )


def _strip(pictures: list[NDArray[np.uint8]]) -> bytes:
    done, data = cv2.imencode(".jpg", np.hstack(pictures), [cv2.IMWRITE_JPEG_QUALITY, 72])
    if not done:
        raise Refused("episode_damaged", "The strip of pictures cannot be drawn.")
    return bytes(data)


def _write(path: Path, data: bytes) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(data)
    os.replace(partial, path)
