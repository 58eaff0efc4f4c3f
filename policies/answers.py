"""Answers on their way to robots: one subscriber for all sockets of a process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Protocol

import redis.exceptions

from fleet import relay
from policies.serving.places import Places
from policies.serving.question import Answer, decode_answer
from policies.serving.recent import places
from protocol.errors import Refused

log = logging.getLogger(__name__)
RESUBSCRIBE_S = 0.3


class Listener(Protocol):
    """A robot's socket."""

    async def answered(self, answer: Answer) -> None: ...


class Answers:
    """Starts its subscriber with the first listener of an event loop; survives Redis going away."""

    def __init__(self) -> None:
        self._listeners: dict[str, Listener] = {}
        self._task: asyncio.Task[None] | None = None
        self._heard = asyncio.Event()

    async def listen(self, robot: str, listener: Listener) -> Listener | None:
        """From now on this one hears the robot's answers; the one that did before."""
        before = self._listeners.get(robot)
        self._listeners[robot] = listener
        if self._task is None or self._task.done() or self._task.get_loop() is not asyncio.get_running_loop():
            self._heard = asyncio.Event()
            self._task = asyncio.create_task(self._run())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._heard.wait(), 2.0)
        return before

    def leave(self, robot: str, listener: Listener) -> None:
        if self._listeners.get(robot) is listener:
            del self._listeners[robot]

    async def end(self) -> None:
        """Ends the subscriber; the next listener starts another."""
        while self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task], timeout=0.2)
        self._listeners.clear()

    async def _run(self) -> None:
        while not _cancelled():
            try:
                await self._subscribe(places())
            except (redis.exceptions.RedisError, OSError) as error:
                log.warning("Answers of policies pause: Redis does not answer (%s)", error)
            await asyncio.sleep(RESUBSCRIBE_S)

    async def _subscribe(self, at: Places) -> None:
        async with relay.client().pubsub(ignore_subscribe_messages=True) as pubsub:
            await pubsub.psubscribe(at.answers("*"))
            self._heard.set()
            while not _cancelled():  # the client may swallow a cancellation that meets its own time-out
                message = await pubsub.get_message(timeout=1.0)
                if message is not None:
                    await self._pass_on(bytes(message["channel"]).decode().rpartition(":")[2], bytes(message["data"]))

    async def _pass_on(self, robot: str, raw: bytes) -> None:
        listener = self._listeners.get(robot)
        if listener is None:
            return
        try:
            await listener.answered(decode_answer(raw))
        except Refused as refusal:
            log.warning("an answer was passed over: %s", refusal.sentence)
        except Exception:  # whatever becomes of one socket, the others go on hearing
            log.exception("robot %s could not be given its answer", robot)


def _cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


answers = Answers()
