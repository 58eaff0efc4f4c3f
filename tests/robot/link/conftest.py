"""What the tests of sessions stand on."""

from __future__ import annotations

import pytest

from tests.robot.link.fake_peer import Stage


@pytest.fixture
def stage() -> Stage:
    return Stage()
