"""The people, robots and sockets of the fleet's tests; runs and their files in a place of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dispatch import robots
from tests.dispatch.rig import Pilot
from tests.fleet.conftest import Lab, forgetful, hung_up, lab

__all__ = ["forgetful", "hung_up", "lab"]


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, settings: Any) -> Iterator[Path]:
    settings.REINS_MEDIA_DIR = tmp_path / "media"
    robots.forget()
    yield tmp_path
    robots.forget()


@pytest.fixture
async def pilot(lab: Lab) -> Pilot:
    """The robot, connected and ready."""
    program = Pilot(lab.robot, lab.key)
    await program.ready()
    await program.heard()
    return program
