"""What robots say of their runs, and what they are told: handlers of the robot socket."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass, field

import redis.exceptions
from asgiref.sync import sync_to_async
from django.db import Error
from django.utils import timezone

from dispatch import clips, newest, orders, places, traces
from dispatch.leases import renew
from dispatch.models import HelpRequest, Run
from dispatch.open_runs import OpenRun, run_of, runs
from dispatch.services import reports
from dispatch.services import runs as services
from fleet import audit, relay
from fleet.access import access
from fleet.robot_socket import ConnectedRobot
from protocol import robot_link
from protocol.errors import Refused
from protocol.runs import RunEnd, RunNoted, RunReport

log = logging.getLogger(__name__)
KEPT = 1000  # runs that a process remembers
STRANGERS, STRANGERS_S = 20, 60.0  # so many runs that are none of its own are written down of a robot within this time


@dataclass
class Followed:
    """How far a run is known here.  `told`: what of it stands in the database; `waits`: a word that does not yet."""

    n: int = -1
    told: tuple[str, str, str, str] | None = None
    waits: RunReport | None = None
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)  # of its trace: the lines keep their order


followed: OrderedDict[str, Followed] = OrderedDict()  # by run; the robot's socket is in this process
_strangers: OrderedDict[tuple[str, str], None] = OrderedDict()  # (robot, run) that were written down as fenced
_noted: dict[str, tuple[float, int]] = {}  # by robot: since when it is counted, and how many
repeats = orders.Repeats()


async def _remember(id: str) -> Followed:
    """What was heard of this run, also before this process began.  Without its trace everything is new, which costs no word."""
    if id not in followed:
        try:
            before = await asyncio.to_thread(traces.last, places.trace(id)) or {}
        except OSError as error:
            log.warning("the trace of run %s cannot be read: %s", id, error)
            before = {}
        followed.setdefault(id, Followed(n=before.get("n", -1)))
    here = followed[id]
    while len(followed) > KEPT:
        followed.popitem(last=False)
    return here


# -- what a robot says of a run ----------------------------------------------------------------------------------------


async def on_run(robot: ConnectedRobot, message: RunReport) -> None:
    """Kept in the trace, shown to who looks; a change goes into the database.  Refused: `fenced`."""
    run = await run_of(robot.id, message.run) if message.run else None
    if run is None or run.fence != message.fence or run.phase == "ended":
        await _not_open(robot, message)
        return
    here = await _remember(run.id)
    known = message.n < here.n or (message.n == here.n and here.told is not None)  # a restart may have cut it from the database
    if known and message.phase != "ended":
        return
    if message.n > here.n:
        raw, here.n = traces.line(message), message.n
        async with here.writing:
            await _trace(run.id, raw)
            with contextlib.suppress(redis.exceptions.RedisError, OSError):
                await newest.keep(run.id, raw)
    if _facts(message) != here.told or message.phase == "ended":
        here.waits = message
        await _settle(robot, run, here)
    if message.phase == "ended":
        await robot.tell(RunNoted(run=message.run, fence=message.fence))


async def _trace(run: str, raw: bytes) -> None:
    """A disk that takes no more costs the trace, never the word itself: somebody may have to be asked for help."""
    try:
        await asyncio.to_thread(traces.append, places.trace(run), raw)
    except OSError as error:
        log.warning("the trace of run %s lacks a line: %s", run, error)


async def _settle(robot: ConnectedRobot, run: OpenRun, here: Followed) -> None:
    """A word that changes the run goes into the database.  While that is away the word waits: the robot says it only once."""
    if (message := here.waits) is not None:
        await _change(robot, run, message)
        here.told = _facts(message)
        here.waits = None if here.waits is message else here.waits


def _facts(message: RunReport) -> tuple[str, str, str, str]:
    return message.phase, message.reason, message.episode, message.result or ""


async def _change(robot: ConnectedRobot, run: OpenRun, message: RunReport) -> None:
    driver = await _driver(robot.id) if message.phase == "taken" else ""
    taken = await sync_to_async(reports.take)(run.id, message, driver)
    runs.forget()
    if taken.request:
        await _keep_clip(robot.id, run.id, taken.request)


async def _driver(robot: str) -> str:
    """uid of the person who drives it."""
    update = (await relay.states([robot])).get(robot)
    lease = update.state.lease if update is not None and update.state is not None else None
    return lease.person if lease is not None and lease.kind == "human" else ""


async def _keep_clip(robot: str, run: str, request: str) -> None:
    """Without its pictures a request is still one."""
    try:
        began_ns = await asyncio.to_thread(traces.began_ns, places.trace(run))  # before it another run was at it
        pictures = [one for one in await clips.recent(robot) if one[0] >= began_ns]
        count = await asyncio.to_thread(clips.write, places.clip(run, request), pictures) if pictures else 0
        await HelpRequest.objects.filter(pk=request).aupdate(pictures=count)
    except (redis.exceptions.RedisError, OSError, Error) as error:
        log.warning("the pictures of help request %s could not be kept: %s", request, error)


async def _not_open(robot: ConnectedRobot, message: RunReport) -> None:
    """A run that is over here, or none of this robot's."""
    row = await Run.objects.filter(pk=message.run, robot=robot.id, fence=message.fence).afirst() if message.run else None
    if row is None:
        await _note_stranger(robot, message)
        if message.phase == "ended":
            await robot.tell(RunNoted(run=message.run, fence=message.fence))
        elif message.run:  # as after a restore of the database: nobody here could ever end it
            await robot.tell(RunEnd(run=message.run, fence=message.fence, result="interrupted", reason="run_unknown"))
        raise Refused("fenced", "This run is not one of yours. Nothing was changed.", run=message.run)
    if message.phase == "ended":
        await sync_to_async(reports.take)(row.pk, message)
        await robot.tell(RunNoted(run=row.pk, fence=row.fence))
    elif row.phase == "ended":  # else the database was away a moment ago: the robot says it again
        detail = row.order_detail if row.order == "end" else {}
        await robot.tell(RunEnd(run=row.pk, fence=row.fence, result=detail.get("result", "cancelled"), reason="run_over"))


async def _note_stranger(robot: ConnectedRobot, message: RunReport) -> None:
    """Once for each, however often it is said; of a robot that says it of ever new ones, a few a minute."""
    key = (robot.id, message.run)
    if key in _strangers or not _may_note(robot.id, time.monotonic()):
        return
    _strangers[key] = None
    while len(_strangers) > KEPT:
        _strangers.popitem(last=False)
    actor, said = f"robot {robot.name}", {"run": message.run, "fence": message.fence, "phase": message.phase}
    await sync_to_async(audit.append)(actor, "run_report_fenced", robot.name, robot.organisation_id, **said)


def _may_note(robot: str, now_s: float) -> bool:
    since_s, count = _noted.get(robot, (now_s, 0))
    if now_s - since_s > STRANGERS_S:
        since_s, count = now_s, 0
    _noted[robot] = since_s, count + 1
    return count < STRANGERS


# -- what a robot is told ----------------------------------------------------------------------------------------------


async def on_report(robot: ConnectedRobot, message: robot_link.Report) -> None:
    """Five times a second: its policy lease is agreed to or ended, and orders that it has not answered are said again."""
    await renew(robot, message)
    if robot.held:
        return
    run = await run_of(robot.id)
    if run is None:
        return
    if run.id in followed:
        await _settle(robot, run, followed[run.id])
    if not run.order:
        return
    if orders.too_late(run, timezone.now()):
        await sync_to_async(services.take_back)(run.id)
        return
    if run.order != "end" and not await access.may(run.asker, robot.id, "run"):
        return
    if repeats.due(robot.id, run, time.monotonic()):
        out = orders.message(run, robot.id, message.state.nonce)
        if out is not None:
            await robot.tell(out)


def forget() -> None:
    """As a process that has just begun."""
    followed.clear()
    _strangers.clear()
    _noted.clear()
    repeats.forget()
    runs.forget()
