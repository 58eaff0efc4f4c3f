"""A world with its mailboxes, its clock passed in: the watchdog, refused commands, resting, resets."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from protocol.errors import Refused
from robot.mailbox import Mailbox
from robot.world import wire
from robot.world.process import LiveWorld
from robot.world.tabletop import Tabletop

EAST = np.array([0.0, 0.2, 0.0, 0.0, 0.0, 0.0, 0.0], dtype=np.float32)


class Driver:
    """A world, the mailbox to it, and a clock that only `run` moves."""

    def __init__(self, table: Tabletop, folder: Path) -> None:
        self.live = LiveWorld(table, folder, 0, "empty")
        self.commands = Mailbox.open(folder / wire.command_file(0))
        self.states = Mailbox.open(folder / wire.state_file(0))
        self.table = table
        self.now_s = 1000.0

    def command(self, value: bytes) -> None:
        self.commands.put(value, self.now_s)

    def run(self, seconds: float) -> float:
        """Lets time pass; metres the tool moved."""
        before, end_s = self.table.tool().position, self.now_s + seconds
        while self.now_s < end_s - 1e-9:
            self.now_s += self.live.tick(self.now_s)
        return float(np.linalg.norm(self.table.tool().position - before))

    def state(self) -> wire.ArmState:
        newest = self.states.get()
        assert newest is not None
        return msgspec.msgpack.decode(newest[0], type=wire.ArmState)


@pytest.fixture
def driver(table: Tabletop, tmp_path: Path) -> Driver:
    return Driver(table, tmp_path)


def test_a_command_moves_the_arm_for_its_life_and_then_it_holds(driver: Driver) -> None:
    driver.command(EAST.tobytes())
    assert driver.run(0.15) > 0.015
    driver.run(0.10)
    assert driver.run(0.5) < 0.003


def test_a_stream_of_commands_keeps_it_moving(driver: Driver) -> None:
    moved = 0.0
    for _ in range(20):
        driver.command(EAST.tobytes())
        moved += driver.run(0.05)
    assert moved == pytest.approx(0.2, abs=0.02)


def test_stop_acts_at_once(driver: Driver) -> None:
    driver.command(EAST.tobytes())
    driver.run(0.1)
    driver.command(b"")
    driver.run(0.1)
    assert driver.run(0.3) < 0.003


@pytest.mark.parametrize(
    "raw",
    [
        b"\x00" * 5,
        EAST.tobytes() + b"\x00\x00\x00\x00",
        np.full(7, np.nan, dtype=np.float32).tobytes(),
        np.full(7, np.inf, dtype=np.float32).tobytes(),
    ],
)
def test_a_command_that_is_no_command_holds(driver: Driver, raw: bytes) -> None:
    driver.command(raw)
    assert driver.run(0.3) < 0.001


def test_a_command_from_the_future_holds(driver: Driver) -> None:
    driver.commands.put(EAST.tobytes(), driver.now_s + 60)
    assert driver.run(0.3) < 0.001


def test_a_huge_command_moves_no_faster_than_the_embodiment_says(driver: Driver) -> None:
    for _ in range(4):
        driver.command((EAST * 1e30).tobytes())
        assert driver.run(0.1) < 0.045


def test_a_resting_world_still_tells_its_state_but_steps_no_physics(driver: Driver) -> None:
    driver.run(3.0)
    assert not driver.state().awake
    stepped, told = driver.table.data.time, driver.states.count()
    driver.run(1.0)
    assert driver.table.data.time == stepped
    assert driver.states.count() - told == 50
    driver.command(EAST.tobytes())
    assert driver.run(0.15) > 0.015
    assert driver.state().awake


def test_a_reset_starts_over_and_an_impossible_one_changes_nothing(driver: Driver) -> None:
    driver.live.reset(5, "cubes")
    assert (driver.live.seed, driver.live.scene, driver.live.resets) == (5, "cubes", 2)
    with pytest.raises(Refused):
        driver.live.reset(6, "circus")
    assert (driver.live.seed, driver.live.scene, driver.live.resets) == (5, "cubes", 2)


def test_a_world_that_starts_again_keeps_the_mailboxes_its_readers_hold(driver: Driver, tmp_path: Path) -> None:
    told = driver.states.count()
    LiveWorld(driver.table, tmp_path, 0, "empty").tick(2000.0)
    assert driver.states.count() > told


def closed(driver: Driver) -> float:
    state = np.frombuffer(driver.state().state, np.float32)
    names = [quantity.name for quantity in driver.table.embodiment.state]
    return float(state[names.index("gripper")])


def grip(driver: Driver, value: float, seconds: float = 0.6) -> None:
    for _ in range(round(seconds / 0.1)):
        driver.command(np.array([0, 0, 0, 0, 0, 0, value], np.float32).tobytes())
        driver.run(0.1)


def test_a_reset_opens_the_fingers_until_that_is_asked_for_too(driver: Driver) -> None:
    grip(driver, 1.0)
    assert closed(driver) > 0.9
    driver.live.reset(1, "empty")
    grip(driver, 1.0)  # as a kernel at rest goes on saying
    assert closed(driver) < 0.1
    grip(driver, 0.5)  # on its way down, as the gate lets it
    assert closed(driver) < 0.1
    grip(driver, 0.0)
    grip(driver, 1.0)
    assert closed(driver) > 0.9
