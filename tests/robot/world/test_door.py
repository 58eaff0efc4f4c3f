"""The door of a world: what it cannot do it refuses, and it goes on serving."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol.errors import Refused
from robot.world import wire
from robot.world.door import WorldDoor, ask_world


class Clumsy:
    """A world that fails at seed 7."""

    resets, scene = 0, "only"

    def reset(self, seed: int, scene: str) -> None:
        if seed == 7:
            raise ValueError("seven")
        self.resets += 1

    def step(self, request: wire.Step, now_s: float) -> None:
        raise OverflowError("too far")


@pytest.fixture
def run_dir(tmp_path: Path) -> Iterator[Path]:
    ended, door = threading.Event(), WorldDoor(tmp_path / wire.DOOR, Clumsy(), lockstep=True)

    def serve() -> None:
        while not ended.is_set():
            door.serve(0.01)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield tmp_path
    ended.set()
    thread.join()
    door.close()


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (wire.Reset(seed=7), "world_failed"),
        (wire.Step(ticks=1), "world_failed"),
        (wire.Reset(seed=-1), "request_unreadable"),
        (wire.Reset(seed=2**32), "request_unreadable"),
    ],
)
def test_what_the_world_cannot_do_is_refused_and_the_next_request_is_served(
    run_dir: Path, request_: wire.Request, code: str
) -> None:
    with pytest.raises(Refused) as refused:
        ask_world(run_dir, request_, 2.0)
    assert refused.value.code == code
    assert refused.value.sentence.endswith(".")
    assert ask_world(run_dir, wire.Reset(seed=2**32 - 1), 2.0).resets == 1
