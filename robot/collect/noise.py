"""Noise in what is done, never in what is asked: the demonstration then shows how to come back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from protocol.embodiment import Embodiment

SIGMA = 0.35  # of a full step
FULL_M_S = 0.35  # a full step is 35 mm in the 100 ms of a policy step, also for faster arms
STEPS = 14  # the first so many policy steps
SHARE = 0.5  # of these are disturbed
_DISTURBED = ("vx", "vy", "vz")


class Noise:
    """DART (Laskey et al., "DART: Noise Injection for Robust Imitation Learning", CoRL 2017): the expert's action is
    disturbed while it is carried out, and recorded as it was meant."""

    def __init__(self, embodiment: Embodiment, seed: int, steps: int = STEPS, sigma: float = SIGMA) -> None:
        self._rng = np.random.default_rng([seed, 2])
        self._scale = sigma * np.array(
            [min(axis.high, FULL_M_S) if axis.name in _DISTURBED else 0.0 for axis in embodiment.action]
        )
        self._left = steps

    def next(self) -> NDArray[np.float64]:
        """What is added to the action float64[A] during the next policy step."""
        drawn = self._rng.normal(size=len(self._scale)) * self._scale
        disturbs = self._rng.random() < SHARE and self._left > 0
        self._left -= 1
        return drawn if disturbs else np.zeros_like(drawn)
