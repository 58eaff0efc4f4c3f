"""Colours that can be changed while the world runs, and the world's own word on whether a goal is reached."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from protocol.errors import Refused
from robot.mailbox import Mailbox
from robot.world import wire
from robot.world.embodiments import SCENE_CAMERA
from robot.world.experts.goals import goal_of
from robot.world.experts.registry import TASKS, table_task
from robot.world.experts.task import Assignment
from robot.world.paint import COLOURS, read_colour
from robot.world.pictures import Pictures
from robot.world.process import LiveWorld
from robot.world.tabletop import Tabletop
from robot.world.truth import table_truth
from robot.world.variation import draw_variation


@pytest.fixture
def live(table: Tabletop, tmp_path: Path) -> LiveWorld:
    return LiveWorld(table, tmp_path, 3, "cubes")


def looks(tmp_path: Path, live: LiveWorld) -> wire.SceneState:
    live.publish(100.0, False)
    newest = Mailbox.open(tmp_path / wire.SCENE).get()
    assert newest is not None
    return msgspec.msgpack.decode(newest[0], type=wire.SceneState)


def purple(image: np.ndarray) -> int:  # type: ignore[type-arg]
    r, g, b = (image[:, :, k].astype(int) for k in range(3))
    return int(((b > 60) & (r > 50) & (g * 3 < b * 2) & (g * 3 < r * 2)).sum())


def test_what_is_painted_looks_so_until_the_next_reset(live: LiveWorld, tmp_path: Path) -> None:
    eye = Pictures("tabletop", SCENE_CAMERA)
    plain = eye.draw(looks(tmp_path, live))
    live.paint({"red cube": "purple"})
    painted = eye.draw(looks(tmp_path, live))
    assert purple(painted) > purple(plain) + 100
    eye.vary(draw_variation(live.world.model, (SCENE_CAMERA,), np.random.default_rng(1)))  # type: ignore[attr-defined]
    assert purple(eye.draw(looks(tmp_path, live))) > 100  # a variation does not wash it off
    eye.vary(None)
    live.paint({"mat": "#f0f0f0"})
    assert eye.draw(looks(tmp_path, live)).mean() > painted.mean() + 10
    assert set(looks(tmp_path, live).colours) == {"red cube", "mat"}
    live.reset(3, "cubes")
    again = eye.draw(looks(tmp_path, live))
    assert purple(again) == purple(plain) and np.abs(again.astype(int) - plain).mean() < 1
    eye.close()


def test_what_cannot_be_painted_is_refused_and_nothing_changes(live: LiveWorld) -> None:
    for colours, code in (
        ({"dog": "red"}, "thing_unknown"),
        ({"red cube": "blurple"}, "colour_unknown"),
        ({"mat": "#12"}, "colour_unknown"),
    ):
        with pytest.raises(Refused, match=code):
            live.paint({"blue cube": "white"} | colours)
    assert live.colours == {}


def test_colours_by_name_and_by_number() -> None:
    assert read_colour("#ff8000") == (1.0, pytest.approx(0.502, abs=1e-3), 0.0)
    assert all(0 <= part <= 1 for name in COLOURS for part in read_colour(name))


@pytest.mark.parametrize("skill", ["reach", "lift", "place", "push left", "push_right"])
def test_a_goal_is_not_reached_from_where_it_begins(live: LiveWorld, skill: str) -> None:
    truth = table_truth(live.world)
    assert goal_of(skill, "red cube", truth)(truth) is False


def test_goals_that_nobody_can_judge_are_refused(live: LiveWorld) -> None:
    truth = table_truth(live.world)
    for skill, target in (("juggle", "red cube"), ("lift", "tray"), ("lift", "green cylinder"), ("lift", "")):
        with pytest.raises(Refused, match="goal_unknown"):
            goal_of(skill, target, truth)


@pytest.mark.parametrize("name", sorted(TASKS))
def test_the_judge_of_a_goal_says_what_the_experts_task_says(table: Tabletop, name: str, tmp_path: Path) -> None:
    """Driven by the scripted expert, both are content at the same moment."""
    task = table_task(name)
    live = LiveWorld(table, tmp_path, 11, task.scene)
    given = _assigned(live, name)
    skill = {"push": "push left" if given.goal[1] > given.start[1] else "push right"}.get(name, name)
    live.aim(wire.Aim(skill, given.target, 5))
    assert looks(tmp_path, live).aim == 5
    for tick in range(round(task.limit_s / table.tick_s)):
        live.step(wire.Step(1, task.act(table_truth(table), given).tolist()), 100.0 + tick * table.tick_s)
        done, said = task.done(table_truth(table), given), looks(tmp_path, live)
        assert (said.done_s > 0) == done
        if said.done_s >= 0.4:
            break
    assert said.done_s >= 0.4
    live.reset(12, task.scene)
    assert looks(tmp_path, live).done_s == 0.0
    live.aim(wire.Aim("", "", 6))
    live.step(wire.Step(5), 100.0)
    assert (looks(tmp_path, live).aim, looks(tmp_path, live).done_s) == (6, 0.0)


def _assigned(live: LiveWorld, name: str) -> Assignment:
    for seed in range(11, 60):
        live.reset(seed, table_task(name).scene)
        given = table_task(name).assign(table_truth(live.world), np.random.default_rng([seed, 1]))
        if given is not None:
            return given
    raise AssertionError("no scene suits")


def test_a_reset_measures_the_goal_anew_and_forgets_one_whose_thing_is_gone(live: LiveWorld, tmp_path: Path) -> None:
    live.aim(wire.Aim("reach", "red cube", 9))
    live.reset(4, "empty")
    live.step(wire.Step(3), 100.0)
    assert (looks(tmp_path, live).aim, looks(tmp_path, live).done_s) == (9, 0.0)
