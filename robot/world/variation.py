"""How one scene differs from the next: colours, light, where cameras look from, friction.  Drawn from a seed, applied to
a compiled model.  Names stay true: a red cube varies, but nobody would call it anything else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import mujoco
import numpy as np
from numpy.typing import NDArray

from protocol.embodiment import Camera
from robot.world.arm import rotation_matrix

Triple = tuple[float, float, float]

_OF_THE_ARM = ("arm", "arm_dark", "finger", "pad", "xyz_col")  # the robot itself stays what it is
_TINT = 0.2  # share of a drawn colour in a surface
_HUE = 0.04  # most that a thing's colour moves, each channel
_LAMP_M = 0.25
_CAMERA_M, _CAMERA_RAD = 0.03, 0.035  # of a camera beside the arm; one on the tool moves a fifth of it
_FRICTION = 0.25


class CameraMove(msgspec.Struct, frozen=True):
    """Where a camera really is, against its mount: metres, and a rotation vector in rad, in the frame of the mount."""

    shift_m: Triple
    turn_rad: Triple


class Variation(msgspec.Struct, frozen=True):
    """`things` and `surfaces` are RGB 0..1 by name; `lamp` and `ambient` are factors; `friction` of things and table."""

    things: dict[str, Triple]
    surfaces: dict[str, Triple]
    lamp: Triple
    lamp_shift_m: Triple
    ambient: float
    cameras: dict[str, CameraMove]
    friction: float


def draw_variation(model: mujoco.MjModel, cameras: Sequence[Camera], rng: np.random.Generator) -> Variation:
    """A variation of the pristine `model` and of where `cameras` look from; the same draws give the same."""
    surfaces = [model.mat(number) for number in range(model.nmat)]
    brightness = rng.uniform(0.85, 1.1)
    return Variation(
        things={name: _near(rng, model.geom_rgba[geoms[0]][:3] * brightness) for name, geoms in loose_things(model).items()},
        surfaces={m.name: _tinted(rng, m.rgba[:3]) for m in surfaces if m.name and m.name not in _OF_THE_ARM},
        lamp=_triple(rng.uniform(0.7, 1.25) * rng.uniform(0.92, 1.08, 3)),
        lamp_shift_m=_triple([*rng.uniform(-_LAMP_M, _LAMP_M, 2), rng.uniform(-0.1, 0.2)]),
        ambient=round(float(rng.uniform(0.75, 1.25)), 4),
        cameras={camera.name: _moved(camera, rng) for camera in cameras},
        friction=round(float(rng.uniform(1 - _FRICTION, 1 + _FRICTION)), 4),
    )


class Variable:
    """A model that can be varied, again and again, and put back as it was."""

    def __init__(self, model: mujoco.MjModel) -> None:
        self.model = model
        self._parts: tuple[NDArray[np.float64], ...] = (
            model.geom_rgba, model.mat_rgba, model.light_diffuse, model.light_pos, model.cam_pos, model.cam_quat,
            model.geom_friction, model.vis.headlight.ambient, model.vis.headlight.diffuse,
        )  # fmt: skip
        self._before = [part.copy() for part in self._parts]

    def vary(self, variation: Variation | None) -> None:
        """Exactly this variation of the pristine model; None is the pristine model."""
        for part, before in zip(self._parts, self._before, strict=True):
            part[:] = before
        if variation is not None:
            self._colour(variation)
            self._light(variation)
            self._look(variation)
            self._slip(variation.friction)

    def _colour(self, variation: Variation) -> None:
        for name, geoms in loose_things(self.model).items():
            for geom in geoms:
                if name in variation.things and self.model.geom_rgba[geom, 3] > 0:
                    self.model.geom_rgba[geom, :3] = variation.things[name]
        for number in range(self.model.nmat):
            rgb = variation.surfaces.get(self.model.mat(number).name)
            if rgb is not None:
                self.model.mat_rgba[number, :3] = rgb

    def _light(self, variation: Variation) -> None:
        self.model.light_diffuse[:] *= variation.lamp
        if self.model.nlight:
            self.model.light_pos[0] += variation.lamp_shift_m
        self.model.vis.headlight.ambient[:] *= variation.ambient

    def _look(self, variation: Variation) -> None:
        for name, move in variation.cameras.items():
            number = mujoco.mj_name2id(self.model, mujoco.mjtObj.mjOBJ_CAMERA, name)
            if number < 0:
                continue
            axes, turned = np.empty(9), np.empty(4)
            mujoco.mju_quat2Mat(axes, self.model.cam_quat[number])
            mujoco.mju_mat2Quat(turned, (rotation_matrix(np.array(move.turn_rad)) @ axes.reshape(3, 3)).ravel())
            self.model.cam_quat[number] = turned
            self.model.cam_pos[number] += move.shift_m

    def _slip(self, factor: float) -> None:
        self.model.geom_friction[:, 0] *= factor


def loose_things(model: mujoco.MjModel) -> dict[str, list[int]]:
    """Geoms of every loose body that has a colour of its own, by the body's name."""
    found: dict[str, list[int]] = {}
    for geom in range(model.ngeom):
        body = model.body(model.geom_bodyid[geom])
        joint = int(body.jntadr[0])
        loose = joint >= 0 and model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_FREE
        if loose and body.name and model.geom_matid[geom] < 0:
            found.setdefault(body.name, []).append(geom)
    return found


def _near(rng: np.random.Generator, rgb: NDArray[np.float64]) -> Triple:
    return _triple(np.clip(rgb + rng.uniform(-_HUE, _HUE, 3), 0.02, 0.98))


def _tinted(rng: np.random.Generator, rgb: NDArray[np.float64]) -> Triple:
    return _triple(np.clip(((1 - _TINT) * rgb + _TINT * rng.uniform(0.0, 0.9, 3)) * rng.uniform(0.75, 1.2), 0.02, 0.98))


def _moved(camera: Camera, rng: np.random.Generator) -> CameraMove:
    share = 1.0 if camera.mount == "base" else 0.2
    shift, turn = rng.uniform(-1, 1, (2, 3))
    return CameraMove(_triple(share * _CAMERA_M * shift), _triple(share * _CAMERA_RAD * turn))


def _triple(values: Any) -> Triple:
    a, b, c = (round(float(value), 4) for value in values)
    return (a, b, c)
