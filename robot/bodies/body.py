"""What the kernel and the media process ask of a body: a driver that moves what it is told and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from protocol.embodiment import Embodiment


@dataclass(frozen=True, slots=True)
class BodyState:
    """What the body senses now.  `state` float32[S] in Embodiment order; `mono_s` when it was true."""

    mono_s: float
    state: NDArray[np.float32]
    tool_m: tuple[float, float, float] | None  # tool centre point in the base frame, for the workspace limit
    torque: NDArray[np.float32] | None = None  # N m, one per joint


class Body(Protocol):
    """Used from the kernel process only: every call returns at once, without network or disk.

    The body has its own watchdog: when `act` was not called for `watchdog_s` it stands still by itself, so that a
    killed or stopped kernel also means standstill.
    """

    embodiment: Embodiment
    watchdog_s: float

    def observe(self) -> BodyState | None:
        """The newest state, or None while the body has not answered yet."""

    def act(self, action: NDArray[np.float32]) -> None:
        """Set the action float32[A] in Embodiment units; it holds until the next call or the watchdog."""

    def stop(self) -> None:
        """Stand still now."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Frame:
    """One complete picture.  `image` uint8[H,W,3] RGB; `mono_s` and `time_ns` (UTC) are when it was complete."""

    index: int
    mono_s: float
    time_ns: int
    image: NDArray[np.uint8]
    render_ms: float = 0.0  # time spent making it, where it is simulated


class FrameSource(Protocol):
    """One camera, used from the media process only."""

    def read(self) -> Frame | None:
        """The next frame at the camera's own pace (blocks at most 100 ms), or None when there is none."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Child:
    """A process that the launcher starts and keeps alive for a body: `python -m module *args`."""

    name: str
    module: str
    args: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BodySpec:
    """All that the launcher, the kernel and the media process need to know of one configured body.

    Cheap and without side effects to make in each of them from the same name, configuration and run folder
    (`registry`).  `open_body` is called in the kernel process, `open_camera(name)` in the media process; a body
    without an arm has an Embodiment without action axes, and its `open_body` gives a driver that moves nothing.
    """

    embodiment: Embodiment
    children: tuple[Child, ...]
    open_body: Callable[[], Body]
    open_camera: Callable[[str], FrameSource]
