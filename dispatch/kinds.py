"""What kind of robot a row is, as policies name it, and the pictures of it that a policy and people are shown."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from fleet.models import Robot
from policies.models import PolicyVersion
from protocol.embodiment import Embodiment

LEGIBLE = 320  # pixels across: enough for a person who is asked for help


def kind_of(robot: Robot) -> str:
    """`Embodiment.kind`; "" while the robot has not described itself."""
    return _kind(robot.embodiment_hash, msgspec.json.encode(robot.embodiment)) if robot.embodiment else ""


def pictures_of(policy: PolicyVersion, robot: Robot) -> dict[str, tuple[int, int]]:
    """Width and height by camera: a whole multiple of what the policy wants, which it scales down to exactly that."""
    wanted: dict[str, list[int]] = policy.cameras.get(kind_of(robot), {})
    return {
        name: (times * width, times * height) for name, (width, height) in wanted.items() for times in [max(1, LEGIBLE // width)]
    }


@lru_cache(256)
def _kind(hash: str, raw: bytes) -> str:
    return msgspec.json.decode(raw, type=Embodiment).kind
