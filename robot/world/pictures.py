"""Draws what a camera of a simulated world sees, from the world's newest positions.  Used by the media process only."""

from __future__ import annotations

import ctypes.util
import os
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.embodiment import Camera
from protocol.errors import Refused
from robot.world.wire import SceneState

_ADVICE = (
    "Pictures of a simulated world need OpenGL without a screen. On Debian: apt-get install libegl1 libgl1-mesa-dri "
    "(or libosmesa6 and MUJOCO_GL=osmesa)."
)


def open_graphics(width: int, height: int) -> Any:
    """An OpenGL context without a screen: what MUJOCO_GL names, else EGL, else OSMesa; Refused("graphics_missing")."""
    # Mesa's rasteriser in the calling thread: its own threads spin and take the cores of the control loops.
    os.environ.setdefault("LP_NUM_THREADS", "0")
    wanted = os.environ.get("MUJOCO_GL", "")
    if wanted not in ("egl", "osmesa"):
        wanted = "egl" if ctypes.util.find_library("EGL") else "osmesa"
    os.environ["MUJOCO_GL"] = wanted  # MuJoCo reads it when it is first loaded
    try:
        context = import_module(f"mujoco.{wanted}").GLContext(width, height)
        context.make_current()
    except (RuntimeError, ImportError, AttributeError, OSError) as error:
        raise Refused("graphics_missing", f"{_ADVICE} ({error})") from error
    return context


class Pictures:
    """One camera's renderer.  Make, use and close it in one thread: an OpenGL context belongs to a thread."""

    def __init__(self, world: str, camera: Camera) -> None:
        self._world, self._camera = world, camera
        self._graphics = open_graphics(camera.width, camera.height)
        self._scene = ""
        self._model: Any = None
        self._context: Any = None
        self._variable: Any = None
        self._variation: Any = None
        self._colours: dict[str, tuple[float, float, float]] = {}

    def vary(self, variation: Any) -> None:
        """From now on the world looks so (robot.world.variation.Variation; None: as it was built)."""
        self._variation = variation
        if self._variable is not None:
            self._dress()

    def draw(self, look: SceneState) -> NDArray[np.uint8]:
        """uint8[H,W,3] RGB of the world as it is in `look`."""
        import mujoco

        self._graphics.make_current()
        if look.scene != self._scene or self._model is None:
            self._open(look.scene)
        self._take(look)
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_camlight(self._model, self._data)
        everything = mujoco.mjtCatBit.mjCAT_ALL
        mujoco.mjv_updateScene(self._model, self._data, self._options, None, self._eye, everything, self._drawn)
        if self._world == "tabletop":
            from robot.world.shadows import cast_shadows

            cast_shadows(self._model, self._data, self._drawn)
        mujoco.mjr_render(self._area, self._drawn, self._context)
        mujoco.mjr_readPixels(self._pixels, None, self._area, self._context)
        return np.ascontiguousarray(self._pixels[::-1])  # OpenGL's first row is the lowest

    def close(self) -> None:
        if self._context is not None:
            self._context.free()
            self._context = self._model = None
        if self._graphics is not None:
            self._graphics.free()
            self._graphics = None

    def _open(self, scene: str) -> None:
        import mujoco

        if self._context is not None:
            self._context.free()
        from robot.world.variation import Variable

        self._model = _model_of(self._world, scene)
        self._data = mujoco.MjData(self._model)
        self._variable = Variable(self._model)
        self._dress()
        self._model.vis.quality.offsamples = 0
        self._model.vis.quality.shadowsize = 0
        self._context = mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._area = mujoco.MjrRect(0, 0, self._camera.width, self._camera.height)
        self._pixels = np.empty((self._camera.height, self._camera.width, 3), dtype=np.uint8)
        self._drawn = mujoco.MjvScene(self._model, maxgeom=1000)
        self._drawn.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = 0
        self._drawn.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = 0
        self._options = mujoco.MjvOption()
        self._eye = mujoco.MjvCamera()
        self._eye.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._eye.fixedcamid = self._model.camera(self._camera.name).id
        self._scene = scene

    def _dress(self) -> None:
        """The pristine model, varied, and what was painted on top."""
        from robot.world.paint import paint

        self._variable.vary(self._variation)
        paint(self._model, self._colours)

    def _take(self, look: SceneState) -> None:
        """Positions, and what the world changed in its model since it was compiled: places of bodies and sites."""
        model = self._model
        self._data.qpos[:] = np.frombuffer(look.qpos, dtype="<f8")
        if look.colours != self._colours:
            self._colours = look.colours
            self._dress()
        if look.edits:
            edits = np.frombuffer(look.edits, dtype="<f8")
            parts = (model.body_pos, model.body_quat, model.site_pos)
            start = 0
            for part in parts:
                part[:] = edits[start : start + part.size].reshape(part.shape)
                start += part.size


def _model_of(world: str, scene: str) -> Any:
    if world == "tabletop":
        from robot.world.embodiments import TABLETOP
        from robot.world.tabletop_scene import tabletop_model

        return tabletop_model(TABLETOP)
    from robot.world.metaworld_world import task_model

    return task_model(scene)
