"""The newest state of robots in one process, while Redis comes and goes."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis.exceptions

from config import redis_server
from fleet import live as module
from fleet import relay
from fleet.live import Live, Seen
from fleet.stops import StopAsked
from tests.fleet.rig import state


class Server:
    """A Redis server of the test's own, which it can kill and start again on the same port."""

    def __init__(self, folder: Path) -> None:
        self.port, self.folder = redis_server.free_port(), folder
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(redis_server.command(self.port, self.folder), stdout=subprocess.DEVNULL)
        redis_server.wait(self.port, self.process)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def server(tmp_path: Path, settings: Any) -> Iterator[Server]:
    server = Server(tmp_path)
    settings.REDIS_URL = f"redis://127.0.0.1:{server.port}/0"
    yield server
    server.kill()


@pytest.fixture
async def shared(server: Server) -> AsyncIterator[Live]:
    live = Live()
    yield live
    await live.end()


async def heard(live: Live, robot: str, reason: str, within_s: float = 10.0) -> None:
    """Publishes until it has arrived."""
    end_s = time.monotonic() + within_s
    listener = await live.listen([robot])
    while (seen := live.seen(robot)).state is None or seen.state.reason != reason:
        assert time.monotonic() < end_s, "nothing arrived"
        try:
            await relay.keep_state(robot, relay.Update(robot=robot, state=state(reason=reason)))
        except (redis.exceptions.RedisError, OSError):
            await asyncio.sleep(0.05)
        await listener.changed(0.1)
    listener.close()


async def test_a_redis_that_was_killed_is_subscribed_to_again(
    shared: Live, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RESUBSCRIBE_S", 0.1)
    await heard(shared, "a", "before")
    server.kill()
    server.start()
    await heard(shared, "a", "after")


async def test_who_comes_later_is_told_what_is_remembered(shared: Live) -> None:
    await relay.keep_state("a", relay.Update(robot="a", state=state(reason="earlier")))
    listener = await shared.listen(["a"])
    seen = shared.seen("a").state
    assert seen is not None and seen.reason == "earlier"
    listener.close()


async def test_what_ended_is_not_remembered(server: Server) -> None:
    await relay.keep_state("a", relay.Update(robot="a", state=state()))
    await relay.gone("a")
    assert await relay.states(["a"]) == {}


async def test_changes_are_collected_until_somebody_asks() -> None:
    live = Live()
    listener = module.Listener(lambda _: None)
    live._listeners.add(listener)
    for robot in ("a", "b", "a"):
        live.take(relay.Update(robot=robot, state=state()))
    assert await listener.changed(1.0) == {"a", "b"}
    assert await listener.changed(0.0) == set()


def test_a_robot_that_was_silent_for_three_seconds_is_offline() -> None:
    seen = Seen(state=state(), at_s=100.0)
    assert seen.online(102.9) and not seen.online(103.0)
    assert not Seen(state=state(), at_s=100.0, gone=True).online(100.1)


def test_a_stop_is_acknowledged_only_by_what_came_after_it_was_asked() -> None:
    asked = StopAsked("mina", at_s=100.0)
    assert asked.reach(Seen(state=state(stops=("mina",)), at_s=99.9), 100.1) == "asked"
    assert asked.reach(Seen(state=state(stops=("mina",)), at_s=100.1), 100.2) == "acknowledged"
    assert asked.reach(Seen(state=state(stops=("jonas",)), at_s=100.1), 100.2) == "asked"
    assert asked.reach(Seen(state=state(), at_s=100.1, stop_acks={"mina": 99.0}), 100.2) == "asked"
    assert asked.reach(Seen(state=state(), at_s=100.1, stop_acks={"mina": 100.2}), 100.3) == "acknowledged"


def test_a_stop_that_nobody_answers_is_not_reached() -> None:
    asked = StopAsked("mina", at_s=100.0)
    assert asked.reach(Seen(), 100.0) == "unreachable"
    assert asked.reach(Seen(state=state(), at_s=103.0), 103.1) == "unreachable"
    assert asked.reach(Seen(state=state(stops=("mina",)), at_s=104.0), 104.1) == "acknowledged"  # late, but true
