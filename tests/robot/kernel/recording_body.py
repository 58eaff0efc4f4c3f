"""A real driver for tests: writes every action it gets into a file, with the time.  It moves nothing."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from protocol.embodiment import Axis, Embodiment, Quantity, Workspace
from robot.bodies.body import BodySpec, BodyState, FrameSource

SPEED = 0.5
POINT = Embodiment(
    name="point",
    state=(Quantity("x", "m", -10, 10), Quantity("gripper", "1", 0, 1)),
    action=(
        Axis("vx", "m/s", -SPEED, SPEED, 5.0),
        Axis("vy", "m/s", -SPEED, SPEED, 5.0),
        Axis("vz", "m/s", -SPEED, SPEED, 5.0),
        Axis("wz", "rad/s", -1.0, 1.0, 10.0),
        Axis("gripper", "1", 0.0, 1.0, 5.0),
    ),
    control_hz=50.0,
    record_hz=30.0,
    policy_hz=10.0,
    cameras=(),
    workspace=Workspace(low=(-1.0, -1.0, 0.0), high=(1.0, 1.0, 1.0)),
).check()
LINE = struct.Struct("<d5f")


class RecordingBody:
    """Appends (mono_s, action) to `path` with one write each, so that a kill loses none."""

    embodiment = POINT
    watchdog_s = 0.15

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def observe(self) -> BodyState | None:
        return BodyState(time.monotonic(), np.array([0.0, 0.25], np.float32), (0.0, 0.0, 0.5))

    def act(self, action: NDArray[np.float32]) -> None:
        os.write(self._fd, LINE.pack(time.monotonic(), *action.tolist()))

    def stop(self) -> None:
        os.write(self._fd, LINE.pack(time.monotonic(), 0, 0, 0, 0, -1))  # -1: told to stop, not an action

    def close(self) -> None:
        os.close(self._fd)


def actions(path: Path) -> list[tuple[float, ...]]:
    """All (mono_s, vx, vy, vz, wz, gripper) so far."""
    return list(LINE.iter_unpack(path.read_bytes())) if path.exists() else []


def describe(config: Mapping[str, object], run_dir: Path) -> BodySpec:
    def no_camera(name: str) -> FrameSource:
        raise KeyError(name)

    return BodySpec(POINT, (), lambda: RecordingBody(run_dir / "actions"), no_camera)
