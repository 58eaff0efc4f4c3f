"""Reads the video files of datasets: what is in them, exactly these pictures of them.  None is trusted.

Only local files, only the format that is asked for, only known codecs, sizes checked before anything is decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from protocol.episode_folder import MAX_SIDE
from protocol.errors import Refused

CODECS = {"h264", "hevc", "av1", "vp9", "mpeg4", "mjpeg"}  # canonical names
_SAFE = {"protocol_whitelist": "file"}


@dataclass(frozen=True, slots=True)
class VideoIndex:
    """What a demuxer says of a file.  `pts` int64[N] in `time_base`, in the order of presentation; `key` bool[N].

    `in_order`: packets are stored in that order (no B-frames).  `sets`: the parameter sets, so that files whose packets
    may be joined can be told from others.
    """

    path: Path
    name: str
    codec: str
    width: int
    height: int
    pixels: str
    sets: bytes
    time_base: Fraction
    pts: NDArray[np.int64]
    key: NDArray[np.bool_]
    in_order: bool
    bytes: int

    @property
    def frames(self) -> int:
        return len(self.pts)

    def same_stream(self, other: VideoIndex) -> bool:
        """Whether packets of both may lie in one file."""
        mine = (self.codec, self.width, self.height, self.pixels, self.sets)
        return mine == (other.codec, other.width, other.height, other.pixels, other.sets)


def read_index(path: Path, name: str) -> VideoIndex:
    """`name` is how sentences call the file.

    Refused: `video_damaged` (no MP4, nothing in it), `video_codec`, `video_size`.
    """
    with opened(path, name) as (container, stream):
        packets = [(packet.pts, packet.is_keyframe, packet.size) for packet in container.demux(stream) if packet.size]
        context = stream.codec_context
        if not packets or any(pts is None for pts, _, _ in packets):
            raise Refused("video_damaged", f"{name} has no pictures, or pictures without a time.", path=name)
        pts = np.array([pts for pts, _, _ in packets], np.int64)
        order = np.argsort(pts, kind="stable")
        return VideoIndex(
            path=path,
            name=name,
            codec=stream.codec.canonical_name,
            width=context.width,
            height=context.height,
            pixels=context.pix_fmt or "",
            sets=bytes(context.extradata or b""),
            time_base=Fraction(stream.time_base),
            pts=pts[order],
            key=np.array([key for _, key, _ in packets], np.bool_)[order],
            in_order=bool(np.all(np.diff(pts) > 0)),
            bytes=sum(size for _, _, size in packets),
        )


@contextmanager
def opened(path: Path, name: str) -> Iterator[tuple[Any, Any]]:
    """Container and video stream of an MP4 that was looked at before anything is decoded."""
    try:
        with av.open(str(path), format="mp4", options=_SAFE) as container:
            if len(container.streams.video) != 1:
                raise Refused("video_damaged", f"{name} has {len(container.streams.video)} video streams, not one.", path=name)
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1  # the files of a dataset are read side by side instead
            _check(stream, name)
            yield container, stream
    except av.FFmpegError as error:
        raise Refused("video_damaged", f"{name} cannot be read as MP4: {error}.", path=name) from error


def _check(stream: Any, name: str) -> None:
    if stream.codec.canonical_name not in CODECS:
        known = ", ".join(sorted(CODECS))
        raise Refused("video_codec", f"{name} is {stream.codec.canonical_name}; this side reads {known}.", path=name)
    width, height = stream.codec_context.width, stream.codec_context.height
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        sentence = f"{name} claims pictures of {width}x{height}; at most {MAX_SIDE} pixels a side are read."
        raise Refused("video_size", sentence, path=name)


def pictures(index: VideoIndex, first: int, count: int) -> Iterator[Any]:
    """Frames first .. first+count-1 (PyAV), decoded from the key frame before; `Refused("video_damaged")` when one is missing."""
    wanted = index.pts[first : first + count]
    if len(wanted) != count or not count:
        raise Refused("video_damaged", f"{index.name} has {index.frames} pictures; {first + count} are needed.", path=index.name)
    given = 0
    with opened(index.path, index.name) as (container, stream):
        if first:
            container.seek(int(wanted[0]), stream=stream, backward=True)
        for frame in container.decode(stream):
            if frame.pts is None or frame.pts < wanted[given]:
                continue
            if frame.pts != wanted[given]:
                break
            if (frame.width, frame.height) != (index.width, index.height):
                raise Refused("video_size", f"{index.name} changes its size at picture {first + given}.", path=index.name)
            yield frame
            given += 1
            if given == count:
                return
    raise Refused("video_damaged", f"{index.name}: picture {first + given} cannot be decoded.", path=index.name)


def packets(index: VideoIndex, first: int, count: int) -> Iterator[Any]:
    """The packets of those pictures as they are; `first` must be a key frame of a file that is in order."""
    wanted = {int(pts) for pts in index.pts[first : first + count]}
    with opened(index.path, index.name) as (container, stream):
        if first:
            container.seek(int(index.pts[first]), stream=stream, backward=True)
        for packet in container.demux(stream):
            if packet.size and packet.pts in wanted:
                wanted.remove(packet.pts)  # before the packet is anybody else's
                yield packet
                if not wanted:
                    return
    raise Refused("video_damaged", f"{index.name} lacks {len(wanted)} of its packets.", path=index.name)


def may_copy(index: VideoIndex, first: int, count: int, rate: Fraction) -> bool:
    """Whether these pictures can be taken without decoding: no B-frames, from a key frame on, evenly spaced."""
    steps = np.diff(index.pts[first : first + count])
    even = Fraction(1) / rate / index.time_base
    return bool(index.in_order and index.key[first] and np.all(np.abs(steps - float(even)) < 1))


def key_pictures(index: VideoIndex, first: int, count: int) -> Iterator[Any]:
    """The key frames among those pictures: all that can be looked at without decoding the rest."""
    with opened(index.path, index.name) as (container, stream):
        stream.codec_context.skip_frame = "NONKEY"
        if first:
            container.seek(int(index.pts[first]), stream=stream, backward=True)
        for frame in container.decode(stream):
            if frame.pts is None or frame.pts < index.pts[first]:
                continue
            if frame.pts > index.pts[first + count - 1]:
                return
            yield frame
