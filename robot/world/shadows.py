"""Soft dark patches under what stands or hovers over the table: shadows for the price of a few triangles."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np

from robot.world.tabletop_scene import TABLE_X_M, TABLE_Y_M, THINGS

_LAYERS = ((0.78, 0.20), (1.05, 0.15), (1.35, 0.10))  # of the radius, and how dark
_ABOVE_TABLE_M = 0.0012
_FADES_OVER_M = 0.45  # a thing this far above the table casts none
_EYE = np.eye(3).ravel()


def cast_shadows(model: Any, data: Any, scene: Any) -> None:
    """Adds the patches of all things and of the fingers to `scene` (an mjvScene already updated from `data`)."""
    lamp = model.light_pos[0]
    for thing in THINGS:
        position = data.body(thing.name).xpos
        low = 0.0 if thing.shape == "bowl" else 0.022
        radius = 0.074 if thing.shape == "bowl" else 0.027
        _cast(scene, lamp, position, max(0.0, float(position[2]) - low), radius)
    for side in ("left", "right"):
        pad = data.geom(f"pad_{side}").xpos
        _cast(scene, lamp, pad, max(0.0, float(pad[2]) - 0.02), 0.022)


def _cast(scene: Any, lamp: Any, position: Any, height_m: float, radius_m: float) -> None:
    """One patch, away from the lamp and wider and fainter the higher the thing."""
    fade = 1.0 - height_m / _FADES_OVER_M
    away = (position[:2] - lamp[:2]) * (position[2] / max(0.3, lamp[2] - position[2])) * 0.8
    x, y = position[:2] + away
    margin = radius_m * 1.4
    on_table = TABLE_X_M[0] + margin < x < TABLE_X_M[1] - margin and TABLE_Y_M[0] + margin < y < TABLE_Y_M[1] - margin
    if fade <= 0 or not on_table or position[2] < -0.05:
        return
    for layer, (wide, dark) in enumerate(_LAYERS):
        if scene.ngeom >= scene.maxgeom:
            return
        size = radius_m * (wide + 1.6 * height_m * wide)
        mujoco.mjv_initGeom(
            scene.geoms[scene.ngeom],
            mujoco.mjtGeom.mjGEOM_CYLINDER,
            np.array([size, 0.0001, 0.0]),
            np.array([x, y, _ABOVE_TABLE_M + 0.0002 * layer]),
            _EYE,
            np.array([0.0, 0.0, 0.0, dark * fade], dtype=np.float32),
        )
        scene.ngeom += 1
