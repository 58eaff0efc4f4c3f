"""The simulated arm at its table: physics, servo, senses, seeded resets.  No clock, no pictures, no processes."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from protocol.errors import Refused
from robot.world.arm import TOOL_DOWN, Pose, ToolServo, rotation_vector
from robot.world.embodiments import TABLETOP, WORKSPACE
from robot.world.rest import Rest
from robot.world.sawyer import DAMPING, FINGER_TRAVEL_M, JOINTS, STIFFNESS
from robot.world.tabletop_scene import CUBE_HALF_M, SURFACES, THINGS, TRAY_HALF_M, TRAY_M, Thing, tabletop_model
from robot.world.wire import SceneObject
from robot.world.world import Sensed

_STEPS_PER_TICK = 4
_SPAWN_LOW, _SPAWN_HIGH = np.array([0.45, -0.25]), np.array([0.78, 0.28])  # metres, where things may start
_HOME_M = (0.54, 0.0, 0.24)
_SAWYER_NEUTRAL = (0.0, -1.18, 0.0, 2.18, 0.0, 0.57, 3.3161)  # rad; the arm maker's neutral posture, to start IK from
_SETTLE_TICKS = 40

SCENES = {
    "mixed": tuple(t.name for t in THINGS),
    "cubes": ("red cube", "blue cube", "yellow cube"),
    "bowl": ("red cube", "bowl"),
    "three": ("red cube", "blue cube", "yellow cube", "green cylinder"),
    "empty": (),
}
_DRAWN = {"three": 3}  # so many of the scene's things, drawn from the seed


class Tabletop:
    """A `World` with one arm.  `servo` may be read by tests and planners; only `drive` moves it."""

    embodiment = TABLETOP
    tick_s = 0.010
    scenes = tuple(SCENES)
    paintable = (*(thing.name for thing in THINGS), *SURFACES)

    def __init__(self) -> None:
        self.model = tabletop_model(TABLETOP)
        self.data = mujoco.MjData(self.model)
        self.servo = ToolServo(self.model, np.array(WORKSPACE.low), np.array(WORKSPACE.high))
        self.servo.place(np.array(_SAWYER_NEUTRAL))
        if self.servo.solve(Pose(np.array(_HOME_M), TOOL_DOWN)) > 1e-3:
            raise Refused("simulation_broken", "The arm cannot reach its home posture: the metaworld package changed.")
        self._home = self.servo.joints.copy()
        self._site = self.model.site("tool").id
        self._arm_dofs = np.array([self.model.joint(name).dofadr[0] for name in JOINTS])
        self._finger = self.model.joint("finger_left").qposadr[0]
        self._lead = np.array(DAMPING) / np.array(STIFFNESS)  # s; cancels the servo's lag behind a steady speed
        self._twist = np.zeros(6)
        self._grip = 0.0
        self._rest = Rest()
        self.reset(0, "mixed")

    def reset(self, seed: int, scene: str) -> None:
        """Things at places drawn from `seed`; refuses an unknown scene with Refused("scene_unknown")."""
        if scene not in SCENES:
            raise Refused("scene_unknown", f"There is no scene {scene!r}. Choose one of: {', '.join(SCENES)}.")
        mujoco.mj_resetData(self.model, self.data)
        self.data.qpos[:7] = self._home
        self.data.qpos[self._finger : self._finger + 2] = FINGER_TRAVEL_M
        rng = np.random.default_rng(seed)
        names = SCENES[scene]
        if scene in _DRAWN:
            names = tuple(str(name) for name in rng.choice(names, _DRAWN[scene], replace=False))
        self._place(rng, names)
        self.servo.place(self._home)
        self._twist[:] = 0
        self._grip = 0.0
        self._rest.end()
        mujoco.mj_forward(self.model, self.data)
        for _ in range(_SETTLE_TICKS):
            self.advance()

    def drive(self, action: NDArray[np.float32] | None) -> None:
        """See `World`.  Values beyond the Embodiment's limits are cut, as the real arm's controller would."""
        if action is None:
            twist = np.zeros(6)
        else:
            low = np.array([axis.low for axis in TABLETOP.action])
            high = np.array([axis.high for axis in TABLETOP.action])
            wanted = np.clip(action.astype(np.float64), low, high)
            twist, grip = wanted[:6], float(wanted[6])
            if grip != self._grip:
                self._grip = grip
                self._rest.end()
        if twist.any():
            self._rest.end()
        elif self._twist.any():
            self.servo.hold()
        self._twist = twist

    def advance(self) -> None:
        if self._twist.any():
            self.servo.follow(self._twist, self.tool(), self.tick_s)
        self.data.ctrl[:7] = self.servo.joints + self._lead * self.servo.speeds
        self.data.ctrl[7:9] = (1.0 - self._grip) * FINGER_TRAVEL_M
        mujoco.mj_step(self.model, self.data, _STEPS_PER_TICK)
        if not self._twist.any():
            self._rest.watch(self.data.qpos)

    def resting(self) -> bool:
        return self._rest.reached

    def tool(self) -> Pose:
        """Where the tool really is."""
        return Pose(self.data.site_xpos[self._site].copy(), self.data.site_xmat[self._site].reshape(3, 3).copy())

    def sense(self) -> Sensed:
        tool = self.tool()
        torque = self.data.qfrc_actuator[self._arm_dofs].astype(np.float32)
        opening = float(self.data.qpos[self._finger : self._finger + 2].mean()) / FINGER_TRAVEL_M
        state = np.concatenate([
            self.data.qpos[:7],
            self.data.qvel[self._arm_dofs],
            torque,
            [np.clip(1.0 - opening, 0.0, 1.0), float(self.data.sensordata[:2].mean())],
            tool.position,
            rotation_vector(tool.rotation @ TOOL_DOWN.T),
        ])  # fmt: skip
        x, y, z = (float(v) for v in tool.position)
        return Sensed(state.astype(np.float32), (x, y, z), torque)

    def look(self) -> tuple[bytes, bytes]:
        return self.data.qpos.tobytes(), b""

    def objects(self) -> list[SceneObject]:
        found = []
        for thing in THINGS:
            body = self.data.body(thing.name)
            x, y, z = (float(v) for v in body.xpos)
            a, b, c, d = (float(v) for v in body.xquat)
            if z > -0.3:  # the others lie on the floor
                found.append(SceneObject(thing.name, (x, y, z), (a, b, c, d)))
        x, y = TRAY_M
        return [*found, SceneObject("tray", (x, y, 0.0), (1.0, 0.0, 0.0, 0.0))]

    def _place(self, rng: np.random.Generator, names: tuple[str, ...]) -> None:
        """Things in `names` somewhere on the mat, apart from each other and the tray; the rest under the table."""
        taken: list[tuple[NDArray[np.float64], float]] = [(np.array(TRAY_M), float(np.hypot(*TRAY_HALF_M)))]
        for order, thing in enumerate(sorted(THINGS, key=lambda t: -t.footprint_m)):
            height = 0.001 if thing.shape == "bowl" else CUBE_HALF_M
            if thing.name in names:
                spot = _free_spot(rng, taken, thing)
                taken.append((spot, thing.footprint_m))
            else:
                spot, height = np.array([0.45 + 0.15 * order, 0.0]), height - 0.9
            turn = rng.uniform(-0.5, 0.5)
            joint = self.model.joint(thing.name).qposadr[0]
            self.data.qpos[joint : joint + 7] = [*spot, height, np.cos(turn / 2), 0, 0, np.sin(turn / 2)]


def _free_spot(rng: np.random.Generator, taken: list[tuple[NDArray[np.float64], float]], thing: Thing) -> NDArray[np.float64]:
    """The first of 1000 drawn places that is clear of the others by a finger's width, else the clearest."""
    best, clearest = np.zeros(2), -np.inf
    for _ in range(1000):
        spot = rng.uniform(_SPAWN_LOW, _SPAWN_HIGH)
        clear = min(float(np.linalg.norm(spot - other)) - r for other, r in taken) - thing.footprint_m
        if clear > clearest:
            best, clearest = spot, clear
        if clear > 0.03:
            break
    return best
