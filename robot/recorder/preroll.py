"""The newest seconds of encoded ticks, kept in memory while somebody is connected: for "save the last 30 s"."""

from __future__ import annotations

from collections import deque

from robot.recorder.contents import Tick

KEEP_S = 30.0


class PreRoll:
    """Starts at a key frame whenever it is taken, so that what is saved can be decoded from its first row."""

    def __init__(self, record_hz: float, keep_s: float = KEEP_S) -> None:
        self._hz = record_hz
        self._most = int(keep_s * record_hz)
        self._ticks: deque[Tick] = deque()
        self._masks: tuple[int, ...] = ()

    def add(self, tick: Tick) -> None:
        """Under other privacy masks than before it begins anew: what was kept may show what is private now."""
        masks = tuple(picture.masks for picture in tick.pictures)
        if masks != self._masks:
            self._ticks.clear()
            self._masks = masks
        self._ticks.append(tick)
        while len(self._ticks) > self._most:
            self._ticks.popleft()

    def clear(self) -> None:
        self._ticks.clear()

    @property
    def seconds(self) -> float:
        return len(self._ticks) / self._hz

    def last(self, seconds: float) -> list[Tick]:
        """The ticks of the last `seconds` from the first key frame on (at most half a second less)."""
        wanted = max(0, len(self._ticks) - round(seconds * self._hz))
        ticks = list(self._ticks)[wanted:]
        for start, tick in enumerate(ticks):
            if all(picture.key for picture in tick.pictures):
                return ticks[start:]
        return []
