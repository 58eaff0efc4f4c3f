"""When the pictures of the last seconds were captured, and how a session numbers them.  Pure."""

from __future__ import annotations

from collections import deque

from robot.media.counter import FRAMES_PER_S

TICKS_PER_FRAME = 3000  # of the 90 kHz RTP clock
KEEP = 300  # pictures, 10 s at 30 a second
_BEFORE = 300  # pictures that may be older than the session and still have a number


def first_index(now_s: float) -> int:
    """The index that a session begun at `now_s` calls 0: small numbers, so that their RTP times do not wrap for 13 h.

    Media numbers pictures by the same monotonic clock (robot.media.counter).
    """
    return max(0, int(now_s * FRAMES_PER_S) - _BEFORE)


def rtp_ticks(number: int, origin: int) -> int:
    """The RTP timestamp of a session's picture: `(t - origin) mod 2^32 / TICKS_PER_FRAME` gives the number back."""
    return (origin + number * TICKS_PER_FRAME) & 0xFFFFFFFF


class FrameTable:
    """The last `KEEP` pictures of one camera."""

    def __init__(self) -> None:
        self._captured: dict[int, float] = {}
        self._order: deque[int] = deque()
        self.count = 0  # how many were ever added

    def add(self, index: int, capture_mono_s: float) -> None:
        if index not in self._captured:
            self._order.append(index)
            self.count += 1
        self._captured[index] = capture_mono_s
        while len(self._order) > KEEP:
            del self._captured[self._order.popleft()]

    def captured(self, index: int) -> float | None:
        """Monotonic seconds when this picture was complete; None when it is not among the last."""
        return self._captured.get(index)

    def since(self, count: int) -> tuple[tuple[int, int], ...]:
        """(index, capture in us) of the pictures added since `count` of them had been."""
        new = min(self.count - count, len(self._order))
        indexes = list(self._order)[len(self._order) - new :] if new > 0 else []
        return tuple((index, int(self._captured[index] * 1e6)) for index in indexes)
