"""The server's part of a live lease: once a second it agrees again, or ends it.  Called for every report of a robot."""

from __future__ import annotations

import time

import msgspec

from fleet import keys
from fleet.access import access
from fleet.robot_socket import ConnectedRobot
from protocol import robot_link
from protocol.permit import RENEW_S, Renewal
from protocol.state import LeaseState
from teleop import presence


class Renewals:
    """What was last signed for each robot; one per process, since a robot has one socket."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[int, int, float]] = {}  # robot -> epoch, seq, monotonic seconds
        self._counter = 0

    def counter(self) -> int:
        """Rises with each call, also when the clock is set back, and across restarts; the robot never tells time by it."""
        self._counter = max(self._counter + 1, time.time_ns())
        return self._counter

    def due(self, robot: str, lease: LeaseState, now_s: float) -> bool:
        epoch, seq, at_s = self._last.get(robot, (-1, -1, 0.0))
        if (epoch, seq) == (lease.epoch, lease.seq) and now_s - at_s < RENEW_S * 0.75:
            return False
        self._last[robot] = (lease.epoch, lease.seq, now_s)
        return True


renewals = Renewals()


async def renew(robot: ConnectedRobot, message: robot_link.Report) -> None:
    """Renew the lease in the report, or revoke it when its holder may no longer drive or is signed in no more."""
    lease = message.state.lease
    if lease is None or lease.kind != "human" or robot.held:
        return
    reason = "" if await access.may(lease.person, robot.id, "drive") else "rights_revoked"
    if not reason:
        if not renewals.due(robot.id, lease, time.monotonic()):
            return
        reason = "" if await presence.holds(robot.id, lease) else "page_gone"
    await tell(robot, lease, reason)


async def tell(robot: ConnectedRobot, lease: LeaseState, reason: str) -> None:
    """The server's signed word on a lease: it is renewed, or revoked for `reason`."""
    renewal = Renewal(
        robot=robot.id,
        epoch=lease.epoch,
        seq=lease.seq,
        counter=renewals.counter(),
        revoke=bool(reason),
        reason=reason,
    )
    await robot.tell(robot_link.Renew(renewal=keys.sign(msgspec.json.encode(renewal))))
