"""A body without an arm: its Embodiment has no action axes and nothing here can move."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from protocol.embodiment import Embodiment
from robot.bodies.body import BodyState


class StillBody:
    """A `Body` that only senses; `sense(mono_s)` gives float32[S] and the tool point, if it has one."""

    watchdog_s = 0.150

    def __init__(
        self,
        embodiment: Embodiment,
        sense: Callable[[float], tuple[NDArray[np.float32], tuple[float, float, float] | None]],
    ) -> None:
        self.embodiment = embodiment
        self._sense = sense

    def observe(self) -> BodyState | None:
        now_s = time.monotonic()
        state, tool_m = self._sense(now_s)
        return BodyState(now_s, state, tool_m)

    def act(self, action: NDArray[np.float32]) -> None:
        """Nothing to move: the Embodiment has no axes."""

    def stop(self) -> None:
        """It always stands still."""

    def close(self) -> None:
        """Nothing is held."""
