"""The live list of robots for the pages, `/ws/fleet/`, and the remote stop of several at once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import Any

import msgspec
import redis.exceptions
from asgiref.sync import sync_to_async
from django.db import Error
from django.utils import timezone

from fleet import audit, relay, robots
from fleet.access import Ability, access
from fleet.limits import Window
from fleet.live import Seen, live
from fleet.models import Robot
from fleet.robot_socket import tell
from fleet.socket import PersonSocket
from fleet.stops import GIVE_UP_S, REPEAT_S, StopAsked
from protocol import live as words
from protocol import robot_link
from protocol.errors import Refused

log = logging.getLogger(__name__)
PERIOD_S = 0.2  # at most five lists of changes a second
LOOK_S = 1.0  # how often robots that fell silent and rights that changed are looked for


ALERTS = {"clock_off": "Its clock is more than a day off. Set it, or let NTP set it."}


class FleetSocket(PersonSocket):
    messages = words.FromBrowser

    async def opened(self) -> None:
        self._window = Window()
        self._about: dict[str, Robot] = {}
        self._sent: dict[str, words.RobotRow] = {}
        self._whole = True
        self.start(self._feed())

    async def hear(self, message: Any) -> None:
        match message:
            case words.Ack():
                self._window.acknowledge(message.n)
            case words.StopRobots():
                await self._stop(message)

    # -- the list ---------------------------------------------------------------------------------

    async def _feed(self) -> None:
        rights = await access.robots(self.person.uid)
        listener = await live.listen(list(rights))
        changed, looked_s = set(rights), time.monotonic()
        try:
            while True:
                await self._send(changed, await access.robots(self.person.uid))
                await asyncio.sleep(PERIOD_S)
                changed = await listener.changed(LOOK_S)
                if time.monotonic() - looked_s >= LOOK_S:
                    changed, looked_s = set(self._about) | changed, time.monotonic()
                if self._window.stuck(time.monotonic()):
                    await self.close(code=4408)
                    return
        finally:
            listener.close()

    async def _send(self, changed: set[str], rights: dict[str, frozenset[Ability]]) -> None:
        roster = await robots.roster.get()
        about = {id: roster[id] for id in rights if id in roster}
        if set(about) != set(self._about):
            changed = set(about)
        self._about = about
        with contextlib.suppress(redis.exceptions.RedisError, OSError):
            await relay.want_snapshots(list(self._about))
        if not self._window.open():
            return
        now_s = time.monotonic()
        rows = [self._row(self._about[id], live.seen(id), rights[id], now_s) for id in changed if id in self._about]
        news = tuple(row for row in rows if lasting(row) != self._sent.get(row.id))
        gone = tuple(id for id in self._sent if id not in self._about)
        if news or gone or self._whole:
            await self.say(words.Rows(n=self._window.send(now_s), all=self._whole, rows=news, gone=gone))
            self._whole = False
            kept = {id: row for id, row in self._sent.items() if id in self._about}
            self._sent = kept | {row.id: lasting(row) for row in news}

    def _row(self, robot: Robot, seen: Seen, abilities: frozenset[Ability], now_s: float) -> words.RobotRow:
        online = seen.online(now_s)
        pictured = now_s - seen.snapshot_s < relay.SNAPSHOT_S
        return words.RobotRow(
            id=robot.pk,
            name=robot.name,
            site=robot.site.name,
            kind=robot.kind,
            online=online,
            last_seen_s=None if online else last_seen_s(robot, seen, now_s),
            state=seen.lean,
            snapshot=f"/api/robots/{robot.pk}/snapshot.jpg?n={seen.snapshots}" if pictured else "",
            snapshot_age_s=round(now_s - seen.snapshot_s) if pictured else None,
            may_drive="drive" in abilities,
            alerts=tuple(filter(None, (robot.held_reason, _offered(robot), ALERTS.get(seen.alert, "")))),
            may_release=bool(robot.held_reason) and "administer" in abilities,
        )

    # -- stopping ---------------------------------------------------------------------------------

    async def _stop(self, message: words.StopRobots) -> None:
        rights = await access.robots(self.person.uid)
        wanted = list(message.robots or rights)
        if any("stop" not in rights.get(robot, frozenset()) for robot in wanted):
            raise Refused("forbidden", "You may not stop one of these robots; none was asked.")
        if not wanted:
            raise Refused("no_robots", "There is no robot to stop.")
        self.start(self._stop_all(wanted, message.id))
        try:
            await sync_to_async(note_stop)(self.person.username, wanted)
        except Error as error:  # the stop itself needs no database, and each robot's own log tells of it later
            log.error("A stop asked by %s could not be noted: %s", self.person.username, error)

    async def _stop_all(self, wanted: list[str], id: str) -> None:
        """Asks again and again until each has answered; reports every change of what was reached."""
        asked = StopAsked(self.person.uid, time.monotonic())
        about, told = await robots.roster.get(), None
        while time.monotonic() - asked.at_s < GIVE_UP_S:
            now_s = time.monotonic()
            report = tuple(self._stop_one(about[robot], asked, now_s) for robot in wanted if robot in about)
            if report != told:
                told = report
                await self.say(words.StopReport(id=id, robots=report))
            left = set(wanted) - {one.robot for one in report if one.state == "acknowledged"}
            if not left:
                return
            for robot in left:
                with contextlib.suppress(redis.exceptions.RedisError, OSError):
                    await tell(robot, robot_link.StopNow(source=asked.source))
            await asyncio.sleep(REPEAT_S)

    def _stop_one(self, robot: Robot, asked: StopAsked, now_s: float) -> words.StopOne:
        seen = live.seen(robot.pk)
        reach = asked.reach(seen, now_s)
        age_s = last_seen_s(robot, seen, now_s) if reach == "unreachable" else None
        return words.StopOne(robot=robot.pk, name=robot.name, state=reach, last_seen_s=age_s)


def _offered(robot: Robot) -> str:
    differs = robot.embodiment_offered.get("differs", "")
    return f"It describes itself otherwise than before ({differs}). An administrator must accept it." if differs else ""


def lasting(row: words.RobotRow) -> words.RobotRow:
    """What makes a row news: not the ages, which whoever shows it counts on by itself, and not figures that always move."""
    state = row.state
    if state is not None:
        cameras = tuple(msgspec.structs.replace(camera, fps=round(camera.fps), age_ms=None) for camera in state.cameras)
        health = msgspec.structs.replace(state.health, cpu_pct=None, loop_p99_ms=None, disk_free_mb=None)
        lease = msgspec.structs.replace(state.lease, held_s=0.0) if state.lease else None
        state = msgspec.structs.replace(state, since_s=0.0, time_ns=0, cameras=cameras, health=health, lease=lease)
    return msgspec.structs.replace(row, state=state, last_seen_s=None, snapshot_age_s=None)


def last_seen_s(robot: Robot, seen: Seen, now_s: float) -> float | None:
    """Whole seconds since its last word, None when it never spoke."""
    if seen.state is not None:
        return float(round(now_s - seen.at_s))
    return float(round((timezone.now() - robot.last_seen).total_seconds())) if robot.last_seen else None


def note_stop(actor: str, robots: list[str]) -> None:
    for robot in Robot.objects.select_related("site").filter(pk__in=robots):
        audit.append(actor, "asked remote stop", robot.name, robot.site.organisation_id)
