"""A media folder of its own for every test, and jobs that wait to be called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def media(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings.REINS_MEDIA_DIR = tmp_path / "media"
    settings.REINS_MEDIA_RESERVE_MB = 1
    monkeypatch.setattr("episodes.services.uploads.ask_for_check", lambda episode: None)
    return tmp_path / "media"
