"""When the pictures of the last seconds were captured, by the number under which a browser knows them.  Pure."""

from __future__ import annotations

from collections import deque

TICKS_PER_FRAME = 3000  # of the 90 kHz RTP clock
WRAP = (1 << 32) // TICKS_PER_FRAME  # numbers on the wire start again after 13 hours: RTP times have 32 bits
KEEP = 300  # pictures, 10 s at 30 a second


def on_wire(index: int) -> int:
    """The number of a picture as browsers know it."""
    return index % WRAP


def rtp_ticks(index: int, origin: int) -> int:
    """The RTP timestamp of a picture: `(t - origin) mod 2^32 / TICKS_PER_FRAME` gives the number back."""
    return (origin + on_wire(index) * TICKS_PER_FRAME) & 0xFFFFFFFF


class FrameTable:
    """The last `KEEP` pictures of one camera."""

    def __init__(self) -> None:
        self._captured: dict[int, float] = {}
        self._order: deque[int] = deque()
        self.count = 0  # how many were ever added

    def add(self, index: int, capture_mono_s: float) -> None:
        number = on_wire(index)
        if number not in self._captured:
            self._order.append(number)
            self.count += 1
        self._captured[number] = capture_mono_s
        while len(self._order) > KEEP:
            del self._captured[self._order.popleft()]

    def captured(self, number: int) -> float | None:
        """Monotonic seconds when picture `number` (as on the wire) was complete; None when it is not among the last."""
        return self._captured.get(number)

    def since(self, count: int) -> tuple[tuple[int, int], ...]:
        """(number, capture in us) of the pictures added since `count` of them had been."""
        new = min(self.count - count, len(self._order))
        numbers = list(self._order)[len(self._order) - new :] if new > 0 else []
        return tuple((number, int(self._captured[number] * 1e6)) for number in numbers)
