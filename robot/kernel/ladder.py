"""What the control latency permits: direct, scaled, steps, or only to supervise.  Says nothing about leases."""

from __future__ import annotations

from statistics import median

from protocol.state import Permitted

RUNGS: tuple[Permitted, ...] = ("direct", "scaled", "step", "supervise")
LIMITS_S = (0.1, 0.25, 0.5)  # at or above: one rung down
BETTER = 0.9  # back up only below this share of the limit
MEDIAN_S = 1.0


class Ladder:
    """The median latency of the last second chooses the rung; without any the answer is to supervise."""

    def __init__(self) -> None:
        self._samples: list[tuple[float, float]] = []
        self._rung = 0

    def add(self, now_s: float, latency_s: float) -> None:
        self._samples.append((now_s, latency_s))

    def latency_s(self, now_s: float) -> float | None:
        """Median over the last `MEDIAN_S`, or None when there was no command in it."""
        self._samples = [(at_s, latency_s) for at_s, latency_s in self._samples if now_s - at_s <= MEDIAN_S]
        return median(latency_s for _, latency_s in self._samples) if self._samples else None

    def permitted(self, now_s: float) -> Permitted:
        latency_s = self.latency_s(now_s)
        if latency_s is None:
            self._rung = 0
            return "supervise"
        while self._rung < len(LIMITS_S) and latency_s >= LIMITS_S[self._rung]:
            self._rung += 1
        while self._rung > 0 and latency_s < LIMITS_S[self._rung - 1] * BETTER:
            self._rung -= 1
        return RUNGS[self._rung]
