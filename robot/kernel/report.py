"""What the kernel tells about itself: events, refusals by code once a second, the loop's timing.  Decides nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np

from protocol.clamps import clamp_names
from protocol.errors import Refused
from protocol.state import Mode
from robot.door import encode
from robot.kernel.door import Event
from robot.kernel.lease import Transition
from robot.rings import Ring

REPORT_S = 1.0
PERIODS = 3000  # one minute of ticks


class Journal:
    """Numbers the events of one epoch and writes them into the event ring, which both link and recorder read."""

    def __init__(self, ring: Ring, epoch: int, utc_ns: Callable[[], int]) -> None:
        self._ring = ring
        self._epoch = epoch
        self._utc_ns = utc_ns
        self._n = 0

    def transition(self, entry: Transition) -> Event:
        return self._write(
            entry.mono_s, entry.event, entry.actor, entry.reason, entry.before, entry.after, entry.seq, entry.detail
        )

    def note(self, mono_s: float, event: str, mode: Mode, seq: int, detail: dict[str, object]) -> Event:
        """Something worth knowing that changed no mode."""
        return self._write(mono_s, event, "kernel", "", mode, mode, seq, detail)

    def _write(
        self, mono_s: float, event: str, actor: str, reason: str, before: Mode, after: Mode, seq: int,
        detail: dict[str, object],
    ) -> Event:  # fmt: skip
        self._n += 1
        told = Event(
            n=self._n, mono_s=mono_s, time_ns=self._utc_ns(), event=event, actor=actor, reason=reason, before=before,
            after=after, epoch=self._epoch, seq=seq, detail=detail,
        )  # fmt: skip
        record = encode(told)
        if len(record) > self._ring.slot_size:
            record = encode(_shortened(told))
        self._ring.push(record)
        return told


def _shortened(event: Event) -> Event:
    return Event(
        n=event.n, mono_s=event.mono_s, time_ns=event.time_ns, event=event.event, actor=event.actor[:200],
        reason=event.reason[:200], before=event.before, after=event.after, epoch=event.epoch, seq=event.seq,
        detail={"shortened": True},
    )  # fmt: skip


class Refusals:
    """Counts refusals by code and clamps by name; `counts` are those of the last whole second."""

    def __init__(self, now_s: float) -> None:
        self.counts: dict[str, int] = {}
        self.last_sentence = ""
        self._running: Counter[str] = Counter()
        self._clamps = self._told = 0
        self._since_s = now_s

    def add(self, refused: Refused) -> None:
        self._running[refused.code] += 1
        self.last_sentence = refused.sentence[:300]

    def clamp(self, bits: int) -> None:
        self._clamps |= bits

    def report(self, now_s: float) -> list[tuple[str, dict[str, object]]] | None:
        """Once a second the events (name, detail) worth writing down, else None; clamps only when the set changed."""
        if now_s - self._since_s < REPORT_S:
            return None
        self.counts, self._running, self._since_s = dict(self._running), Counter(), now_s
        events: list[tuple[str, dict[str, object]]] = []
        if self.counts:
            events.append(("refused", {"counts": self.counts, "sentence": self.last_sentence}))
        if self._clamps and self._clamps != self._told:
            events.append(("clamped", {"clamps": list(clamp_names(self._clamps))}))
        self._told, self._clamps = self._clamps, 0
        return events


class Timing:
    """How far each tick began from when it should have, over the last minute."""

    def __init__(self) -> None:
        self.missed = 0
        self._errors_ms = np.zeros(PERIODS)
        self._count = 0

    def add(self, error_s: float) -> None:
        self._errors_ms[self._count % PERIODS] = abs(error_s) * 1000
        self._count += 1

    def p99_ms(self) -> float:
        known = self._errors_ms[: min(self._count, PERIODS)]
        return float(np.percentile(known, 99)) if self._count else 0.0
