"""Whether the page of a session is still there.  A connection ends soon after its page, whatever became of the socket.

A page's socket says so each second in Redis, only while its person is signed in and may see the robot.  Whoever hears the
robot's reports looks, and ends what nobody has spoken for.  A Redis, database or server that was away ends nothing sooner.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import redis.exceptions
from asgiref.sync import sync_to_async
from django.db.models import Q
from django.utils import timezone

from fleet import relay
from fleet.fresh import Fresh
from fleet.robot_socket import ConnectedRobot
from protocol import robot_link
from protocol.state import LeaseState
from teleop.models import ControlSession

KEPT_S = 3  # a word lasts so long; one comes at least every 1.3 s
PATIENCE_S = 5.0  # without a word: a server that restarts and a page that comes back have this long
LOOK_S = 1.0
ANSWER_S = 0.5  # renewals wait behind this
GAP_S = 3.0  # nobody looked for so long: what was missing before may have been there meanwhile
AGAIN = timedelta(hours=1)  # so long a robot that has more peers than it should is told again which are over


@dataclass(frozen=True)
class Known:
    """One session of a robot."""

    id: str
    person: str
    fingerprint: str
    over: bool


def read_sessions() -> dict[str, tuple[Known, ...]]:
    """By robot: all that are open, and those that ended lately."""
    found: dict[str, tuple[Known, ...]] = {}
    rows = ControlSession.objects.filter(Q(ended_at=None) | Q(ended_at__gt=timezone.now() - AGAIN))
    for robot, id, person, fingerprint, ended in rows.values_list(
        "robot_id", "pk", "person__uid", "fingerprint", "ended_at"
    ).order_by():
        found[robot] = (*found.get(robot, ()), Known(id.hex, person, fingerprint, ended is not None))
    return found


sessions: Fresh[dict[str, tuple[Known, ...]]] = Fresh(read_sessions, {})


class Missing:
    """Since when each session of a robot has been without a word.  Pure; seconds of one monotonic clock are passed in."""

    def __init__(self) -> None:
        self._since: dict[str, dict[str, float]] = {}
        self._looked: dict[str, float] = {}

    def due(self, robot: str, now_s: float) -> bool:
        return now_s - self._looked.get(robot, float("-inf")) >= LOOK_S

    def look(self, robot: str, silent: Iterable[str], now_s: float) -> set[str]:
        """`silent`: the open sessions without a word now; those of them that have been so for `PATIENCE_S`."""
        if now_s - self._looked.get(robot, float("-inf")) > GAP_S:
            self._since.pop(robot, None)
        before = self._since.get(robot, {})
        self._since[robot] = {id: before.get(id, now_s) for id in silent}
        self._looked[robot] = now_s
        return {id for id, since_s in self._since[robot].items() if now_s - since_s >= PATIENCE_S}

    def unknown(self, robot: str, now_s: float) -> None:
        """Nobody could be asked: all have their whole patience again."""
        self._since.pop(robot, None)
        self._looked[robot] = now_s

    def forget(self) -> None:
        self._since, self._looked = {}, {}


missing = Missing()


async def here(session: str) -> None:
    """The page of this session is there, and its person is signed in."""
    await relay.client().set(relay.key("page", session), b"1", ex=KEPT_S)


async def look(robot: ConnectedRobot, message: robot_link.Report) -> None:
    """Ends the sessions of this robot whose page is gone.  Called for every report, looks once a second."""
    now_s = time.monotonic()
    if not missing.due(robot.id, now_s):
        return
    known = (await sessions.get()).get(robot.id, ())
    open_ids = [one.id for one in known if not one.over]
    try:
        async with asyncio.timeout(ANSWER_S):
            silent = await _silent(open_ids)
    except (redis.exceptions.RedisError, OSError):
        missing.unknown(robot.id, now_s)
        raise
    for id in missing.look(robot.id, silent, now_s):
        await _end(robot, id)
    if message.state.watchers > len(open_ids):  # it missed an end: only its own word says that it has them all
        for one in known:
            if one.over:
                await robot.tell(robot_link.EndSession(session=one.id, reason="page_gone"))


async def _silent(ids: list[str]) -> list[str]:
    if not ids:
        return []
    said = await relay.client().mget([relay.key("page", id) for id in ids])
    return [id for id, word in zip(ids, said, strict=True) if not word]


async def _end(robot: ConnectedRobot, id: str) -> None:
    await robot.tell(robot_link.EndSession(session=id, reason="page_gone"))
    await sync_to_async(ControlSession.end)(id, "page_gone")
    sessions.forget()


async def holds(robot: str, lease: LeaseState) -> bool:
    """Whether the lease's connection is a session that is not over: its person's sign-in is then a few seconds old at most."""
    if await _open(robot, lease):
        return True
    sessions.forget()  # it may be newer than what was read
    return await _open(robot, lease)


async def _open(robot: str, lease: LeaseState) -> bool:
    known = (await sessions.get()).get(robot, ())
    return any(not one.over and (one.person, one.fingerprint) == (lease.person, lease.fingerprint) for one in known)
