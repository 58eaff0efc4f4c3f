"""Policies of real LeRobot (`.venv-lerobot`) behind the openpi protocol drive our robots, as they do at home."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.sync.client import connect

from policies.learning.zoo.openpi import codec
from policies.learning.zoo.openpi.client import OpenpiPolicy
from policies.learning.zoo.openpi.config import OpenpiBody, OpenpiConfig
from protocol.policy import Observation, check_decision
from tests.robot.recorder.rig import SMALL

pytestmark = [pytest.mark.lerobot, pytest.mark.timeout(300)]
ROOT = Path(__file__).resolve().parent.parent.parent
PYTHON = str(ROOT / ".venv-lerobot" / "bin" / "python")
SCENE, STATE = "observation.images.scene", "observation.state"


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("REINS_", "DJANGO_"))}
    path = os.pathsep.join(part for part in (str(ROOT), kept.get("PYTHONPATH", "")) if part)
    return {**kept, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


def made(sort: str, folder: Path) -> dict[str, Any]:
    """A tiny policy in `folder`; what its maker says of it."""
    command = [PYTHON, str(Path(__file__).parent / "peer" / "make_policy.py"), str(folder), sort]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    said: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return said


@contextmanager
def served(folder: Path, *more: str) -> Iterator[int]:
    """The port of a server of this folder."""
    command = [PYTHON, "-m", "policies.learning.zoo.lerobot.serve", str(folder), "--port", "0", *more]
    with subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield next(json.loads(line)["port"] for line in process.stdout if line.startswith("{"))
        finally:
            process.terminate()


def asking(port: int) -> OpenpiPolicy:
    body = OpenpiBody(embodiment=SMALL, cameras={"scene": SCENE}, state={STATE: ("q0", "q1", "q2")}, actions=("vx", "gripper"))
    return OpenpiPolicy(OpenpiConfig(address=f"ws://127.0.0.1:{port}", step_s=0.1, bodies=(body,), side=0, patience_s=30))


def observation() -> Observation:
    picture = (np.arange(48 * 64 * 3) % 251).reshape(48, 64, 3).astype(np.uint8)  # as peer/make_policy.py has it
    return Observation(0, SMALL.kind, "lift the cube", np.array([0.1, -0.2, 0.3], np.float32), {"scene": picture})


@pytest.fixture(scope="module")
def act(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("lerobot") / "act"
    return folder, made("act", folder)


def test_act_answers_our_robot_as_it_answers_at_home(act: tuple[Path, dict[str, Any]]) -> None:
    folder, said = act
    with served(folder) as port:
        policy = asking(port)
        [decided] = policy.act([observation()])
        policy.close()
        with connect(f"ws://127.0.0.1:{port}", compression=None) as socket:
            socket.recv()
            socket.send(codec.encode({STATE: np.zeros(2, np.float32), SCENE: observation().images["scene"]}))
            assert str(socket.recv()).startswith("policy_input: ")
    assert decided.actions == pytest.approx(np.array(said["actions"]), abs=1e-5)


def test_smolvla_drives_our_robot(tmp_path: Path) -> None:
    made("smolvla", tmp_path / "smolvla")
    with served(tmp_path / "smolvla", "--backbone", str(tmp_path / "smolvla" / "backbone")) as port:
        policy = asking(port)
        first, second = policy.act([observation(), observation()])
        policy.close()
    assert check_decision(first, SMALL).actions.shape == (8, 2)
    assert not np.array_equal(first.actions, second.actions)  # it draws lots


def test_a_folder_that_names_code_of_its_own_is_not_served(act: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    shutil.copytree(act[0], tmp_path / "act")
    path = tmp_path / "act" / "policy_preprocessor.json"
    told = json.loads(path.read_bytes())
    told["steps"][0] = {"class": "os.system", "config": {}}
    path.write_text(json.dumps(told))
    command = [PYTHON, "-m", "policies.learning.zoo.lerobot.serve", str(tmp_path / "act")]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "never run" in done.stderr
