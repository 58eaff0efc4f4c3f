"""What the world process asks of a simulated world.  The world is stepped by its caller: it has no clock of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from protocol.embodiment import Embodiment
from robot.world.wire import SceneObject


@dataclass(frozen=True, slots=True)
class Sensed:
    """What the arm feels: `state` float32[S] in Embodiment order, tool point in the base frame, N m per joint."""

    state: NDArray[np.float32]
    tool_m: tuple[float, float, float]
    torque: NDArray[np.float32] | None


class World(Protocol):
    """One arm and its surroundings.  Two worlds reset with one seed and driven alike are alike, bit for bit."""

    embodiment: Embodiment
    tick_s: float
    scenes: tuple[str, ...]
    paintable: tuple[str, ...]  # names of things and surfaces that can have another colour

    def reset(self, seed: int, scene: str) -> None:
        """Start over; `scene` is one of `scenes`."""

    def drive(self, action: NDArray[np.float32] | None) -> None:
        """What the arm is asked from now on, float32[A] in Embodiment units; None = stand still, grip as it is."""

    def advance(self) -> None:
        """One tick of `tick_s` simulated seconds."""

    def resting(self) -> bool:
        """Nothing moves and nothing is asked to: another tick would change nothing that anybody could see."""

    def sense(self) -> Sensed: ...

    def look(self) -> tuple[bytes, bytes]:
        """What a renderer with its own copy of the model needs: generalised positions, and other changes to it."""

    def objects(self) -> list[SceneObject]: ...
