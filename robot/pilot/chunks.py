"""The queue of actions between a policy that thinks now and then and a robot that moves all the time.  Pure.

A chunk's first action is for the moment its observation was captured; what has passed since is left out.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protocol.embodiment import Axis
from protocol.errors import Refused

Floats = NDArray[np.float32]
DELAYS = 10  # remembered; the largest counts (Black et al., "Real-Time Execution of Action Chunking Flow Policies", 2025)
BLEND_STEPS = 1  # of a new chunk that the one before it has a say in
_EDGE = 1e-6  # s: a step that begins now has begun


@dataclass(frozen=True, slots=True)
class Chunk:
    """`actions` float32[H, A]; `start_s`: when its observation was captured; each action holds for `dt_s`."""

    number: int
    actions: Floats
    start_s: float
    dt_s: float
    doubt: float = math.nan

    @property
    def dies_s(self) -> float:
        return self.start_s + len(self.actions) * self.dt_s

    def step(self, at_s: float) -> int:
        return math.floor((at_s - self.start_s + _EDGE) / self.dt_s)

    def at(self, at_s: float) -> Floats | None:
        """float32[A] for this moment; None before the first and after the last."""
        step = self.step(at_s)
        return self.actions[step] if 0 <= step < len(self.actions) else None


class ChunkQueue:
    """`execute` actions of a chunk are carried out before the next should take over.  Times are monotonic seconds."""

    def __init__(self, axes: Sequence[Axis], execute: int, blend: int = BLEND_STEPS) -> None:
        self._range = np.array([axis.high - axis.low for axis in axes], np.float32)
        self._execute, self._blend = max(1, execute), blend
        self._chunk: Chunk | None = None
        self._since_s = 0.0  # when it took over
        self._delays: deque[float] = deque(maxlen=DELAYS)

    @property
    def chunk(self) -> Chunk | None:
        return self._chunk

    @property
    def delay_s(self) -> float:
        """What to expect: the largest of the last delays between a capture and its chunk; 0 before the first."""
        return max(self._delays, default=0.0)

    def add(self, chunk: Chunk, now_s: float) -> float | None:
        """The jump where it takes over: the largest of all axes, as share of the axis' range; None after a pause.

        `Refused("chunk_late")` when it has no action left or an older observation than the one in use.
        """
        self._delays.append(now_s - chunk.start_s)
        if chunk.at(now_s) is None or (self._chunk is not None and chunk.start_s <= self._chunk.start_s):
            age_s, life_s = now_s - chunk.start_s, chunk.dies_s - chunk.start_s
            raise Refused("chunk_late", f"The actions came {age_s:.1f} s after their picture; they are good for {life_s:.1f} s.")
        before = None if self._chunk is None else self._chunk.at(now_s)
        merged = self._merged(chunk, now_s)
        self._chunk, self._since_s = merged, now_s
        first = merged.at(now_s)
        return None if before is None or first is None else float((np.abs(first - before) / self._range).max())

    def at(self, now_s: float) -> Floats | None:
        """The action float32[A] for now, or None: nothing may move then."""
        return None if self._chunk is None else self._chunk.at(now_s)

    def due(self, now_s: float) -> bool:
        """Whether the next chunk should be asked for now, so that it is there in time."""
        if self._chunk is None:
            return True
        wanted_s = min(self._since_s + self._execute * self._chunk.dt_s, self._chunk.dies_s)
        return now_s + _EDGE >= wanted_s - self.delay_s

    def prefix(self, start_s: float) -> tuple[Floats | None, int]:
        """The actions [P, A] that will be carried out from `start_s` on, and how many of them for certain."""
        if self._chunk is None:
            return None, 0
        dt_s, count = self._chunk.dt_s, len(self._chunk.actions)
        rows = [row for i in range(count) if (row := self._chunk.at(start_s + (i + 0.5) * dt_s)) is not None]
        if not rows:
            return None, 0
        return np.stack(rows), min(math.floor(self.delay_s / dt_s), len(rows))

    def clear(self) -> None:
        """Nothing is to be done; how long answers take is remembered."""
        self._chunk = None

    def _merged(self, chunk: Chunk, now_s: float) -> Chunk:
        """The new chunk, its next `blend` actions drawn to what the old one says for the same moments."""
        if self._chunk is None or not self._blend:
            return chunk
        actions = chunk.actions.copy()
        first = chunk.step(now_s)
        for i in range(self._blend):
            old = self._chunk.at(max(now_s, chunk.start_s + (first + i + 0.5) * chunk.dt_s))
            if old is None or first + i >= len(actions):
                break
            share = (i + 1) / (self._blend + 1)
            actions[first + i] = (1 - share) * old + share * actions[first + i]
        return Chunk(chunk.number, actions, chunk.start_s, chunk.dt_s, chunk.doubt)
