"""What robots tell: their state, their transition log, that a stop is latched."""

from __future__ import annotations

import time

from asgiref.sync import sync_to_async
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from fleet import audit, relay
from fleet.models import Person, Robot, is_id
from fleet.robot_socket import ConnectedRobot
from protocol import robot_link
from protocol.errors import Refused

MOST = 256  # numbers or names in one list of a report
CLOCK_OFF_NS = 24 * 3600 * 10**9
SEEN_EVERY_S = 20.0


async def report(robot: ConnectedRobot, message: robot_link.Report) -> None:
    """The newest state, to whoever looks; the database only learns now and then that it was seen."""
    state = message.state
    if max(len(state.state), len(state.torque), len(state.cameras), len(state.stops), len(state.health.restarts)) > MOST:
        raise Refused("too_many", f"A list in a report may have {MOST} entries.")
    if len(state.health.notes) > MOST or state.time_ns < 0:
        raise Refused("invalid_field:health", f"At most {MOST} notes, and no time before 1970.")
    off_ns = abs(time.time_ns() - state.time_ns) if state.time_ns else 0
    alert = "clock_off" if off_ns > CLOCK_OFF_NS else ""
    await relay.keep_state(robot.id, relay.Update(robot=robot.id, state=state, alert=alert))
    if time.monotonic() - robot.seen_s > SEEN_EVERY_S:
        robot.seen_s = time.monotonic()
        await sync_to_async(Robot.objects.filter(pk=robot.id).update)(last_seen=timezone.now())


async def stop_ack(robot: ConnectedRobot, message: robot_link.StopAck) -> None:
    await relay.publish(relay.Update(robot=robot.id, stop_ack=message.source[:64]))


async def log(robot: ConnectedRobot, message: robot_link.Log) -> None:
    through = await sync_to_async(chain)(robot, message.entries)
    await robot.tell(robot_link.LogAck(through=through))


def chain(robot: ConnectedRobot, entries: tuple[robot_link.LogEntry, ...]) -> int:
    """Takes entries into the audit chain, each number once and in order; gives the last number that is kept."""
    if len(entries) > 1000:
        raise Refused("too_many", "A log message may have 1000 entries.")
    names = _people(robot, {entry.actor for entry in entries})
    with transaction.atomic():
        row = Robot.objects.select_for_update().get(pk=robot.id)
        last = row.log_n
        for entry in sorted(entries, key=lambda entry: entry.n):
            if entry.n <= last:
                continue
            if entry.n > last + 1:
                _append(robot, "log gap", "server", {"from": last + 1, "to": entry.n - 1})
            _append(robot, entry.event, names.get(entry.actor) or _claimed(robot, entry.actor), _detail(entry))
            last = entry.n
        Robot.objects.filter(pk=robot.id, log_n__lt=last).update(log_n=F("log_n") + (last - row.log_n))
    return last


def _people(robot: ConnectedRobot, uids: set[str]) -> dict[str, str]:
    """Names of those who have a role where the robot stands: of nobody else could it know."""
    here = Q(memberships__site=None) | Q(memberships__site=robot.site_id)
    people = Person.objects.filter(here, uid__in=filter(is_id, uids), memberships__organisation=robot.organisation_id)
    return dict(people.values_list("uid", "username"))


def _claimed(robot: ConnectedRobot, actor: str) -> str:
    """Whoever is no person we know is named as the robot's word, so that no robot can speak for somebody."""
    return f"robot {robot.name}: {actor}" if actor else f"robot {robot.name}"


def _append(robot: ConnectedRobot, act: str, actor: str, detail: dict[str, object]) -> None:
    audit.append(actor, act, robot.name, robot.organisation_id, **detail)


def _detail(entry: robot_link.LogEntry) -> dict[str, object]:
    known = {
        "robot_n": entry.n, "robot_time_ns": entry.time_ns, "reason": entry.reason, "before": entry.before,
        "after": entry.after, "epoch": entry.epoch, "seq": entry.seq,
    }  # fmt: skip
    return {**{k: v for k, v in known.items() if v not in ("", 0)}, **({"more": entry.detail} if entry.detail else {})}
