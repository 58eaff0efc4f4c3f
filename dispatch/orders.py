"""Orders to robots.  What a run waits for stands in its row; the message is made anew, with a permit for the robot's newest
nonce, each time the robot reports, until the robot's own word has answered it.
"""

from __future__ import annotations

import datetime
import logging
from typing import Any

import redis.exceptions
from asgiref.sync import async_to_sync

from dispatch.open_runs import OpenRun
from fleet import relay
from fleet.robot_socket import tell
from protocol.permit import Permit, Signed
from protocol.runs import PILOT_PEER, Goal, RunEnd, RunOrder, RunResume
from protocol.state import RobotState
from protocol.wire import Message
from teleop import permits

log = logging.getLogger(__name__)
AGAIN_S = 0.9
START_FOR = datetime.timedelta(seconds=20)  # then nobody expects it to move any more, and it must not
RESUME_FOR = datetime.timedelta(seconds=10)


def too_late(run: OpenRun, now: datetime.datetime) -> bool:
    """A start or a going on that the robot has not answered in time is taken back."""
    waits = {"start": START_FOR, "resume": RESUME_FOR}.get(run.order)
    return waits is not None and now - run.ordered_at > waits


def message(run: OpenRun, robot: str, nonce: str) -> Message | None:
    """What the robot is told now; None when there is nothing, or no nonce for a permit yet."""
    if run.order == "end":
        return RunEnd(
            run=run.id, fence=run.fence, result=run.detail.get("result", "cancelled"), reason=run.detail.get("reason", "")
        )
    if not nonce or run.order not in ("start", "resume"):
        return None
    permit = _permit(run, robot, nonce)
    if run.order == "resume":
        return RunResume(run=run.id, fence=run.fence, permit=permit, doubt_off_s=float(run.detail.get("doubt_off_s", 0.0)))
    return RunOrder(
        run=run.id, fence=run.fence, instruction=run.sentence, policy=run.policy, policy_name=run.policy_name, permit=permit,
        pictures=run.pictures, goal=Goal(run.skill, run.target),
    )  # fmt: skip


def _permit(run: OpenRun, robot: str, nonce: str) -> Signed:
    """For the policy to move the robot, on the word of the person who ordered it."""
    return permits.sign(
        Permit(robot=robot, act="policy", person=run.asker, name=run.policy_name, fingerprint=PILOT_PEER, nonce=nonce)
    )


def send_now(robot: str, run: OpenRun) -> None:
    """At once, without waiting for the robot's next report.  May be lost: the report brings it again."""
    try:
        async_to_sync(_send)(robot, run)
    except (redis.exceptions.RedisError, OSError) as error:
        log.warning("the order of run %s goes with the robot's next report (%s)", run.id, error)


async def _send(robot: str, run: OpenRun) -> None:
    state = (await relay.states([robot])).get(robot)
    out = message(run, robot, state.state.nonce if state and state.state else "")
    if out is not None:
        await tell(robot, out)


def states(robots: list[str]) -> dict[str, RobotState]:
    """The newest state of each that is connected."""
    found: dict[str, Any] = async_to_sync(relay.states)(robots)
    return {robot: update.state for robot, update in found.items() if update.online and update.state is not None}


class Repeats:
    """When each order was last said; one per process, since a robot has one socket."""

    def __init__(self) -> None:
        self._said: dict[str, tuple[str, str, float]] = {}

    def due(self, robot: str, run: OpenRun, now_s: float) -> bool:
        said = self._said.get(robot)
        this = (run.id, run.order)
        if said is not None and said[:2] == this and now_s - said[2] < AGAIN_S:
            return False
        self._said[robot] = (*this, now_s)
        return True

    def forget(self) -> None:
        self._said.clear()
