"""What is on the table: seeded resets, grasping by friction, resting.  Lock-step, no clock."""

from __future__ import annotations

import numpy as np
import pytest

from protocol.errors import Refused
from robot.world.embodiments import TABLETOP
from robot.world.tabletop import SCENES, Tabletop
from tests.robot.world.driving import go, grip, place_of

STATE = [quantity.name for quantity in TABLETOP.state]


def play(table: Tabletop, seed: int) -> bytes:
    """A reset and a fixed drive; everything that the physics ended with."""
    table.reset(seed, "mixed")
    actions = np.random.default_rng(1).uniform(-0.3, 0.3, (10, 7)).astype(np.float32)
    for action in actions:
        table.drive(action)
        for _ in range(5):
            table.advance()
    return table.data.qpos.tobytes() + table.data.qvel.tobytes() + table.sense().state.tobytes()


def test_one_seed_and_one_drive_give_the_same_bits(table: Tabletop) -> None:
    first = play(table, 7)
    play(table, 8)
    assert play(table, 7) == first
    assert play(Tabletop(), 7) == first


def test_another_seed_puts_things_elsewhere(table: Tabletop) -> None:
    table.reset(1, "mixed")
    one = place_of(table, "red cube")
    table.reset(2, "mixed")
    assert np.linalg.norm(np.subtract(one, place_of(table, "red cube"))) > 0.01


@pytest.mark.parametrize("scene", sorted(set(SCENES) - {"three"}))
def test_a_scene_has_its_things_on_the_table_and_no_others(table: Tabletop, scene: str) -> None:
    for seed in range(3):
        table.reset(seed, scene)
        things = {thing.name: thing.position for thing in table.objects()}
        assert set(things) == {*SCENES[scene], "tray"}
        spots = [np.array(position[:2]) for name, position in things.items()]
        gaps = [float(np.linalg.norm(a - b)) for i, a in enumerate(spots) for b in spots[:i]]
        assert all(gap > 0.06 for gap in gaps)


def test_an_unknown_scene_is_refused_and_nothing_moves(table: Tabletop) -> None:
    before = table.data.qpos.copy()
    with pytest.raises(Refused) as refused:
        table.reset(0, "circus")
    assert refused.value.code == "scene_unknown"
    assert (table.data.qpos == before).all()


@pytest.mark.parametrize(("seed", "name"), [(1, "red cube"), (2, "green cylinder")])
def test_a_thing_is_grasped_lifted_carried_and_put_into_the_tray(table: Tabletop, seed: int, name: str) -> None:
    table.reset(seed, "mixed")
    x, y, _ = place_of(table, name)
    go(table, (x, y, 0.12))
    go(table, (x, y, 0.022))
    grip(table, 1.0)
    state = table.sense().state
    assert state[STATE.index("grip_force")] > 5.0
    assert 0.1 < state[STATE.index("gripper")] < 0.9  # the thing keeps the fingers apart
    go(table, (x, y, 0.20), 1.0)
    assert place_of(table, name)[2] > 0.18
    go(table, (0.70, -0.28, 0.20), 1.0)
    go(table, (0.70, -0.28, 0.06), 1.0)
    grip(table, 0.0)
    fell = place_of(table, name)
    assert np.linalg.norm(np.subtract(fell[:2], (0.70, -0.29))) < 0.05
    assert fell[2] < 0.04
    assert table.sense().state[STATE.index("grip_force")] == 0.0


def test_standing_still_keeps_the_grip(table: Tabletop) -> None:
    table.reset(1, "mixed")
    x, y, _ = place_of(table, "red cube")
    go(table, (x, y, 0.022))
    grip(table, 1.0)
    go(table, (x, y, 0.2), 1.0)
    table.drive(None)
    for _ in range(200):
        table.advance()
    assert place_of(table, "red cube")[2] > 0.18


def test_an_untouched_world_comes_to_rest_and_a_command_wakes_it(table: Tabletop) -> None:
    table.reset(3, "mixed")
    for _ in range(300):
        table.advance()
    assert table.resting()
    table.drive(np.array([0.01, 0, 0, 0, 0, 0, 0], dtype=np.float32))
    assert not table.resting()
    table.reset(3, "mixed")
    for _ in range(300):
        table.advance()
    table.drive(np.array([0, 0, 0, 0, 0, 0, 0.5], dtype=np.float32))
    assert not table.resting()


def test_the_state_has_the_shape_and_lies_within_the_limits_of_the_embodiment(table: Tabletop) -> None:
    state = table.sense().state
    assert state.dtype == np.float32 and state.shape == (len(TABLETOP.state),)
    for value, quantity in zip(state, TABLETOP.state, strict=True):
        assert quantity.low <= value <= quantity.high, quantity.name
