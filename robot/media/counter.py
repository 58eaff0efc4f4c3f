"""Numbers pictures by their capture time, so that numbers go on rising when the media process starts again."""

from __future__ import annotations

FRAMES_PER_S = 30  # of the numbers, whatever the camera's own rate: index i stands for 3000 ticks of a 90 kHz clock


class FrameCounter:
    """Strictly rising indexes that stay within one frame of `mono_s * 30`.

    A camera of 30 pictures a second gets consecutive numbers although its times jitter; a slower one gets gaps.
    """

    def __init__(self) -> None:
        self._last: int | None = None

    def number(self, mono_s: float) -> int:
        """The index of a picture that was complete at `mono_s` (monotonic seconds)."""
        due = mono_s * FRAMES_PER_S
        if self._last is None or due - (self._last + 1) >= 1.0:
            self._last = max(round(due), 0 if self._last is None else self._last + 1)
        else:
            self._last += 1
        return self._last
