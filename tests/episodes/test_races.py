"""Deleting, keeping and freezing the same episodes at the same moment, on a real PostgreSQL: one of them wins, wholly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
Race = Callable[[str], Any]


@pytest.fixture
def race(postgres_url: str, tmp_path: Path) -> Race:
    """Runs one of `tests.episodes.race`."""

    def run(what: str) -> Any:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("REINS_")}
        data = {"DATABASE_URL": postgres_url, "REINS_DATA_DIR": str(tmp_path), "REINS_MODE": "test"}
        command = [sys.executable, "-m", "tests.episodes.race", what]
        done = subprocess.run(command, cwd=ROOT, env={**kept, **data}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout)

    return run


def test_what_is_brought_back_while_it_goes_is_refused_and_not_lost(race: Race) -> None:
    assert race("brought_back_while_purged") == {"purged": 1, "brought_back": ["stale_version"], "there": False}


def test_a_version_frozen_while_its_episodes_are_deleted_is_withdrawn_and_named(race: Race) -> None:
    assert race("forgotten_while_frozen") == {"forgotten": [True], "state": "withdrawn", "kept": 0, "named": True}


def test_a_version_frozen_while_its_episodes_are_purged_keeps_them(race: Race) -> None:
    assert race("frozen_while_purged") == {"purged": [0], "state": "frozen", "gone": False}


def test_an_upload_becomes_an_episode_while_the_audit_log_is_written(race: Race) -> None:
    assert race("logged_while_received") == {"logged": ["drove"], "episodes": 1, "problems": []}
