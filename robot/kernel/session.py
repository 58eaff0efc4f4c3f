"""What the authority remembers of one lease while it lasts: counters, times, what is asked.  It ends with the lease."""

from __future__ import annotations

import math

from protocol.errors import Refused
from robot.kernel.command_clock import CommandClock
from robot.kernel.ladder import Ladder
from robot.kernel.lease import GRANT_S, HEARTBEAT_S, Lease, Motion
from robot.kernel.step import Step


class Session:
    """`granted` is the lease's normal reason; heartbeats, commands, steps and renewals are counted apart."""

    def __init__(self, lease: Lease, granted: str) -> None:
        self.lease = lease
        self.granted = granted
        self.clock = CommandClock()
        self.ladder = Ladder()
        self.age_s = 0.0  # of the newest accepted command
        self.heard_s = lease.since_s + GRANT_S - HEARTBEAT_S
        self.renewed_s = lease.since_s
        self.seen_s = lease.since_s
        self.dies_s = math.inf
        self.deadman = False  # in the newest command
        self._newest: dict[str, int] = {}
        self.rest()

    @property
    def heard(self) -> bool:
        return "heartbeat" in self._newest

    def check_new(self, what: str, n: int) -> None:
        """`Refused("replay")` unless `n` is higher than any counted before; counting it is `count`."""
        newest = self._newest.get(what)
        if newest is not None and n <= newest:
            raise Refused("replay", f"The {what} number {n} is not newer than {newest}.")

    def count(self, what: str, n: int) -> None:
        self._newest[what] = n

    def see(self, seen_s: float | None, now_s: float) -> None:
        """The holder acts on a picture captured at `seen_s`; None changes nothing.  `Refused("capture_time")`."""
        if seen_s is None:
            return
        if not seen_s <= now_s:
            raise Refused("capture_time", "The picture named by the command was not captured yet.")
        self.seen_s = seen_s

    def rest(self) -> None:
        """Nothing is asked, and the next motion has to start from neutral."""
        self.motion: Motion | None = None
        self.step: Step | None = None
        self.neutral = False
