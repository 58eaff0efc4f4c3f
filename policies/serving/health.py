"""How a server is doing, as it tells everybody who looks.  Kept in Redis for some seconds; older is as good as silent."""

from __future__ import annotations

import resource
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

SILENT_S = 3.0  # what is older says that nobody is there
KEPT = 512


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Times in UTC seconds; latencies from a question's arrival at its socket to the publishing of its answer, in ms, of the
    last 512 answers.  `robots` were answered in the last ten seconds; `dropped` had waited too long."""

    server: str
    worker: str
    at_s: float
    ready_s: float
    batches: int = 0
    answered: int = 0
    troubles: int = 0
    dropped: int = 0
    robots: int = 0
    last_batch_s: float | None = None
    batch_mean: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    thought_p50_ms: float | None = None
    memory_mb: int = 0


@dataclass
class Tally:
    """What a server has done; `health` sums it up."""

    server: str
    worker: str
    ready_s: float
    batches: int = 0
    answered: int = 0
    troubles: int = 0
    last_batch_s: float | None = None
    _latencies: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))
    _thoughts: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=64))
    _robots: dict[str, float] = field(default_factory=dict)

    def note(self, arrived_s: Mapping[str, float], answered: int, thought_ms: float, now_s: float) -> None:
        """One batch: when each robot's question arrived, how many got chunks."""
        self.batches += 1
        self.answered += answered
        self.troubles += len(arrived_s) - answered
        self.last_batch_s = now_s
        self._latencies.extend(1000 * max(0.0, now_s - at_s) for at_s in arrived_s.values())
        self._thoughts.append((len(arrived_s), thought_ms))
        self._robots |= dict.fromkeys(arrived_s, now_s)

    def health(self, now_s: float, dropped: int) -> Health:
        self._robots = {robot: at_s for robot, at_s in self._robots.items() if now_s - at_s < 10}
        sizes = [size for size, _ in self._thoughts]
        return Health(
            server=self.server,
            worker=self.worker,
            at_s=now_s,
            ready_s=self.ready_s,
            batches=self.batches,
            answered=self.answered,
            troubles=self.troubles,
            dropped=dropped,
            robots=len(self._robots),
            last_batch_s=self.last_batch_s,
            batch_mean=sum(sizes) / len(sizes) if sizes else None,
            p50_ms=_rank(list(self._latencies), 0.5),
            p99_ms=_rank(list(self._latencies), 0.99),
            thought_p50_ms=_rank([ms for _, ms in self._thoughts], 0.5),
            memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        )


def _rank(values: list[float], share: float) -> float | None:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def alive(fields: Mapping[Any, Any], now_s: float | None = None) -> list[Health]:
    """The servers of a policy that have spoken lately, from the hash `Places.health`."""
    now_s = time.time() if now_s is None else now_s
    found = [one for raw in fields.values() if (one := _readable(raw)) is not None]
    return sorted((one for one in found if now_s - one.at_s < SILENT_S), key=lambda one: one.server)


def _readable(raw: Any) -> Health | None:
    try:
        return msgspec.msgpack.decode(raw, type=Health)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None  # of another version of this program: as good as silent
