"""Makes record ticks: encodes one frame of every camera beside the newest control tick."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protocol.embodiment import Embodiment
from protocol.recording_video import FrameEncoder
from protocol.row import Row
from robot.recorder.contents import Picture, Tick

SILENT_S = 0.15  # a control tick older than this no longer says what the robot does


@dataclass(frozen=True, slots=True)
class NewPicture:
    """A picture that was not recorded before: uint8[H*3/2, W] I420, when it was complete (UTC ns), its masks' version."""

    i420: NDArray[np.uint8]
    capture_ns: int
    masks: int = 0


class TickMaker:
    """One encoder per camera; all begin with a key frame and make the next ones on the same ticks."""

    def __init__(self, embodiment: Embodiment) -> None:
        self._embodiment = embodiment
        self._encoders = [FrameEncoder(c.width, c.height, embodiment.record_hz) for c in embodiment.cameras]
        self._captured = [0] * len(self._encoders)
        self._masks = [0] * len(self._encoders)
        self._still = [axis.is_rate for axis in embodiment.action]

    def make(
        self,
        mono_s: float,
        time_ns: int,
        row: Row,
        new: dict[str, NewPicture],
        rows_lost: int = 0,
        key: bool = False,
    ) -> Tick:
        """A camera that is not in `new` repeats its picture, flagged; `key` makes this tick the start of a file."""
        pictures = []
        for number, (camera, encoder) in enumerate(zip(self._embodiment.cameras, self._encoders, strict=True)):
            picture = new.get(camera.name)
            data, is_key = encoder.encode(None if picture is None else picture.i420, key)
            if picture is not None:
                self._captured[number], self._masks[number] = picture.capture_ns, picture.masks
            pictures.append(Picture(self._captured[number], picture is None, is_key, data, self._masks[number]))
        return Tick(mono_s, time_ns, self._true_at(mono_s, row), rows_lost, tuple(pictures))

    def _true_at(self, mono_s: float, row: Row) -> Row:
        """The row, or where the kernel has been silent a hold: its last rates would claim motion that has ended.

        A body that has not answered yet senses nothing: NaN, not fewer numbers than the table has.
        """
        if len(row.state) != len(self._embodiment.state):
            row.state = (math.nan,) * len(self._embodiment.state)
        if mono_s - row.mono_s <= SILENT_S:
            return row
        still = tuple(0.0 if rate else value for rate, value in zip(self._still, row.action_done, strict=True))
        return Row(
            **{name: getattr(row, name) for name in Row.__struct_fields__}
            | {"pilot": "hold", "action": still, "action_done": still, "latency_ms": math.nan}
        )


def no_row(embodiment: Embodiment, mono_s: float, time_ns: int) -> Row:
    """Stands where the kernel has not spoken yet: nothing is known (NaN), nothing is asked."""
    zero = (0.0,) * len(embodiment.action)
    state = (math.nan,) * len(embodiment.state)
    return Row(0, mono_s, time_ns, "SAFE_HOLD", "BOOT", "hold", "", "", 0, 0, 0, state, zero, zero, 0, latency_ms=math.nan)
