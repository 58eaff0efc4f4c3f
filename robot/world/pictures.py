"""Draws what a camera of a simulated world sees, from the world's newest positions.  Used by the media process only."""

from __future__ import annotations

import ctypes.util
import os
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


def choose_graphics() -> str:
    """Sets MUJOCO_GL before MuJoCo is loaded: as it is set, else EGL, else OSMesa; Refused("graphics_missing")."""
    if "MUJOCO_GL" not in os.environ:
        if ctypes.util.find_library("EGL"):
            os.environ["MUJOCO_GL"] = "egl"
        elif ctypes.util.find_library("OSMesa"):
            os.environ["MUJOCO_GL"] = "osmesa"
        else:
            raise Refused("graphics_missing", _ADVICE)
    # Mesa's rasteriser in the calling thread: its own threads spin and take the cores of the control loops.
    os.environ.setdefault("LP_NUM_THREADS", "0")
    return os.environ["MUJOCO_GL"]


class Pictures:
    """One camera's renderer.  Make, use and close it in one thread: an OpenGL context belongs to a thread."""

    def __init__(self, world: str, camera: Camera) -> None:
        choose_graphics()
        self._world, self._camera = world, camera
        self._scene = ""
        self._model: Any = None
        self._data: Any = None
        self._renderer: Any = None

    def draw(self, look: SceneState) -> NDArray[np.uint8]:
        """uint8[H,W,3] RGB of the world as it is in `look`."""
        import mujoco

        if look.scene != self._scene:
            self._open(look.scene)
        self._take(look)
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_camlight(self._model, self._data)
        self._renderer.update_scene(self._data, self._camera.name)
        scene = self._renderer.scene
        scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = 0
        scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = 0
        if self._world == "tabletop":
            from robot.world.shadows import cast_shadows

            cast_shadows(self._model, self._data, scene)
        image: NDArray[np.uint8] = self._renderer.render()
        return image

    def close(self) -> None:
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def _open(self, scene: str) -> None:
        import mujoco

        self.close()
        self._model = _model_of(self._world, scene)
        self._data = mujoco.MjData(self._model)
        try:
            self._renderer = mujoco.Renderer(self._model, self._camera.height, self._camera.width)
        except (RuntimeError, ImportError, AttributeError) as error:
            raise Refused("graphics_missing", f"{_ADVICE} ({error})") from error
        self._scene = scene

    def _take(self, look: SceneState) -> None:
        """Positions, and what the world changed in its model since it was compiled: places of bodies and sites."""
        model = self._model
        self._data.qpos[:] = np.frombuffer(look.qpos, dtype="<f8")
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
