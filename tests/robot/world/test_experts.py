"""The scripted experts: they succeed from every seed, also when disturbed, and say what they do in words."""

from __future__ import annotations

import numpy as np
import pytest

from protocol.errors import Refused
from robot.collect.noise import Noise
from robot.collect.script import TableScript, open_script
from robot.kernel.gate import Gate
from robot.world.experts.registry import TASKS, table_task
from robot.world.experts.task import Assignment
from robot.world.tabletop import Tabletop

SEEDS = range(5)


@pytest.fixture(scope="module", params=sorted(TASKS))
def script(request: pytest.FixtureRequest) -> TableScript:
    return TableScript(table_task(request.param))


def assigned(script: TableScript, seed: int) -> Assignment:
    """The first world from `seed` on that suits the task."""
    return next(given for given in (script.begin(number) for number in range(seed, seed + 100)) if given is not None)


def attempt(script: TableScript, noise: Noise | None) -> bool:
    """Whether the task was done in time: 10 actions a second, through the gate, at 50 Hz."""
    world = script.world
    gate = Gate(world.embodiment, 1.0 / world.embodiment.control_hz)
    gate.adopt(world.sense().state.tolist())
    for tick in range(round(script.limit_s / world.tick_s)):
        if tick % 10 == 0:
            action = script.act() + (0 if noise is None else noise.next())
        if tick % 2 == 0:
            world.drive(gate.step(action.tolist(), world.sense().tool_m, 0.0)[0])
        world.advance()
        if script.done():
            return True
    return False


@pytest.mark.parametrize("seed", SEEDS)
def test_the_expert_does_the_task_though_it_is_disturbed(script: TableScript, seed: int) -> None:
    assigned(script, 1000 * seed)
    assert not script.done()
    assert attempt(script, Noise(script.world.embodiment, seed))


def test_the_sentence_names_the_thing_and_has_many_forms(script: TableScript) -> None:
    given = [assigned(script, seed) for seed in range(40)]
    assert all(one.target in one.instruction for one in given)
    forms = {one.instruction.replace(one.target, "THING") for one in given}
    assert len(forms) >= 4
    assert len({one.target for one in given}) == 4


def test_the_action_depends_on_the_state_alone(script: TableScript) -> None:
    assigned(script, 7)
    first = script.act()
    assert (script.act() == first).all()
    script.world.drive(np.array([0.2, 0, 0, 0, 0, 0, 0], dtype=np.float32))
    for _ in range(20):
        script.world.advance()
    elsewhere = script.act()
    assert (script.act() == elsewhere).all() and not (elsewhere == first).all()


def test_the_action_is_within_the_limits_of_the_embodiment(script: TableScript) -> None:
    limits = [(axis.low, axis.high) for axis in script.world.embodiment.action]
    for seed in SEEDS:
        assigned(script, seed)
        assert all(low <= value <= high for value, (low, high) in zip(script.act(), limits, strict=True))


def test_doing_nothing_is_no_success(script: TableScript) -> None:
    assigned(script, 3)
    script.world.drive(None)
    for _ in range(100):
        script.world.advance()
        assert not script.done()


def test_an_unknown_task_is_refused_with_those_there_are() -> None:
    with pytest.raises(Refused) as refused:
        open_script("tabletop", "juggle")
    assert refused.value.code == "task_unknown"
    assert all(name in refused.value.sentence for name in TASKS)


def test_an_unknown_world_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        open_script("moon", "lift")
    assert refused.value.code == "world_unknown"


def test_three_of_the_scene_s_four_things_are_on_the_table() -> None:
    table = Tabletop()
    seen = set()
    for seed in range(12):
        table.reset(seed, "three")
        names = frozenset(thing.name for thing in table.objects()) - {"tray"}
        assert len(names) == 3
        seen.add(names)
    assert len(seen) == 4
