"""The server's part of a policy's lease: once a second it agrees again, or ends it."""

from __future__ import annotations

import datetime
import time

from django.utils import timezone

from dispatch.open_runs import OpenRun, run_of
from fleet.access import access
from fleet.robot_socket import ConnectedRobot
from protocol import robot_link
from teleop.leases import renewals, tell

END_FOR = datetime.timedelta(seconds=5)  # so long a robot has to end a run itself


def _overdue(run: OpenRun) -> bool:
    return run.order == "end" and timezone.now() - run.ordered_at > END_FOR


async def renew(robot: ConnectedRobot, message: robot_link.Report) -> None:
    """Renew a policy's lease while its run is open and the person who let it move the robot still may; else revoke it.  An end
    that the robot has heard and not carried out ends with the lease."""
    lease = message.state.lease
    if lease is None or lease.kind != "policy" or robot.held:
        return
    run = await run_of(robot.id, sure=True)
    reason = "no_run" if run is None or run.phase == "ended" else "run_over" if _overdue(run) else ""
    if not reason and not await access.may(lease.person, robot.id, "run"):
        reason = "rights_revoked"
    if not reason and not renewals.due(robot.id, lease, time.monotonic()):
        return
    await tell(robot, lease, reason)
