"""Labels of real demonstrations: the box that is said to hold the target does, and where the movement went is the target."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from episodes.data.manifest import ManifestMark
from policies.learning.config import CameraSlot, Config, ModelConfig
from policies.learning.phases import SUBTASKS
from policies.learning.read import Choice, Recorded, bodies_of, choices, objects_of, read
from protocol.episode_folder import EVENTS, META
from tests.policies.learning.conftest import OBJECTS

#: how much redder, greener and bluer than grey a thing of that colour is
TINTS = {"red": (1, -0.5, -0.5), "green": (-0.5, 1, -0.5), "blue": (-0.5, -0.5, 1), "yellow": (0.5, 0.5, -1)}


@pytest.fixture
def sharp(demonstrations: Path) -> ModelConfig:
    """In the size that was recorded."""
    slots = (CameraSlot(name="scene", width=64, height=48), CameraSlot(name="wrist", width=64, height=48))
    model = ModelConfig(slots=slots, objects=OBJECTS)
    bodies = bodies_of(choices(demonstrations), Config(model=model))
    return ModelConfig(slots=slots, objects=OBJECTS, bodies=bodies)


def tint(recorded: Recorded, slot: int, name: str, row: int) -> float:
    """How much of its colour the middle of the target's box has, of -1 to 1."""
    x, y, width, height = recorded.known.boxes[row, slot]
    picture = recorded.pictures[name][row].astype(float)
    high, wide = picture.shape[:2]
    rows = slice(round((y - height / 8) * high), round((y + height / 8) * high) + 1)
    columns = slice(round((x - width / 8) * wide), round((x + width / 8) * wide) + 1)
    colour = next(word for word in TINTS if word in OBJECTS[recorded.known.name[row]])
    patch = picture[rows, columns].reshape(-1, 3)
    return float((patch @ np.array(TINTS[colour])).max() / 255)


def test_the_box_is_where_the_target_is_seen(demonstrations: Path, sharp: ModelConfig) -> None:
    seen = 0
    for choice in choices(demonstrations):
        recorded = read(choice, sharp)
        for slot, name in enumerate(("scene", "wrist")):
            if recorded.known.shown[0, slot]:
                assert tint(recorded, slot, name, 0) > 0.15, f"{choice.folder.name} {name}"
                seen += 1
    assert seen >= 4


def test_a_lift_goes_to_its_target_and_then_up(demonstrations: Path, sharp: ModelConfig) -> None:
    for choice in choices(demonstrations):
        recorded = read(choice, sharp)
        labels = recorded.known
        assert np.linalg.norm(labels.waypoint[0, :2] - labels.position[0, :2]) < 0.02
        assert SUBTASKS[labels.subtask[0]] == "approach"
        if (recorded.actions[:, 6] > 0.5).any():
            assert {"grasp", "carry"} <= {SUBTASKS[index] for index in labels.subtask}
            assert labels.waypoint[-1, 2] > labels.waypoint[0, 2] + 0.08


def test_lines_that_say_nothing_of_the_scene_are_passed_over(demonstrations: Path, sharp: ModelConfig, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(choices(demonstrations)[0].folder, tmp_path / "odd"))
    whole = read(choices(folder)[0], sharp).known.position
    with open(folder / EVENTS, "ab") as file:
        file.write(b'\n{\n"scene"\n{"event":"scene"}\n{"time_ns":1,"event":"scene","detail":{"objects":7}}\n\xff"scene"\n')
    assert np.array_equal(read(choices(folder)[0], sharp).known.position, whole)
    (folder / EVENTS).write_bytes(b"")
    silent = read(choices(folder)[0], sharp).known
    assert np.isnan(silent.position).all()
    assert np.isnan(silent.boxes).all()


def test_what_reviewers_marked_stands_in_for_a_world_that_says_nothing(
    demonstrations: Path, sharp: ModelConfig, tmp_path: Path
) -> None:
    shutil.copytree(choices(demonstrations)[0].folder, folder := tmp_path / "episode")
    (folder / EVENTS).write_bytes(b"")
    meta = msgspec.json.decode((folder / META).read_bytes())
    target = meta["world"].pop("target")
    (folder / META).write_bytes(msgspec.json.encode(meta))
    blind = read(Choice(folder), sharp).known
    assert (blind.name == -1).all() and np.isnan(blind.boxes).all()
    box = ManifestMark(row=7, camera="scene", name=target, x=0.25, y=0.5, width=0.25, height=0.125)
    point = ManifestMark(row=0, camera="wrist", name=target, x=0.5, y=0.75)
    other = ManifestMark(row=0, camera="scene", name="door", x=0.0, y=0.0, width=1.0, height=1.0)
    choice = Choice(folder, marks=(box, point, other))
    labels = read(choice, sharp).known
    assert objects_of([choice]) == (target,)
    assert (labels.name == OBJECTS.index(target)).all()
    assert labels.boxes[2, 0].tolist() == [0.375, 0.5625, 0.25, 0.125]
    assert labels.boxes[0, 1, :2].tolist() == [0.5, 0.75] and np.isnan(labels.boxes[0, 1, 2:]).all()
    assert np.isfinite(labels.shown).sum() == 2
