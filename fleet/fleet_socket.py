"""The live list of robots for the pages, `/ws/fleet/`, and the remote stop of several at once."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

import redis.exceptions
from asgiref.sync import sync_to_async
from django.utils import timezone

from fleet import audit, relay
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

PERIOD_S = 0.2  # at most five lists of changes a second
LOOK_S = 1.0  # how often robots that fell silent and rights that changed are looked for


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
        finally:
            listener.close()

    async def _send(self, changed: set[str], rights: dict[str, frozenset[Ability]]) -> None:
        if set(rights) != set(self._about):
            self._about = await sync_to_async(_about)(list(rights))
            changed = set(self._about)
        with contextlib.suppress(redis.exceptions.RedisError, OSError):
            await relay.want_snapshots(list(self._about))
        if not self._window.open():
            return
        now_s = time.monotonic()
        rows = [self._row(self._about[id], live.seen(id), rights[id], now_s) for id in changed if id in self._about]
        news = tuple(row for row in rows if row != self._sent.get(row.id))
        gone = tuple(id for id in self._sent if id not in self._about)
        if news or gone or self._whole:
            await self.say(words.Rows(n=self._window.send(now_s), all=self._whole, rows=news, gone=gone))
            self._whole = False
            self._sent = {id: row for id, row in self._sent.items() if id in self._about} | {row.id: row for row in news}

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
            state=seen.state,
            snapshot=f"/api/robots/{robot.pk}/snapshot.jpg?n={seen.snapshots}" if pictured else "",
            snapshot_age_s=round(now_s - seen.snapshot_s) if pictured else None,
            may_drive="drive" in abilities,
            alerts=(robot.held_reason,) if robot.held_reason else (),
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
        await sync_to_async(note_stop)(self.person.username, wanted)

    async def _stop_all(self, robots: list[str], id: str) -> None:
        """Asks again and again until each has answered; reports every change of what was reached."""
        asked = StopAsked(self.person.uid, time.monotonic())
        about, told = await sync_to_async(_about)(robots), None
        while time.monotonic() - asked.at_s < GIVE_UP_S:
            now_s = time.monotonic()
            report = tuple(self._stop_one(about[robot], asked, now_s) for robot in robots if robot in about)
            if report != told:
                told = report
                await self.say(words.StopReport(id=id, robots=report))
            left = [one.robot for one in report if one.state != "acknowledged"]
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


def _about(robots: list[str]) -> dict[str, Robot]:
    return {robot.pk: robot for robot in Robot.objects.select_related("site").filter(pk__in=robots)}


def last_seen_s(robot: Robot, seen: Seen, now_s: float) -> float | None:
    """Whole seconds since its last word, None when it never spoke."""
    if seen.state is not None:
        return float(round(now_s - seen.at_s))
    return float(round((timezone.now() - robot.last_seen).total_seconds())) if robot.last_seen else None


def note_stop(actor: str, robots: list[str]) -> None:
    for robot in Robot.objects.select_related("site").filter(pk__in=robots):
        audit.append(actor, "asked remote stop", robot.name, robot.site.organisation_id)
