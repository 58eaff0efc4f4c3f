"""A tabletop to drive in lock-step, and a world process to talk to."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from robot.bodies.body import Body, BodySpec
from robot.bodies.registry import body_spec
from robot.world.tabletop import Tabletop


@pytest.fixture(scope="session")
def _tabletop() -> Tabletop:
    return Tabletop()


@pytest.fixture
def table(_tabletop: Tabletop) -> Tabletop:
    """An empty table with the arm at home."""
    _tabletop.reset(0, "empty")
    return _tabletop


def until(what: Callable[[], bool], seconds: float) -> None:
    """Waits for another process; fails loudly when it takes longer than `seconds`."""
    end_s = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end_s, "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture
def simulated(tmp_path: Path) -> Iterator[Callable[..., tuple[BodySpec, Body]]]:
    """Starts the world process of a simulated body and gives its description and its driver."""
    started: list[tuple[subprocess.Popen[bytes], Body]] = []

    def start(**config: object) -> tuple[BodySpec, Body]:
        spec = body_spec("simulated", config, tmp_path)
        child = spec.children[0]
        process = subprocess.Popen([sys.executable, "-m", child.module, *child.args])
        body = spec.open_body()
        started.append((process, body))
        until(lambda: body.observe() is not None, 30)
        return spec, body

    yield start
    for process, body in started:
        body.close()
        process.terminate()
        assert process.wait(10) == 0
