"""Whether a world has come to rest: nothing asked, nothing moved for a while.  Such a world need not be stepped."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_TICKS = 40
_MOST = 5e-4  # metres or radians from where it was; solvers let a disc on its foot tremble for ever


class Rest:
    """Watches the generalised positions tick by tick."""

    def __init__(self) -> None:
        self._anchor: NDArray[np.float64] = np.zeros(0)
        self._ticks = 0

    @property
    def reached(self) -> bool:
        return self._ticks >= _TICKS

    def end(self) -> None:
        """Something was asked of the world."""
        self._ticks = 0

    def watch(self, positions: NDArray[np.float64]) -> None:
        """After each tick in which nothing is asked."""
        moved = positions.shape != self._anchor.shape or float(np.abs(positions - self._anchor).max()) > _MOST
        if moved:
            self._anchor = positions.copy()
        self._ticks = 0 if moved else self._ticks + 1
