"""A media folder of its own for every test, jobs that wait to be called, checks in the test's own process; and what most
tests begin with: two organisations, an episode of the first, Mina who operates there.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from episodes.data.examine import Examined, examine
from episodes.models import Episode
from tests.episodes.rig import World, received, recorded, signed_in, world


def examined_here(folder: Path, poster: Path, columns: Path, pictures: int, alive: Callable[[int], bool]) -> Examined:
    """Starting a process takes longer than a small episode; `test_check_job.py` does."""
    return examine(folder, poster, columns)


@pytest.fixture(autouse=True)
def media(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings.REINS_MEDIA_DIR = tmp_path / "media"
    settings.REINS_MEDIA_RESERVE_MB = 1
    monkeypatch.setattr("episodes.services.uploads.ask_for_check", lambda episode: None)
    monkeypatch.setattr("episodes.jobs.examine_apart", examined_here)
    return tmp_path / "media"


@pytest.fixture
def here(db: None) -> World:
    return world()


@pytest.fixture
def episode(here: World, tmp_path: Path) -> Episode:
    """Forty rows, checked."""
    return received(recorded(tmp_path / "robot", here.robot.pk), here.robot)


@pytest.fixture
def mina(here: World) -> Client:
    return signed_in(here.mina)
