"""The door test: the robot's processes start with the server's packages unimportable, which the import linter cannot see."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROCESSES = (
    "robot.__main__",
    "robot.launcher",
    "robot.kernel.process",
    "robot.media.process",
    "robot.link.process",
    "robot.recorder.process",
    "robot.pilot.process",
    "robot.world.process",
    "robot.collect.__main__",
    "robot.bodies.simulated",
    "robot.bodies.replay",
    "robot.bodies.camera",
)
SHUT = ("django", "channels", "celery", "torch", "daphne", "redis", "ninja")

IMPORTING = """
import importlib, sys
class Door:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in SHUT:
            raise ImportError("shut: " + name)
sys.meta_path.insert(0, Door())
importlib.import_module(sys.argv[1])
print("opened")
"""


def open_door(module: str, shut: tuple[str, ...] = SHUT) -> subprocess.CompletedProcess[str]:
    program = f"SHUT = {shut!r}\n{IMPORTING}"
    return subprocess.run((sys.executable, "-c", program, module), cwd=ROOT, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("module", PROCESSES)
def test_the_robot_needs_nothing_of_the_server(module: str) -> None:
    done = open_door(module)
    assert done.stdout == "opened\n", done.stderr


def test_the_pilot_loads_a_policy_only_when_it_is_told_to_run_one_itself() -> None:
    done = open_door("robot.pilot.process", (*SHUT, "policies"))
    assert done.stdout == "opened\n", done.stderr


def test_the_door_is_really_shut() -> None:
    done = open_door("fleet.models")
    assert "shut: django" in done.stderr


@pytest.mark.parametrize("module", ["robot.kernel.process", "robot.launcher"])
def test_the_kernel_and_the_launcher_know_no_network_and_no_video(module: str) -> None:
    done = open_door(module, (*SHUT, "aiortc", "aioice", "websockets", "av", "cv2", "mujoco"))
    assert done.stdout == "opened\n", done.stderr
