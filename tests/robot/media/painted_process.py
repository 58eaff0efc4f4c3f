"""The real media process with a body of two painted cameras put into the registry.  Not a test."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from protocol.embodiment import Camera, Embodiment
from robot.bodies import registry
from robot.bodies.body import Body, BodySpec, Frame
from robot.media import process

_EYE = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
_POSE = tuple(tuple(float(i == j) for j in range(4)) for i in range(4))


class Painted:
    """64x48 at about 30 a second; raises an ordinary error once the file `break` is there."""

    def __init__(self, run_dir: Path) -> None:
        self._break = run_dir / "break"
        self._count = 0

    def read(self) -> Frame | None:
        if self._break.exists():
            raise ZeroDivisionError("a mistake in a driver")
        time.sleep(1 / 30)
        self._count += 1
        image = np.full((48, 64, 3), self._count % 200, np.uint8)
        return Frame(self._count, time.monotonic(), time.time_ns(), image)

    def close(self) -> None:
        """Nothing to give back."""


def describe(_: Mapping[str, object], run_dir: Path) -> BodySpec:
    cameras = tuple(Camera(name, 64, 48, 30, _EYE, "base", _POSE) for name in ("left", "right"))
    return BodySpec(Embodiment("painted", (), (), 50, 30, 10, cameras), (), _no_driver, lambda _: Painted(run_dir))


def _no_driver() -> Body:
    raise AssertionError("nothing moves here")


if __name__ == "__main__":
    registry.BODIES["painted"] = f"{__package__}.painted_process.describe"
    sys.exit(process.main(sys.argv[1:]))
