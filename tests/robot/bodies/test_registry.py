"""The registry of bodies, and what each says of a wrong configuration."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from protocol.embodiment import decode_embodiment
from protocol.errors import Refused
from robot.bodies.registry import BODIES, body_spec
from robot.world.embodiments import METAWORLD, TABLETOP, WORKSPACE, intrinsics, look_at


def test_an_unknown_body_is_refused_with_the_choices(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        body_spec("hologram", {}, tmp_path)
    assert refused.value.code == "body_unknown"
    assert all(name in refused.value.sentence for name in BODIES)


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("simulated", {"world": "moon"}),
        ("simulated", {"seeds": 3}),
        ("simulated", {"seed": "three"}),
        ("replay", {}),
        ("camera", {"width": "wide"}),
        ("camera", {"width": 1_000_000}),
        ("camera", {"fps": 0.0}),
        ("camera", {"fovy_deg": 500.0}),
    ],
)
def test_a_wrong_configuration_is_refused(tmp_path: Path, name: str, config: dict[str, object]) -> None:
    with pytest.raises(Refused) as refused:
        body_spec(name, config, tmp_path)
    assert refused.value.code == "body_config"


def test_a_simulated_body_names_the_world_to_start(tmp_path: Path) -> None:
    spec = body_spec("simulated", {"scene": "bowl", "seed": 4}, tmp_path)
    assert spec.embodiment is TABLETOP
    assert [child.name for child in spec.children] == ["world"]
    assert spec.children[0].args[0] == str(tmp_path)
    assert {"--seed", "4", "--scene", "bowl"} <= set(spec.children[0].args)
    assert body_spec("simulated", {"world": "metaworld"}, tmp_path).embodiment is METAWORLD


def test_the_kernel_side_of_a_body_loads_neither_physics_nor_pictures(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
for name in ("mujoco", "metaworld", "cv2", "av", "scipy"):
    sys.modules[name] = None  # makes importing it fail
from robot.bodies.registry import body_spec
run_dir = Path(sys.argv[1])
assert body_spec("simulated", {}, run_dir).open_body().observe() is None
assert body_spec("camera", {}, run_dir).open_body().observe() is not None
import robot.bodies.replay
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_tabletop_takes_the_seven_numbers_of_the_contract() -> None:
    assert [axis.name for axis in TABLETOP.action] == ["vx", "vy", "vz", "wx", "wy", "wz", "gripper"]
    assert [axis.is_rate for axis in TABLETOP.action] == [True] * 6 + [False]
    assert (TABLETOP.control_hz, TABLETOP.record_hz, TABLETOP.policy_hz) == (50.0, 30.0, 10.0)
    assert TABLETOP.workspace == WORKSPACE
    assert len(METAWORLD.action) == 4


@pytest.mark.parametrize("embodiment", [TABLETOP, METAWORLD])
def test_an_embodiment_survives_the_wire(embodiment: object) -> None:
    import msgspec

    again = decode_embodiment(msgspec.json.encode(embodiment))
    assert again == embodiment
    assert again.hash == embodiment.hash  # type: ignore[attr-defined]


def test_a_camera_pose_is_a_rotation_that_looks_at_its_target() -> None:
    pose = np.array(look_at((1.0, 0.5, 0.8), (0.2, 0.0, 0.1), (0.0, 0.0, 1.0)))
    turn = pose[:3, :3]
    assert turn.T @ turn == pytest.approx(np.eye(3), abs=1e-6)
    assert np.linalg.det(turn) == pytest.approx(1.0, abs=1e-6)
    target = np.linalg.inv(pose) @ [0.2, 0.0, 0.1, 1.0]
    assert target[:2] == pytest.approx([0.0, 0.0], abs=1e-6) and target[2] > 0
    above = np.linalg.inv(pose) @ [0.2, 0.0, 0.3, 1.0]
    assert above[1] < 0  # up in the world is up in the picture, where y points down


def test_the_field_of_view_spans_the_picture() -> None:
    k = np.array(intrinsics(640, 480, 90.0))
    u, v, w = k @ np.array([0.0, 1.0, 1.0])  # 45 degrees below the axis
    assert (u / w, v / w) == pytest.approx((319.5, 479.5))
