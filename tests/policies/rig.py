"""A small policy that was never trained, as a folder; episodes that a training learns from at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from episodes.models import DatasetVersion
from episodes.services import datasets
from fleet.models import Membership, Person
from policies.learning.checkpoint import save_policy
from policies.learning.config import Body, CameraSlot, ModelConfig
from policies.learning.folder import Card
from policies.learning.preprocess import scale_of
from policies.learning.vla import Vla, count_parameters
from tests.episodes.rig import World, received, recorded
from tests.robot.recorder.rig import SMALL

OBJECTS = ("blue cube", "red cube")


def untrained(folder: Path, seed: int = 0) -> Path:
    """With weights drawn from `seed`; drives the small robot that the recorder's tests have."""
    camera = SMALL.cameras[0].name
    state = tuple(quantity.name for quantity in SMALL.state)
    body = Body(embodiment=SMALL, proprioception=state, cameras={"scene": camera})
    config = ModelConfig(
        width=16, layers=1, keypoints=2, slots=(CameraSlot(name="scene", width=32, height=24),), objects=OBJECTS, bodies=(body,)
    )
    torch.manual_seed(seed)
    model = Vla(config.check())
    rows = np.random.default_rng(seed)
    scale = scale_of(
        body,
        rows.normal(size=(9, len(state))).astype(np.float32),
        rows.normal(size=(9, len(SMALL.action))).astype(np.float32),
        np.zeros((0, 3), np.float32),
    )
    card = Card(name="starter", parameters=count_parameters(model), skills=("reach",), objects=OBJECTS, licence="Apache-2.0")
    save_policy(folder, model, (scale,), card)
    return folder


@dataclass(frozen=True)
class Lesson:
    """A frozen version of three episodes, and `ellen`, who is engineer where it belongs."""

    version: DatasetVersion
    ellen: Person


def lesson(here: World, folder: Path, rows: int = 40) -> Lesson:
    ellen = Person.objects.create_user("ellen", password="secret", first_name="Ellen")
    Membership.objects.create(person=ellen, organisation=here.site.organisation, role="engineer")
    for number in range(3):
        received(
            recorded(folder / str(number), here.robot.pk, rows, f"Lift the {('red', 'blue', 'red')[number]} cube"), here.robot
        )
    dataset = datasets.make(ellen, here.site.organisation, None, "tabletop", follows=True, validation_share=0.0)
    return Lesson(datasets.freeze(dataset, "to learn from", ellen), ellen)


TINY = """
[model]
width = 16
layers = 1
keypoints = 2
objects = ["blue cube", "red cube"]

[[model.slots]]
name = "scene"
width = 32
height = 24

[learn]
steps = {steps}
batch = 8
warmup = 2
save_every = {save_every}
report_every = 1
held_out = 0.34
"""


def tiny(folder: Path, steps: int = 12, save_every: int = 4) -> dict[str, tuple[Path, str, bool]]:
    """Recipes that are done at once, in place of the real ones."""
    path = folder / "tiny.toml"
    path.write_text(TINY.format(steps=steps, save_every=save_every))
    return {"starter": (path, "Tiny.", False), "continue": (path, "Tiny, from a base.", True)}
