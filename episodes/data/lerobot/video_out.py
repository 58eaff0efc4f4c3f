"""Writes the video files of an export: encodes pictures, joins packets of many episodes into one file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from episodes.data.lerobot import video_files
from episodes.data.lerobot.video_files import VideoIndex
from protocol.recording_video import KEY_EVERY, TICKS_PER_FRAME


@dataclass(frozen=True, slots=True)
class Codec:
    """An encoder and its settings; `name` is what `info.json` says."""

    name: str
    encoder: str
    options: dict[str, str]


# Every second picture is a key frame, as LeRobot writes them: training reads pictures at random.  No B-frames, so that the
# first picture has time 0 and packets can be joined.  Quality: within two grey levels of the recording, which is CRF 21 itself.
_EVERY_SECOND = "keyint=2:min-keyint=2:scenecut=0:bframes=0"
_AS_RECORDED = f"keyint={KEY_EVERY}:min-keyint={KEY_EVERY}:scenecut=0:repeat-headers=1"
CODECS = {
    "h264": Codec("h264", "libx264", {"preset": "superfast", "crf": "14", "x264-params": _EVERY_SECOND}),
    "hevc": Codec("hevc", "libx265", {"preset": "ultrafast", "crf": "14", "x265-params": f"{_EVERY_SECOND}:log-level=error"}),
    "av1": Codec("av1", "libsvtav1", {"preset": "12", "crf": "12", "g": "2"}),
    # what cannot be copied beside what is: the same parameter sets as the recording's, so that both may lie in one file
    "recording": Codec(
        "h264", "libx264", {"preset": "superfast", "tune": "zerolatency", "crf": "14", "x264-params": _AS_RECORDED}
    ),
}
CHOICES = ("h264", "hevc", "av1")


def encode(frames: Iterable[Any], path: Path, width: int, height: int, rate: Fraction, codec: Codec) -> None:
    """An MP4 of these pictures (PyAV frames, any pixel format) at a constant rate, first one at time 0."""
    os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 tells its settings on the terminal otherwise
    with av.open(str(path), "w", format="mp4") as container:
        stream: Any = container.add_stream(codec.encoder, rate=rate, options=codec.options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = 1 / rate
        stream.codec_context.thread_count = 1
        for number, frame in enumerate(frames):
            picture = frame if frame.format.name == "yuv420p" else frame.reformat(format="yuv420p")
            picture.pict_type = av.video.frame.PictureType.NONE  # the encoder decides, not the file it came from
            picture.pts, picture.time_base = number, 1 / rate
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


class JoinedVideo:
    """One MP4 of many stretches, packet by packet, at a constant rate; its index ends up in front."""

    def __init__(self, path: Path, like: VideoIndex, rate: Fraction) -> None:
        self.like, self.frames, self.bytes = like, 0, 0
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        if like.codec == "av1":  # its decoder has another name than its encoder, which a template cannot express
            self._stream = self._container.add_mux_stream("libsvtav1", rate=rate, width=like.width, height=like.height)
        else:
            with video_files.opened(like.path, like.name) as (_, template):
                self._stream = self._container.add_stream_from_template(template)
        self._base = Fraction(1) / (rate * TICKS_PER_FRAME)
        self._stream.time_base = self._base

    def add(self, packets: Iterator[Any]) -> None:
        for packet in packets:
            self.bytes += packet.size
            packet.stream = self._stream
            packet.time_base = self._base
            packet.pts = packet.dts = self.frames * TICKS_PER_FRAME
            packet.duration = TICKS_PER_FRAME
            self._container.mux(packet)
            self.frames += 1

    def close(self) -> None:
        self._container.close()
