"""The newest state of every robot in this process: one subscriber, any number of listeners that are told what changed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import redis.exceptions

from fleet import relay
from protocol.state import RobotState

log = logging.getLogger(__name__)
OFFLINE_S = 3.0  # a robot reports at least once a second
RESUBSCRIBE_S = 1.0


@dataclass
class Seen:
    """What is known of one robot; times on this process's monotonic clock."""

    state: RobotState | None = None
    lean: RobotState | None = None  # the same for lists, without what only a cockpit shows
    alert: str = ""
    at_s: float = float("-inf")
    gone: bool = False
    snapshot_s: float = float("-inf")
    snapshots: int = 0
    stop_acks: dict[str, float] = field(default_factory=dict)

    def online(self, now_s: float) -> bool:
        return not self.gone and now_s - self.at_s < OFFLINE_S


def _cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class Listener:
    """Collects ids of robots that changed until somebody asks for them."""

    def __init__(self, leave: Callable[[Listener], None]) -> None:
        self._changed: set[str] = set()
        self._bell = asyncio.Event()
        self._leave = leave

    def ring(self, robot: str) -> None:
        self._changed.add(robot)
        self._bell.set()

    async def changed(self, within_s: float) -> set[str]:
        """Waits for a change, at most `within_s`; empty when there was none."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._bell.wait(), within_s)
        self._bell.clear()
        changed, self._changed = self._changed, set()
        return changed

    def close(self) -> None:
        self._leave(self)


class Live:
    """Starts its subscriber with the first listener of an event loop; survives Redis going away."""

    def __init__(self) -> None:
        self.robots: dict[str, Seen] = {}
        self._listeners: set[Listener] = set()
        self._task: asyncio.Task[None] | None = None
        self._heard = asyncio.Event()

    def seen(self, robot: str) -> Seen:
        return self.robots.setdefault(robot, Seen())

    async def listen(self, robots: list[str]) -> Listener:
        """A listener; what Redis still remembers of `robots` is read first."""
        listener = Listener(self._listeners.discard)
        self._listeners.add(listener)
        if self._task is None or self._task.done() or self._task.get_loop() is not asyncio.get_running_loop():
            self._heard = asyncio.Event()
            self._task = asyncio.create_task(self._run())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._heard.wait(), 2.0)
        with contextlib.suppress(redis.exceptions.RedisError, OSError):
            for update in (await relay.states([r for r in robots if r not in self.robots])).values():
                self.take(update)
        return listener

    async def end(self) -> None:
        """Ends the subscriber; the next listener starts another."""
        while self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task], timeout=0.2)

    def take(self, update: relay.Update) -> None:
        now_s, seen = time.monotonic(), self.seen(update.robot)
        if update.state is not None:
            seen.state, seen.at_s, seen.gone, seen.alert = update.state, now_s, False, update.alert
            seen.lean = msgspec.structs.replace(update.state, nonce="", state=(), torque=())
        if not update.online:
            seen.gone = True
        if update.snapshot:
            seen.snapshot_s, seen.snapshots = now_s, seen.snapshots + 1
        if update.stop_ack:
            seen.stop_acks[update.stop_ack] = now_s
        for listener in list(self._listeners):
            listener.ring(update.robot)

    async def _run(self) -> None:
        while not _cancelled():
            try:
                await self._subscribe()
            except (redis.exceptions.RedisError, OSError) as error:
                log.warning("Live state pauses: Redis does not answer (%s)", error)
            await asyncio.sleep(RESUBSCRIBE_S)

    async def _subscribe(self) -> None:
        async with relay.client().pubsub(ignore_subscribe_messages=True) as pubsub:
            await pubsub.subscribe(relay.channel())
            self._heard.set()
            while not _cancelled():  # the client may swallow a cancellation that meets its own time-out
                message = await pubsub.get_message(timeout=1.0)
                if message is not None:
                    self._decoded(message["data"])

    def _decoded(self, raw: bytes) -> None:
        try:
            self.take(msgspec.msgpack.decode(raw, type=relay.Update))
        except (msgspec.DecodeError, UnicodeDecodeError):
            log.warning("An update of another version of this program was passed over")


live = Live()
