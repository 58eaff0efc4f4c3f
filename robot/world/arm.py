"""Moves the arm's servos so that the tool follows a twist: damped least squares with orientation.  No clock."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from robot.world.embodiments import JOINT_SPEED_RAD_S
from robot.world.sawyer import JOINTS

Vector = NDArray[np.float64]

_DAMPING = 0.02  # of the least squares; small enough for 1 mm, large enough near a stretched arm
_POSTURE_PULL = 0.02  # how strongly spare motion returns to the home posture, per step
_LEASH_M = 0.03  # how far the asked tool pose may run ahead of the real one, when something is in the way
_LEASH_RAD = 0.2
_LIMIT_MARGIN_RAD = 0.05  # the servos overshoot a little
_MOST_TILT_RAD = 1.05  # of the tool from straight down: beyond it the arm would have to turn over
TOOL_DOWN = np.diag([1.0, -1.0, -1.0])  # tool x forward, z down


def rotation_vector(matrix: Vector) -> Vector:
    """Axis times angle, rad, of a rotation matrix [3,3]."""
    quat = np.empty(4)
    mujoco.mju_mat2Quat(quat, np.ascontiguousarray(matrix).ravel())
    vector = np.empty(3)
    mujoco.mju_quat2Vel(vector, quat, 1.0)
    return vector


def rotation_matrix(vector: Vector) -> Vector:
    """The rotation [3,3] about `vector`, by its length in rad."""
    angle = float(np.linalg.norm(vector))
    quat, matrix = np.empty(4), np.empty(9)
    mujoco.mju_axisAngle2Quat(quat, vector / angle if angle > 0 else np.array([1.0, 0.0, 0.0]), angle)
    mujoco.mju_quat2Mat(matrix, quat)
    return matrix.reshape(3, 3)


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the tool is in the base frame: position [3] m, rotation matrix [3,3]."""

    position: Vector
    rotation: Vector

    def moved(self, twist: Vector, dt_s: float) -> Pose:
        """After `dt_s` of `twist` [vx vy vz m/s, wx wy wz rad/s], base frame."""
        return Pose(self.position + twist[:3] * dt_s, rotation_matrix(twist[3:] * dt_s) @ self.rotation)

    def error_to(self, goal: Pose) -> Vector:
        """float64[6]: metres and radians, base frame, that lead from here to `goal`."""
        turn = rotation_vector(goal.rotation @ self.rotation.T)
        return np.concatenate([goal.position - self.position, turn])

    def tilt_rad(self) -> float:
        """The angle between the tool's z and straight down."""
        return float(np.arccos(np.clip(-self.rotation[2, 2], -1.0, 1.0)))

    def leashed(self, anchor: Pose) -> Pose:
        """Itself, pulled to within the leash of `anchor`."""
        error = anchor.error_to(self)
        far, turned = float(np.linalg.norm(error[:3])), float(np.linalg.norm(error[3:]))
        if far <= _LEASH_M and turned <= _LEASH_RAD:
            return self
        position = anchor.position + error[:3] * min(1.0, _LEASH_M / max(far, 1e-9))
        turn = error[3:] * min(1.0, _LEASH_RAD / max(turned, 1e-9))
        return Pose(position, rotation_matrix(turn) @ anchor.rotation)


class ToolServo:
    """Joint targets for one arm.  `joints` float64[7] is what the servos are asked for now."""

    def __init__(self, model: mujoco.MjModel, low_m: Vector, high_m: Vector) -> None:
        self._model = model
        self._data = mujoco.MjData(model)  # kinematics of the asked posture, apart from the physics
        self._site = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_SITE, "tool")
        joints = [mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_JOINT, name) for name in JOINTS]
        self._qpos = model.jnt_qposadr[joints]
        self._dofs = model.jnt_dofadr[joints]
        self._low = model.jnt_range[joints, 0] + _LIMIT_MARGIN_RAD
        self._high = model.jnt_range[joints, 1] - _LIMIT_MARGIN_RAD
        self._box = (low_m, high_m)
        self._jacobian = np.zeros((6, model.nv))
        self.home = np.zeros(7)
        self.joints = np.zeros(7)
        self.speeds = np.zeros(7)
        self.goal = self.pose_of(self.joints)

    def place(self, joints: Vector) -> None:
        """Start over from `joints`, standing still."""
        self.joints = np.array(joints)
        self.home = np.array(joints)
        self.speeds[:] = 0
        self.goal = self.pose_of(self.joints)

    def pose_of(self, joints: Vector) -> Pose:
        """The tool's pose with the arm at `joints`."""
        self._data.qpos[self._qpos] = joints
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_comPos(self._model, self._data)
        return Pose(
            self._data.site_xpos[self._site].copy(),
            self._data.site_xmat[self._site].reshape(3, 3).copy(),
        )

    def follow(self, twist: Vector, real: Pose, dt_s: float) -> None:
        """One control step of `dt_s`: the tool moves with `twist`, kept in the box and near `real`."""
        moved = self.goal.moved(twist, dt_s)
        inside = np.clip(moved.position, *self._box)
        tilting = moved.tilt_rad() > max(_MOST_TILT_RAD, self.goal.tilt_rad())
        self.goal = Pose(inside, self.goal.rotation if tilting else moved.rotation).leashed(real)
        self._step(self.goal, dt_s)

    def hold(self) -> None:
        """Stand still where the joints are asked to be now."""
        self.speeds[:] = 0
        self.goal = self.pose_of(self.joints)

    def solve(self, goal: Pose, steps: int = 200) -> float:
        """Bring `joints` to `goal` at once, without physics; the remaining error as max(metres, radians)."""
        for _ in range(steps):
            error = self.pose_of(self.joints).error_to(goal)
            if np.abs(error).max() < 1e-4:
                break
            self._step(goal, 0.05)
        self.hold()
        return float(np.abs(self.pose_of(self.joints).error_to(goal)).max())

    def _step(self, goal: Pose, dt_s: float) -> None:
        """One damped least squares step: dq = J^T (J J^T + k^2 I)^-1 e + (I - J^+ J) posture (Wampler 1986)."""
        error = self.pose_of(self.joints).error_to(goal)
        mujoco.mj_jacSite(self._model, self._data, self._jacobian[:3], self._jacobian[3:], self._site)
        jacobian = self._jacobian[:, self._dofs]
        inverse = jacobian.T @ np.linalg.inv(jacobian @ jacobian.T + _DAMPING**2 * np.eye(6))
        posture = _POSTURE_PULL * (self.home - self.joints)
        step = inverse @ error + posture - inverse @ (jacobian @ posture)
        step *= min(1.0, JOINT_SPEED_RAD_S * dt_s / max(float(np.abs(step).max()), 1e-12))
        reached = np.clip(self.joints + step, self._low, self._high)
        self.speeds = (reached - self.joints) / dt_s
        self.joints = reached
