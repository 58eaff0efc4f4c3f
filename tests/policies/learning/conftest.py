"""A few real demonstrations of the simulated arm, in small pictures, and a model small enough to learn from them at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from policies.learning.config import CameraSlot, Config, LearnConfig, ModelConfig
from robot.collect.collector import Collector
from robot.collect.script import open_script
from robot.collect.size import resized

OBJECTS = ("blue cube", "green cylinder", "red cube", "yellow cube")
STARTED_NS = 1_790_000_000_000_000_000


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Small sums are slower on several."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def demonstrations(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of three episodes: two lifts, one reach."""
    home = tmp_path_factory.mktemp("demonstrations")
    for task, seeds in (("lift", (4, 5)), ("reach", (4,))):
        script = open_script("tabletop", task)
        body = resized(script.world.embodiment, 64, 48)
        about = {"body": "simulated", "world": "tabletop", "task": task}
        collector = Collector(script, body, home, "c" * 32, about, lambda: STARTED_NS)
        for seed in seeds:
            assert collector.collect(seed).outcome == "success"
        collector.close()
    yield home / "episodes"


@pytest.fixture
def small(demonstrations: Path, tmp_path: Path) -> Config:
    slots = (CameraSlot(name="scene", width=32, height=24), CameraSlot(name="wrist", width=32, height=24))
    return Config(
        model=ModelConfig(width=32, keypoints=4, slots=slots, objects=OBJECTS),
        learn=LearnConfig(steps=12, batch=8, warmup=2, save_every=4, report_every=1, held_out=0.34, shift=2),
        episodes=str(demonstrations),
        out=str(tmp_path / "policy"),
    )
