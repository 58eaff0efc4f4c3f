"""The floors hold: import contracts, each shown to catch what it forbids by breaking it once on purpose."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("protocol", "robot", "fleet", "teleop", "policies", "episodes", "dispatch", "config")
CONTRACTS = 8


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_every_contract_is_kept() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout
    assert f"Contracts: {CONTRACTS} kept, 0 broken" in done.stdout


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("fleet/context.py", "import episodes.models", "Each floor"),
        ("teleop/views.py", "import policies", "Each floor"),
        ("robot/version.py", "import fleet.keys", "The robot program"),
        ("robot/version.py", "import django", "The robot program"),
        ("protocol/row.py", "import websockets", "protocol needs"),
        ("episodes/data/examine.py", "import django", "episodes.data"),
        ("policies/learning/words.py", "import django", "policies.learning"),
        ("policies/serving/taking.py", "import django", "What serves"),
        ("teleop/views.py", "import robot.version", "The server never"),
        ("fleet/context.py", "import policies", "Each floor"),
        ("robot/version.py", "import policies.learning", "The robot's processes"),
        ("robot/pilot/attempt.py", "import policies.learning.policy", "The robot's processes"),
    ],
)
def test_a_broken_floor_is_found(tmp_path: Path, file: str, line: str, contract: str) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    path = tmp_path / file
    path.write_text(path.read_text() + f"\n{line}\n")
    done = lint(tmp_path)
    broken = [row for row in done.stdout.splitlines() if "BROKEN" in row]
    assert done.returncode == 1
    assert any(row.startswith(contract) for row in broken), done.stdout
