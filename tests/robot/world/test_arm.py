"""The arm under its servos: accuracy, limits, torques, standing still.  Lock-step, no clock."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from robot.world.arm import TOOL_DOWN, Pose, rotation_matrix, rotation_vector
from robot.world.embodiments import JOINT_LIMITS_RAD, JOINT_TORQUES_NM, TABLETOP, WORKSPACE
from robot.world.tabletop import Tabletop
from tests.robot.world.driving import go

STATE = [quantity.name for quantity in TABLETOP.state]


def grid() -> list[tuple[float, float, float]]:
    """The corners, edges and middle of the workspace, above the tray's rim."""
    low, high = WORKSPACE.low, WORKSPACE.high
    spread = [np.linspace(low[k], high[k], 3) for k in range(2)]
    return [(float(x), float(y), float(z)) for x, y, z in itertools.product(*spread, (0.05, 0.23, high[2]))]


def test_the_arm_itself_comes_to_within_5_mm_and_2_degrees_all_over_the_workspace(table: Tabletop) -> None:
    for spot in grid():
        tool = go(table, spot)
        error = tool.error_to(Pose(np.array(spot), TOOL_DOWN))
        assert np.linalg.norm(error[:3]) < 0.005, spot
        assert np.degrees(np.linalg.norm(error[3:])) < 2.0, spot
        joints = table.sense().state[:7]
        assert all(low <= q <= high for q, (low, high) in zip(joints, JOINT_LIMITS_RAD, strict=True)), spot


@pytest.mark.parametrize("turn", [(0.5, 0.0, 0.0), (0.0, -0.5, 0.0), (0.0, 0.0, 0.9), (0.3, 0.3, -0.6)])
def test_roll_pitch_and_yaw_are_honoured(table: Tabletop, turn: tuple[float, float, float]) -> None:
    wanted = rotation_matrix(np.array(turn)) @ TOOL_DOWN
    tool = go(table, (0.58, 0.05, 0.22), turn=wanted)
    error = tool.error_to(Pose(np.array([0.58, 0.05, 0.22]), wanted))
    assert np.linalg.norm(error[:3]) < 0.005
    assert np.degrees(np.linalg.norm(error[3:])) < 2.0
    start = STATE.index("tool_rx")
    assert table.sense().state[start : start + 3] == pytest.approx(turn, abs=0.035)


@pytest.mark.parametrize("axis", range(6))
@pytest.mark.parametrize("sign", [-1, 1])
def test_pushing_one_way_for_long_leaves_neither_limits_nor_workspace(table: Tabletop, axis: int, sign: int) -> None:
    action = np.zeros(7, dtype=np.float32)
    action[axis] = sign * TABLETOP.action[axis].high
    table.drive(action)
    for _ in range(400):
        table.advance()
    joints = table.sense().state[:7]
    assert all(low <= q <= high for q, (low, high) in zip(joints, JOINT_LIMITS_RAD, strict=True))
    tool = table.tool().position
    assert (tool > np.array(WORKSPACE.low) - 0.02).all() and (tool < np.array(WORKSPACE.high) + 0.02).all()
    assert table.tool().tilt_rad() < 1.2


def test_a_velocity_is_reached_and_kept(table: Tabletop) -> None:
    table.drive(np.array([0.0, 0.2, 0.0, 0.0, 0.0, 0.0, 0.0], dtype=np.float32))
    for _ in range(30):
        table.advance()
    before = table.tool().position
    for _ in range(50):
        table.advance()
    assert (table.tool().position - before) / 0.5 == pytest.approx([0.0, 0.2, 0.0], abs=0.01)


def test_letting_go_at_full_speed_stops_within_a_tenth_of_a_second(table: Tabletop) -> None:
    table.drive(np.array([0.0, 0.35, 0.0, 0.0, 0.0, 0.0, 0.0], dtype=np.float32))
    for _ in range(40):
        table.advance()
    where = table.tool().position
    table.drive(None)
    for _ in range(10):
        table.advance()
    assert np.linalg.norm(table.tool().position - where) < 0.015
    stopped = table.tool().position
    for _ in range(30):
        table.advance()
    assert np.linalg.norm(table.tool().position - stopped) < 0.008


def test_torques_show_gravity_and_stay_within_the_motors(table: Tabletop) -> None:
    for _ in range(50):
        table.advance()
    sensed = table.sense()
    assert sensed.torque is not None
    # The shoulder carries the arm: its torque is what gravity asks for in this posture.
    gravity = table.data.qfrc_bias[:7]
    assert abs(gravity[1]) > 10
    assert sensed.torque == pytest.approx(gravity, abs=0.6)
    assert (np.abs(sensed.torque) <= np.array(JOINT_TORQUES_NM) + np.abs(gravity)).all()


def test_a_table_in_the_way_shows_in_the_torques(table: Tabletop) -> None:
    go(table, (0.60, 0.1, 0.012))
    free = table.sense().torque
    wanted = rotation_matrix(np.array([0.0, 0.7, 0.0])) @ TOOL_DOWN  # a finger's edge presses on the table
    go(table, (0.60, 0.1, 0.012), turn=wanted)
    pressed = table.sense().torque
    assert free is not None and pressed is not None
    assert np.abs(pressed - free).max() > 3.0


def test_rotation_vectors_and_matrices_undo_each_other() -> None:
    for turn in ([0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.3, -2.0, 0.5], [0.0, 0.0, 3.1]):
        assert rotation_vector(rotation_matrix(np.array(turn))) == pytest.approx(turn, abs=1e-9)
