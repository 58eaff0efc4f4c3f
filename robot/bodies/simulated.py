"""The arm of a simulated world, as the kernel and the media process see it.  The physics are elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from protocol.embodiment import Embodiment
from protocol.errors import Refused
from robot.bodies.body import Body, BodySpec, BodyState, Child, FrameSource
from robot.bodies.config import read_config
from robot.mailbox import Mailbox
from robot.world import wire
from robot.world.embodiments import METAWORLD, TABLETOP

_EMBODIMENTS = {"tabletop": TABLETOP, "metaworld": METAWORLD}


class SimulatedConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`scene` of the tabletop: mixed, cubes, bowl, empty; of metaworld: a task such as reach-v3."""

    world: str = "tabletop"
    scene: str = ""
    seed: int = 0
    stamp: bool = False
    lockstep: bool = False


class SimulatedBody:
    """A `Body` at the other end of two mailboxes of the world process, which has the watchdog."""

    watchdog_s = wire.WATCHDOG_S

    def __init__(self, embodiment: Embodiment, run_dir: Path) -> None:
        self.embodiment = embodiment
        self._run_dir = run_dir
        self._commands: Mailbox | None = None
        self._states: Mailbox | None = None

    def observe(self) -> BodyState | None:
        if not self._connect() or self._states is None:
            return None
        newest = self._states.get()
        if newest is None:
            return None
        sensed = msgspec.msgpack.decode(newest[0], type=wire.ArmState)
        torque = np.frombuffer(sensed.torque, dtype=np.float32) if sensed.torque else None
        return BodyState(newest[1], np.frombuffer(sensed.state, dtype=np.float32), sensed.tool_m, torque)

    def act(self, action: NDArray[np.float32]) -> None:
        self._tell(np.ascontiguousarray(action, dtype="<f4").tobytes())

    def stop(self) -> None:
        self._tell(b"")

    def close(self) -> None:
        self.stop()
        for mailbox in (self._commands, self._states):
            if mailbox is not None:
                mailbox.close()
        self._commands = self._states = None

    def _tell(self, command: bytes) -> None:
        if self._connect() and self._commands is not None:
            self._commands.put(command, time.monotonic())

    def _connect(self) -> bool:
        """Whether the world has made its mailboxes; it keeps them when it starts again."""
        if self._states is None:
            try:
                self._commands = Mailbox.open(self._run_dir / wire.command_file(0))
                self._states = Mailbox.open(self._run_dir / wire.state_file(0))
            except Refused:  # the world is not up yet
                return False
        return True


def describe(config: Mapping[str, object], run_dir: Path) -> BodySpec:
    """See `SimulatedConfig`; Refused("body_config")."""
    wanted = read_config(config, SimulatedConfig)
    if wanted.world not in _EMBODIMENTS:
        raise Refused("body_config", f"There is no world {wanted.world!r}. Choose one of: {', '.join(_EMBODIMENTS)}.")
    embodiment = _EMBODIMENTS[wanted.world]
    args = [str(run_dir), "--world", wanted.world, "--seed", str(wanted.seed)]
    args += ["--scene", wanted.scene] if wanted.scene else []
    args += ["--lockstep"] if wanted.lockstep else []

    def open_body() -> Body:
        return SimulatedBody(embodiment, run_dir)

    def open_camera(name: str) -> FrameSource:
        from robot.world.camera import WorldCamera  # MuJoCo stays out of the kernel

        return WorldCamera(wanted.world, embodiment.camera(name), run_dir, wanted.stamp)

    return BodySpec(embodiment, (Child("world", "robot.world.process", tuple(args)),), open_body, open_camera)
