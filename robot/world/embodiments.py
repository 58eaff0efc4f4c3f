"""The Embodiments of the simulated worlds, as data.  No physics: the kernel and the server may import this."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from protocol.embodiment import Axis, Camera, Embodiment, Quantity, Workspace

# Limits of the Sawyer arm's joints, rad (Rethink Robotics data sheet; the metaworld package narrows the second).
JOINT_LIMITS_RAD = (
    (-3.0503, 3.0503),
    (-3.8095, 2.2736),
    (-3.0426, 3.0426),
    (-3.0439, 3.0439),
    (-2.9761, 2.9761),
    (-2.9761, 2.9761),
    (-4.7124, 4.7124),
)
# Peak torques of the Sawyer arm, N m (Rethink Robotics data sheet: 80, 80, 40, 40, 9, 9, 9).
JOINT_TORQUES_NM = (80.0, 80.0, 40.0, 40.0, 9.0, 9.0, 9.0)
JOINT_SPEED_RAD_S = 3.0
GRIP_FORCE_N = 40.0


def intrinsics(width: int, height: int, fovy_deg: float) -> tuple[tuple[float, float, float], ...]:
    """K 3x3 of a pinhole with square pixels; pixel centres are whole numbers, so the axis meets (w-1)/2, (h-1)/2."""
    focal = height / 2 / math.tan(math.radians(fovy_deg) / 2)
    return ((focal, 0.0, (width - 1) / 2), (0.0, focal, (height - 1) / 2), (0.0, 0.0, 1.0))


def look_at(
    eye: tuple[float, float, float], target: tuple[float, float, float], up: tuple[float, float, float]
) -> tuple[tuple[float, float, float, float], ...]:
    """Pose 4x4 of a camera at `eye` that looks at `target` (metres, frame of the mount); z forward, x right, y down."""
    forward = np.subtract(target, eye)
    forward = forward / np.linalg.norm(forward)
    right: NDArray[np.float64] = np.cross(forward, up)
    right = right / np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.column_stack([right, np.cross(forward, right), forward])
    pose[:3, 3] = eye
    a, b, c, d = (tuple(round(float(x), 9) for x in row) for row in pose)
    return (a, b, c, d)  # type: ignore[return-value]


def _joints(prefix: str, unit: str, limits: tuple[tuple[float, float], ...]) -> tuple[Quantity, ...]:
    return tuple(Quantity(f"{prefix}{i + 1}", unit, low, high) for i, (low, high) in enumerate(limits))


SCENE_CAMERA = Camera(
    name="scene",
    width=640,
    height=480,
    fps=30.0,
    K=intrinsics(640, 480, 45.0),
    mount="base",
    T_mount=look_at((1.54, 0.34, 0.74), (0.47, 0.01, 0.21), (0.0, 0.0, 1.0)),
)
WRIST_CAMERA = Camera(
    name="wrist",
    width=320,
    height=240,
    fps=30.0,
    K=intrinsics(320, 240, 70.0),
    mount="tool",
    T_mount=look_at((0.075, 0.0, -0.13), (0.02, 0.0, 0.03), (1.0, 0.0, 0.0)),
)

WORKSPACE = Workspace(low=(0.42, -0.32, 0.012), high=(0.82, 0.32, 0.42))

# The arm on its table.  Base frame: x forward over the table, y to the arm's left, z up, table top at z = 0.
# Tool frame: origin between the finger tips, z out of the gripper, fingers open along y; `tool_rx..rz` is the rotation
# vector, in the base frame, from "tool straight down" (x forward, z down) to now.
TABLETOP = Embodiment(
    name="tabletop",
    state=(
        *_joints("q", "rad", JOINT_LIMITS_RAD),
        *_joints("dq", "rad/s", ((-JOINT_SPEED_RAD_S, JOINT_SPEED_RAD_S),) * 7),
        *_joints("torque", "N m", tuple((-t, t) for t in JOINT_TORQUES_NM)),
        Quantity("gripper", "1", 0.0, 1.0),
        Quantity("grip_force", "N", 0.0, GRIP_FORCE_N),
        Quantity("tool_x", "m", -1.2, 1.2),
        Quantity("tool_y", "m", -1.2, 1.2),
        Quantity("tool_z", "m", -0.5, 1.5),
        Quantity("tool_rx", "rad", -math.pi, math.pi),
        Quantity("tool_ry", "rad", -math.pi, math.pi),
        Quantity("tool_rz", "rad", -math.pi, math.pi),
    ),
    action=(
        Axis("vx", "m/s", -0.35, 0.35, 3.5),
        Axis("vy", "m/s", -0.35, 0.35, 3.5),
        Axis("vz", "m/s", -0.35, 0.35, 3.5),
        Axis("wx", "rad/s", -1.5, 1.5, 15.0),
        Axis("wy", "rad/s", -1.5, 1.5, 15.0),
        Axis("wz", "rad/s", -1.5, 1.5, 15.0),
        Axis("gripper", "1", 0.0, 1.0, 5.0),
    ),
    control_hz=50.0,
    record_hz=30.0,
    policy_hz=10.0,
    cameras=(SCENE_CAMERA, WRIST_CAMERA),
    workspace=WORKSPACE,
).check()

# Any task of the metaworld package.  Its own frame: x to the right of the arm, y away from it, z up; the hand keeps its
# orientation.  Full speed is the package's largest action: 10 mm in each of 80 control steps a second.
METAWORLD_SPEED_M_S = 0.8
METAWORLD = Embodiment(
    name="metaworld",
    state=(
        Quantity("hand_x", "m", -0.8, 0.8),
        Quantity("hand_y", "m", 0.0, 1.2),
        Quantity("hand_z", "m", -0.1, 0.8),
        Quantity("gripper", "1", 0.0, 1.0),
    ),
    action=(
        Axis("vx", "m/s", -METAWORLD_SPEED_M_S, METAWORLD_SPEED_M_S, 16.0),
        Axis("vy", "m/s", -METAWORLD_SPEED_M_S, METAWORLD_SPEED_M_S, 16.0),
        Axis("vz", "m/s", -METAWORLD_SPEED_M_S, METAWORLD_SPEED_M_S, 16.0),
        Axis("gripper", "1", 0.0, 1.0, 40.0),
    ),
    control_hz=50.0,
    record_hz=30.0,
    policy_hz=10.0,
    cameras=(
        Camera(
            name="scene",
            width=640,
            height=480,
            fps=30.0,
            K=intrinsics(640, 480, 45.0),
            mount="base",
            T_mount=look_at((0.95, 1.45, 0.85), (-0.02, 0.55, 0.12), (0.0, 0.0, 1.0)),
        ),
    ),
    workspace=Workspace(low=(-0.5, 0.35, 0.03), high=(0.5, 0.95, 0.50)),
).check()
