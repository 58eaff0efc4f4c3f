"""A good dataset, anew for each test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.episodes import lerobot_foreign as foreign


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return foreign.v3(tmp_path_factory.mktemp("good") / "dataset").root


@pytest.fixture
def root(good: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(good, tmp_path / "dataset"))
