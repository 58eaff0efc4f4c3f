"""A media folder of its own for every test, jobs that wait to be called, and checks in the test's own process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from episodes.data.examine import Examined, examine


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
