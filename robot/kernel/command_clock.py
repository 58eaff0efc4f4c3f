"""How old a command is, without a common clock: its delay above the smallest delay of the session."""

from __future__ import annotations

from protocol.errors import Refused
from robot.kernel.lease import DRIFT, FUTURE_S


class CommandClock:
    """One per lease.  The smallest delay creeps up by `DRIFT`, so that clocks running apart do not age commands."""

    def __init__(self) -> None:
        self._floor: tuple[float, float] | None = None  # smallest delay, and when that was
        self._early: list[float] = []  # delay of the command before, when it was refused as too early

    def age_s(self, now_s: float, sent_s: float) -> float:
        """Seconds, at least 0.  `sent_s` is on the sender's clock, `now_s` on ours.

        `Refused("future")` when it is more than `FUTURE_S` younger than any before it.  A second one at once means that
        the sender's clock has jumped, and what follows is measured against it; a single one changes nothing.
        """
        delay_s = now_s - sent_s
        floor_s = delay_s
        if self._floor is not None:
            before_s, at_s = self._floor
            floor_s = before_s + (now_s - at_s) * DRIFT
        if delay_s < floor_s - FUTURE_S and not self._early:
            self._early.append(delay_s)
            raise Refused("future", "The command's time lies ahead of the ones before it; the next one counts again.")
        self._early.clear()
        smallest_s = min(floor_s, delay_s)
        self._floor = smallest_s, now_s
        return delay_s - smallest_s
