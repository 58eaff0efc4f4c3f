"""A place of its own for policies, and a small one that was never trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.episodes.rig import World, world
from tests.policies.rig import untrained


@pytest.fixture(autouse=True)
def places(tmp_path: Path, settings: Any) -> Path:
    settings.REINS_MEDIA_DIR = tmp_path / "media"
    settings.REINS_MEDIA_RESERVE_MB = 1
    settings.REINS_POLICIES_DIR = tmp_path / "registry"
    return tmp_path / "registry"


@pytest.fixture
def here(db: None) -> World:
    return world()


@pytest.fixture
def starter(tmp_path: Path) -> Path:
    """A policy's folder, not yet brought in."""
    return untrained(tmp_path / "starter")
