"""Frames of a recorded video at the pace of its recording.  Used by the media process only."""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from protocol.errors import Refused
from robot.bodies.body import Frame
from robot.bodies.pace import Pace, complete, row_due

_SEEK_AHEAD = 30  # frames; further than this it is quicker to seek than to decode


class ReplayCamera:
    """A `FrameSource` that decodes one of the episode's videos at the pace of its recording."""

    def __init__(self, video: Path, rows: int, hz: float, stamp: bool) -> None:
        try:
            self._container = av.open(str(video))
        except (OSError, av.FFmpegError) as error:
            raise Refused("episode_unreadable", f"{video} cannot be played: {error}.") from error
        self._stream = self._container.streams.video[0]
        self._frames = self._container.decode(self._stream)
        self._rows, self._hz, self._stamp = rows, hz, stamp
        self._pace = Pace(hz)
        self._shown = -1
        self._image: NDArray[np.uint8] | None = None

    def read(self) -> Frame | None:
        index = self._pace.wait()
        if index is None:
            return None
        started_s = time.perf_counter()
        self._decode_to(row_due(time.monotonic(), self._rows, self._hz))
        return None if self._image is None else complete(index, self._image, started_s, self._stamp)

    def close(self) -> None:
        self._container.close()

    def _decode_to(self, row: int) -> None:
        """Leaves row's picture in `_image`; at the end of a shorter video, the last one."""
        if row < self._shown or row > self._shown + _SEEK_AHEAD:
            at = Fraction(row) / Fraction(self._hz) / (self._stream.time_base or Fraction(1))
            self._container.seek(int(at), stream=self._stream)  # to the key frame before it
            self._frames = self._container.decode(self._stream)
            self._shown = -1
        newest = None
        while self._shown < row:
            frame = next(self._frames, None)
            if frame is None:
                self._shown = row
                break
            seconds = float((frame.pts or 0) * (self._stream.time_base or 1))
            self._shown, newest = round(seconds * self._hz), frame
        if newest is not None:
            self._image = np.asarray(newest.to_ndarray(format="rgb24"), dtype=np.uint8)
