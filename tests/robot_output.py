"""When a simulated robot's output begins and ceases to be zero, read where it arrives: in the body's own mailbox."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np

from robot.mailbox import Mailbox
from robot.world import wire
from robot.world.embodiments import TABLETOP

_LOOK_S = 0.001
_RATES = [index for index, axis in enumerate(TABLETOP.action) if axis.is_rate]


class Output(threading.Thread):
    """Notes each moment in which the output begins or ceases to be zero; monotonic seconds."""

    def __init__(self, run_dir: Path) -> None:
        super().__init__(daemon=True)
        self._mailbox = Mailbox.open(run_dir / wire.command_file(0))
        self._turns: list[tuple[float, bool]] = [(0.0, False)]
        self._ended = threading.Event()
        self.start()

    def close(self) -> None:
        self._ended.set()
        self.join()
        self._mailbox.close()

    def run(self) -> None:
        seen = -1
        while not self._ended.is_set():
            count = self._mailbox.count()
            newest = self._mailbox.get() if count != seen else None
            if newest is not None:
                seen = count
                moves = _moves(newest[0])
                if moves != self._turns[-1][1]:
                    self._turns.append((newest[1], moves))
            time.sleep(_LOOK_S)

    @property
    def moving_since_s(self) -> float | None:
        since_s, moves = self._turns[-1]
        return since_s if moves else None

    def zero_after(self, at_s: float) -> float | None:
        """When it became zero for the first time after `at_s`; None when it has not, or was zero then."""
        turns = list(self._turns)
        after = [turn for turn in turns if turn[0] > at_s]
        before = [turn for turn in turns if turn[0] <= at_s]
        return after[0][0] if before[-1][1] and after else None

    def moving_for(self, seconds: float) -> bool:
        """It is not zero, and has not been for so long."""
        since_s = self.moving_since_s
        return since_s is not None and time.monotonic() - since_s > seconds

    def halts(self, from_s: float) -> int:
        """How often it became zero since `from_s`."""
        return sum(not moves for at_s, moves in list(self._turns) if at_s > from_s)


def _moves(raw: bytes) -> bool:
    return bool(raw) and bool(np.any(np.frombuffer(raw, "<f4")[_RATES]))
