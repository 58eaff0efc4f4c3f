"""Whatever of the inference dies while a robot asks, it is told so in words and answered again within ten seconds; and two
workers share the robots of one policy."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest

from protocol.inference import Chunk, Trouble
from tests.policies.rig import untrained
from tests.policies.serving.rig import observed
from tests.robot.recorder.rig import SMALL
from tests.serving_site import ServingSite, ask

RECOVERED_S = 10.0

T = TypeVar("T")


def _run(work: Coroutine[Any, Any, T]) -> T:
    """In a thread of its own: this one may hold a browser's loop."""
    with ThreadPoolExecutor(1) as apart:
        return apart.submit(asyncio.run, work).result()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingSite]:
    home = tmp_path_factory.mktemp("site")
    one = ServingSite(home / "data", untrained(home / "starter"), SMALL)
    one.folder.mkdir()
    one.start()
    yield one
    one.stop()


class Asking:
    """Asks ten times a second, as a pilot would, over as many connections as it takes."""

    def __init__(self, site: ServingSite) -> None:
        self.site, self.n = site, 0
        self.codes: set[str] = set()

    async def until_answered(self, within_s: float) -> float:
        """Seconds until the first chunk."""
        began_s = time.monotonic()
        while time.monotonic() - began_s < within_s:
            try:
                async with self.site.connected(self.site.askers[0]) as socket:
                    while time.monotonic() - began_s < within_s:
                        self.n += 1
                        message = await ask(socket, observed(self.n, SMALL, policy=self.site.policy_id))
                        if isinstance(message, Chunk):
                            return time.monotonic() - began_s
                        assert isinstance(message, Trouble)
                        self.codes.add(message.code)
                        await asyncio.sleep(0.1)
            except (OSError, TimeoutError, EOFError):
                await asyncio.sleep(0.1)
        raise AssertionError(f"no answer within {within_s} s; troubles {self.codes}\n{self.site.log()[-3000:]}")


def _server(site: ServingSite) -> int:
    return site.servers()[0]


def _worker(site: ServingSite) -> int:
    return site.pid("inference0")


def _redis(site: ServingSite) -> int:
    return site.pid("redis")


@pytest.mark.parametrize("victim", [_server, _worker, _redis])
def test_a_robot_is_answered_again_within_ten_seconds(site: ServingSite, victim: Callable[[ServingSite], int]) -> None:
    asking = Asking(site)
    _run(asking.until_answered(60))
    pid = victim(site)
    os.kill(pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=5)
    took_s = _run(asking.until_answered(60))
    assert took_s < RECOVERED_S, asking.codes
    assert asking.codes <= {"policy_loading", "no_server", "slow", "unavailable"}


def test_two_workers_share_the_robots_of_one_policy(tmp_path: Path) -> None:
    settings = {"REINS_SERVING_BATCH": "1", "REINS_SERVERS_PER_POLICY": "2"}
    one = ServingSite(tmp_path / "data", untrained(tmp_path / "starter"), SMALL, robots=2, workers=2, settings=settings)
    one.folder.mkdir()
    one.start()
    try:
        assert _run(_workers(one, 60)) == 2
    finally:
        one.stop()


async def _workers(site: ServingSite, within_s: float) -> int:
    """How many have answered, once there are two."""
    seen: set[str] = set()
    end_s = time.monotonic() + within_s

    async def robot(index: int) -> None:
        async with site.connected(site.askers[index]) as socket:
            n = 0
            while len(seen) < 2 and time.monotonic() < end_s:
                n += 1
                message = await ask(socket, observed(n, SMALL, policy=site.policy_id))
                if isinstance(message, Chunk):
                    seen.add(message.worker)
                await asyncio.sleep(0.05)

    await asyncio.gather(robot(0), robot(1))
    return len(seen)
