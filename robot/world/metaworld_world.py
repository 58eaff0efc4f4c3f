"""Any of Meta-World's 50 tasks as the world of an arm: the package's own environment, stepped by us.  No clock."""

from __future__ import annotations

import functools
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from protocol.errors import Refused
from robot.world.embodiments import METAWORLD, METAWORLD_SPEED_M_S
from robot.world.rest import Rest
from robot.world.wire import SceneObject
from robot.world.world import Sensed

_OBSERVABLE = "-goal-observable"


@functools.cache
def _environments() -> dict[str, Any]:
    """Task name to the package's class; the import takes a second and is put off until it is needed."""
    from metaworld.env_dict import ALL_V3_ENVIRONMENTS_GOAL_OBSERVABLE

    return {name.removesuffix(_OBSERVABLE): made for name, made in ALL_V3_ENVIRONMENTS_GOAL_OBSERVABLE.items()}


def _environment(task: str, seed: int) -> Any:
    known = _environments()
    if task not in known:
        raise Refused("scene_unknown", f"Meta-World has no task {task!r}. Choose one such as {', '.join(list(known)[:3])}.")
    env = known[task](seed=seed)
    env.max_path_length = 1 << 62  # it would refuse to go on after 500 steps; a world has no such end
    env.seeded_rand_vec, env._freeze_rand_vec = True, False
    return env


class MetaWorld:
    """A `World` whose scenes are the tasks.  `observation` float64[39] and `success` are what the package says."""

    embodiment = METAWORLD
    tick_s = 0.0125
    paintable: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.scenes = ("reach-v3", *(name for name in _environments() if name != "reach-v3"))
        self._task = ""
        self._env: Any = None
        self.success = False
        self._action = np.zeros(4)
        self._rest = Rest()

    def reset(self, seed: int, scene: str) -> None:
        """Object and goal places drawn from `seed`; Refused("scene_unknown")."""
        if scene != self._task:
            env = _environment(scene, seed)
            self._task, self._env = scene, env
        self._env.seed(seed)
        self.observation: NDArray[np.float64] = self._env.reset()[0]
        self.success = False
        self._action = np.array([0.0, 0.0, 0.0, -1.0])
        self._rest.end()

    @property
    def model(self) -> mujoco.MjModel:
        """The present task's; another task has another."""
        return self._env.model

    def drive(self, action: NDArray[np.float32] | None) -> None:
        """Velocities become the package's actions of -1 to 1; the gripper's 0 to 1 becomes its effort of -1 to 1."""
        wanted = np.array([0.0, 0.0, 0.0, self._action[3]])
        if action is not None:
            wanted[:3] = np.clip(action[:3] / METAWORLD_SPEED_M_S, -1, 1)
            wanted[3] = np.clip(2.0 * action[3] - 1.0, -1, 1)
        if wanted[:3].any() or wanted[3] != self._action[3]:
            self._rest.end()
        self._action = wanted

    def advance(self) -> None:
        observation, _, _, _, info = self._env.step(self._action.astype(np.float32))
        self.observation, self.success = observation, bool(info["success"])
        if not self._action[:3].any():
            self._rest.watch(self._env.data.qpos)

    def resting(self) -> bool:
        return self._rest.reached

    def sense(self) -> Sensed:
        x, y, z, opening = (float(v) for v in self.observation[:4])
        state = np.array([x, y, z, np.clip(1.0 - opening, 0.0, 1.0)], dtype=np.float32)
        return Sensed(state, (x, y, z), None)

    def look(self) -> tuple[bytes, bytes]:
        """Tasks move their furniture by editing the model, so those places travel too."""
        model = self._env.model
        edits = np.concatenate([model.body_pos.ravel(), model.body_quat.ravel(), model.site_pos.ravel()])
        return self._env.data.qpos.tobytes(), edits.tobytes()

    def objects(self) -> list[SceneObject]:
        """The task's first object and, where it has one, the second, as the package observes them."""
        found = []
        for number, start in (("object", 4), ("second object", 11)):
            x, y, z, a, b, c, d = (float(v) for v in self.observation[start : start + 7])
            if (x, y, z) != (0.0, 0.0, 0.0):
                found.append(SceneObject(number, (x, y, z), (d, a, b, c)))  # the package's order is x y z w
        return found


def task_model(task: str) -> mujoco.MjModel:
    """The task's model for drawing, with the Embodiment's cameras in it."""
    from robot.world.sawyer import mujoco_view

    spec = mujoco.MjSpec.from_file(_environment(task, 0).model_name)
    for camera in METAWORLD.cameras:
        position, axes, fovy = mujoco_view(camera)
        quat = np.empty(4)
        mujoco.mju_mat2Quat(quat, np.ascontiguousarray(axes).ravel())
        spec.worldbody.add_camera(name=camera.name, pos=position, quat=quat, fovy=fovy)
    return spec.compile()
