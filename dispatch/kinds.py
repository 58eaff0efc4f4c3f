"""What kind of robot a row is, as policies name it."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from fleet.models import Robot
from protocol.embodiment import Embodiment


def kind_of(robot: Robot) -> str:
    """`Embodiment.kind`; "" while the robot has not described itself."""
    return _kind(robot.embodiment_hash, msgspec.json.encode(robot.embodiment)) if robot.embodiment else ""


@lru_cache(256)
def _kind(hash: str, raw: bytes) -> str:
    return msgspec.json.decode(raw, type=Embodiment).kind
