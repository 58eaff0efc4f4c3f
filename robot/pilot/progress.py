"""Whether a run still comes any further.  Pure."""

from __future__ import annotations

import math

STUCK_M, STUCK_S = 0.01, 8.0


class Progress:
    """Time of moving against `limit_s`, and how long the tool has stayed in one place."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self.begin()

    def begin(self) -> None:
        """Somebody says that it may go on: all counts from nothing."""
        self._moved_s = self._there_s = 0.0
        self._there: tuple[float, ...] | None = None

    def hindered(self, dt_s: float, tool_m: tuple[float, ...] | None) -> str:
        """After `dt_s` more of moving: why it should stop, as a sentence, or ""."""
        self._moved_s += dt_s
        if tool_m is not None:
            if self._there is None or math.dist(tool_m, self._there) > STUCK_M:
                self._there, self._there_s = tool_m, 0.0
            else:
                self._there_s += dt_s
        if self._there_s >= STUCK_S:
            return f"The tool has stayed within {STUCK_M * 100:.0f} cm for {STUCK_S:.0f} s. Take over, go on or end the run."
        if self._moved_s >= self._limit_s:
            return f"The run has moved for {self._limit_s:.0f} s without being done. Take over, go on or end the run."
        return ""
