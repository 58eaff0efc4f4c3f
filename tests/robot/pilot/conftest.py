"""A run in lock step, for every test of what one does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.robot.pilot.lock_step import LockStep


@pytest.fixture
def stage(tmp_path: Path) -> LockStep:
    return LockStep(tmp_path)
