"""What the kernel tells after every tick: the source of the rows of an episode.  One msgpack record of the row ring."""

from __future__ import annotations

import msgspec


class Row(msgspec.Struct, array_like=True):
    """One control tick.  `state` float[S], `action` (asked) and `action_done` float[A] in Embodiment order and units.

    `pilot` as in protocol.episode; `fence` 0 outside of runs; `clamps` are the bits of protocol.clamps.
    """

    tick: int
    mono_s: float
    time_ns: int
    mode: str
    reason: str
    pilot: str
    person: str
    person_name: str
    lease_epoch: int
    lease_seq: int
    fence: int
    state: tuple[float, ...]
    action: tuple[float, ...]
    action_done: tuple[float, ...]
    clamps: int
    latency_ms: float  # control latency; NaN when there is none
    chunk: int = -1
    uncertainty: float = float("nan")
    torque: tuple[float, ...] = ()
