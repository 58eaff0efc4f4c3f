"""What a running simulated robot really does, read from its world and its kernel: not from the pages, not from the server."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import psutil

from robot.kernel.door import Status
from robot.mailbox import Mailbox
from robot.state import read_run
from robot.world import wire
from robot.world.embodiments import TABLETOP


@dataclass
class RobotTruth:
    """`folder` is the robot's state folder."""

    folder: Path

    @property
    def run_dir(self) -> Path:
        run = read_run(self.folder)
        assert run is not None, f"no robot runs in {self.folder}"
        return Path(run.run_dir)

    def arm(self) -> wire.ArmState:
        found = Mailbox.open(self.run_dir / wire.state_file(0)).get()
        assert found is not None
        return msgspec.msgpack.decode(found[0], type=wire.ArmState)

    def tool(self) -> np.ndarray:
        """Tool centre point in metres."""
        return np.array(self.arm().tool_m)

    def sensed(self, name: str) -> float:
        values = np.frombuffer(self.arm().state, "<f4")
        return float(values[[q.name for q in TABLETOP.state].index(name)])

    def status(self) -> Status:
        found = Mailbox.open(self.run_dir / "status").get()
        assert found is not None
        return msgspec.msgpack.decode(found[0], type=Status)

    def process(self, module: str) -> psutil.Process:
        """The process that runs `robot.<module>` for this robot."""
        run = read_run(self.folder)
        assert run is not None
        for child in psutil.Process(run.pid).children(recursive=True):
            with contextlib.suppress(psutil.ZombieProcess, psutil.NoSuchProcess):
                if f"robot.{module}" in " ".join(child.cmdline()):
                    return child
        raise AssertionError(f"no process robot.{module}")


def until(true: Callable[[], bool], within_s: float, what: str) -> float:
    """Waits; gives the seconds it took."""
    start_s = time.monotonic()
    while time.monotonic() - start_s < within_s:
        if true():
            return time.monotonic() - start_s
        time.sleep(0.01)
    raise AssertionError(f"after {within_s} s still not: {what}")
