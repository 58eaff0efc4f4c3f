"""The server's end of a robot: log-in with its key, then each message to the handlers named for its type.

Close reasons a robot understands: revoked, clone, replaced, slow, upgrade_required.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

import redis.exceptions
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import Error
from django.utils import timezone
from django.utils.module_loading import import_string

from fleet import masks, relay, robots
from fleet.models import Robot
from fleet.robot_login import KeySocket
from protocol import robot_link
from protocol.errors import Refused
from protocol.wire import Message, Problem, encode

log = logging.getLogger(__name__)
TWIN_S = 3.0  # how long an older connection of the same key has to show that its robot still speaks
LOOK_S = 0.5  # how often a socket looks whether its robot may stay
NEW_S = 1.1  # a robot that has just been let in may be missing from what was read a second ago
IN_FLIGHT_S = 0.5  # what arrives this soon after a twin's log-in may have been on its way before
ALIVE_S = 1.5  # who has said nothing for so long may be a connection that its own robot has left, and calls nobody a twin
AGAIN_S = 0.8  # so long after a first word a second one must come: what a broken link kept back comes all at once


def group(robot: str) -> str:
    return f"robot.{robot}"


async def tell(robot: str, message: Message) -> None:
    """Hand a message to a robot wherever it is connected; at most once, so what must arrive is repeated by its sender."""
    await get_channel_layer().group_send(group(robot), {"type": "to.robot", "text": encode(message)})


@cache
def _handlers(kind: str) -> tuple[Callable[[ConnectedRobot, Any], Awaitable[None]], ...]:
    """The functions named for this type in the one dict of the wiring package; none for what only belongs to a log-in."""
    table: dict[str, tuple[str, ...]] = import_string(settings.ROBOT_MESSAGES)
    return tuple(import_string(path) for path in table.get(kind, ()))


class ConnectedRobot:
    """A robot that has logged in, as handlers see it."""

    def __init__(self, row: Robot, say: Callable[[Message], Awaitable[None]]) -> None:
        self.id, self.name = row.pk, row.name
        self.site_id, self.organisation_id = row.site_id, row.site.organisation_id
        self.tell = say
        self.held = False  # its key is in doubt: nothing is agreed to
        self.seen_s = float("-inf")  # when last_seen was written


class RobotSocket(KeySocket):
    messages = robot_link.FromRobot
    per_s = 200.0

    async def connect(self) -> None:
        self.robot: ConnectedRobot | None = None
        self._twin_s: float | None = None  # when another connection logged in with this robot's key
        self._word_s: float | None = None  # when ours first spoke after that
        self._heard_s = float("-inf")
        self._announced = False  # to other connections of this key; Redis may have been away
        self._snapshots_wanted: bool | None = None
        self._masks: int | None = None  # version of the privacy masks that it was sent
        await super().connect()

    async def hear(self, message: Any) -> None:
        self._heard_s = time.monotonic()
        if self.robot is None:
            await self.log_in(message)
            return
        if self._twin_s is not None:
            await self._heard_beside_twin(time.monotonic() - self._twin_s)
            return
        handlers = _handlers(str(type(message).__struct_config__.tag))
        if not handlers:
            raise Refused("unexpected", "You are logged in already.")
        if self.robot.held and not isinstance(message, robot_link.Report | robot_link.StopAck):
            raise Refused("held", "This robot is held until an administrator has looked.")
        for handler in handlers:
            await self._handle(handler, message)

    async def _handle(self, handler: Callable[[ConnectedRobot, Any], Awaitable[None]], message: Any) -> None:
        assert self.robot is not None
        try:
            await handler(self.robot, message)
        except (redis.exceptions.RedisError, OSError) as error:
            log.warning("%s: %s waits for Redis (%s)", self.robot.name, type(message).__name__, error)
        except Error as error:
            log.warning("%s: %s waits for the database (%s)", self.robot.name, type(message).__name__, error)

    async def hear_bytes(self, data: bytes) -> None:
        if self.robot is None or len(data) < 4 or data[0] != robot_link.SNAPSHOT:
            await self.close(code=4400)
            return
        if len(data) - 2 > robot_link.SNAPSHOT_MAX:
            sentence = f"A snapshot may have {robot_link.SNAPSHOT_MAX} bytes."
            await self.say(Problem(code="too_large", sentence=sentence))
            return
        with contextlib.suppress(redis.exceptions.RedisError, OSError):
            await relay.keep_snapshot(self.robot.id, data[1], data[2:])

    # -- log-in -----------------------------------------------------------------------------------

    async def welcome(self, row: Robot) -> None:
        self.robot = ConnectedRobot(row, self.say)
        self.robot.held = bool(row.held_reason)
        await self._announce()
        if row.held_reason:
            await self.say(robot_link.Held(sentence=row.held_reason))
        else:
            await self.say_welcome(row.log_n)
        await self._say_masks(row)
        self.start(self._look_after())

    async def _announce(self) -> None:
        """Tells other connections with this key that there is one more; of two at once at least one hears of the other."""
        assert self.robot is not None
        self._announced = False
        with contextlib.suppress(redis.exceptions.RedisError, OSError):
            await get_channel_layer().group_add(group(self.robot.id), self.channel_name)
            event = {"type": "twin.arrived", "channel": self.channel_name}
            await get_channel_layer().group_send(group(self.robot.id), event)
            self._announced = True

    async def _say_masks(self, row: Robot) -> None:
        self._masks = row.masks_version
        await self.say(robot_link.Masks(masks=masks.signed(row)))

    # -- while connected --------------------------------------------------------------------------

    async def _look_after(self) -> None:
        """Twice a second: may it stay, is it held, does somebody look at its pictures."""
        assert self.robot is not None and self._row is not None
        key, since_s = self._row.public_key, time.monotonic()
        while True:
            await asyncio.sleep(LOOK_S)
            now_s = time.monotonic()
            row = (await robots.roster.get()).get(self.robot.id)
            if row is not None and row.public_key == key:
                await self._follow(self.robot, row)
            elif now_s - since_s > NEW_S:
                await self.close(code=4403, reason="revoked")
                return
            if self._twin_s is not None and now_s - (self._word_s or self._twin_s) > TWIN_S:
                await self.close(code=4409, reason="replaced")
                return
            await self._pass_on_interest()

    async def _follow(self, robot: ConnectedRobot, row: Robot) -> None:
        """Its masks changed, a hold begins or is over; after one the other connections are looked for again."""
        if row.masks_version != self._masks:
            await self._say_masks(row)
        held, robot.held = robot.held, bool(row.held_reason)
        if robot.held and not held:
            await self.say(robot_link.Held(sentence=row.held_reason))
        elif held and not robot.held:
            await self._announce()
            await self.say_welcome(row.log_n)

    async def _pass_on_interest(self) -> None:
        assert self.robot is not None
        if not self._announced and time.monotonic() - self._heard_s < ALIVE_S:
            await self._announce()
        with contextlib.suppress(redis.exceptions.RedisError, OSError):
            wanted = await relay.snapshots_wanted(self.robot.id)
            await get_channel_layer().group_add(group(self.robot.id), self.channel_name)  # again after a flushed Redis
            if wanted != self._snapshots_wanted:
                self._snapshots_wanted = wanted
                await self.say(robot_link.Snapshots(wanted=wanted))

    async def to_robot(self, event: dict[str, Any]) -> None:
        if self.robot is not None:
            await self.send(text_data=event["text"])

    async def twin_arrived(self, event: dict[str, Any]) -> None:
        """Somebody else logged in with this robot's key: when our robot still speaks, there are two of it.

        One more while that is being found out changes nothing: who logs in again and again must not put it off.
        """
        if event["channel"] != self.channel_name and self._twin_s is None:
            self._twin_s, self._word_s = time.monotonic(), None

    async def _heard_beside_twin(self, since_s: float) -> None:
        """Two words some time apart are a robot that lives; one burst is what a broken link had kept back."""
        now_s = time.monotonic()
        if since_s > IN_FLIGHT_S and self._word_s is None:
            self._word_s = now_s
        elif self._word_s is not None and now_s - self._word_s > AGAIN_S:
            await self._clone()

    async def _clone(self) -> None:
        assert self.robot is not None
        self._twin_s = None
        sentence = "This robot's key is in use twice. It holds until an administrator has looked."
        await sync_to_async(robots.hold)(self.robot.id, sentence)

    async def ended(self, code: int) -> None:
        if self.robot is None:
            return
        with contextlib.suppress(redis.exceptions.RedisError, OSError):
            await get_channel_layer().group_discard(group(self.robot.id), self.channel_name)
            if self._twin_s is None:
                await relay.gone(self.robot.id)
        with contextlib.suppress(Error):
            await sync_to_async(Robot.objects.filter(pk=self.robot.id).update)(last_seen=timezone.now())
