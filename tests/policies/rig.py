"""A small policy that was never trained, as a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from policies.learning.checkpoint import save_policy
from policies.learning.config import Body, CameraSlot, ModelConfig
from policies.learning.folder import Card
from policies.learning.preprocess import scale_of
from policies.learning.vla import Vla, count_parameters
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
