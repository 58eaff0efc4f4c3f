"""The pace of frames that are made when asked: which one is due, and the frame when it is complete."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from protocol.stamp import STAMP_WIDTH_PX, write_stamp
from robot.bodies.body import Frame

_MOST_WAIT_S = 0.1


class Pace:
    """Frame i is due i / fps seconds after the first one; frames that nobody had time for are left out."""

    def __init__(self, fps: float) -> None:
        self._fps = fps
        self._start_s = time.monotonic()
        self._next = 0

    def wait(self) -> int | None:
        """Sleeps until the next frame is due and gives its index; None after 100 ms without one."""
        now = (time.monotonic() - self._start_s) * self._fps
        index = max(self._next, int(now))
        wait_s = (index - now) / self._fps
        if wait_s > _MOST_WAIT_S:
            time.sleep(_MOST_WAIT_S)
            return None
        if wait_s > 0:
            time.sleep(wait_s)
        self._next = index + 1
        return index


def complete(index: int, image: NDArray[np.uint8], started_s: float, stamp: bool) -> Frame:
    """The frame as it is complete now, stamped where it is wide enough for that.

    `image` is left as it is; `started_s` is the time.perf_counter() at which making it began.
    """
    time_ns = time.time_ns()
    if stamp and image.shape[1] >= STAMP_WIDTH_PX:
        image = image.copy()
        write_stamp(image, time_ns, index)
    return Frame(index, time.monotonic(), time_ns, image, (time.perf_counter() - started_s) * 1e3)


def row_due(mono_s: float, rows: int, hz: float) -> int:
    """The row to show at a monotonic time: the same in every process of the machine, and round and round."""
    return int(mono_s * hz) % rows
