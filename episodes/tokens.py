"""Bearer tokens by which robots upload.  A robot asks for one over its socket, where it has proven its key."""

from __future__ import annotations

from typing import Any

from django.core.signing import BadSignature, SignatureExpired, TimestampSigner

from fleet.models import Robot
from protocol import robot_link
from protocol.errors import Refused

VALID_S = 3600.0
_SALT = "reins.uploads"


def mint(robot: Robot) -> str:
    """A token for uploads of this robot with the key it has now, valid for `VALID_S`."""
    return TimestampSigner(salt=_SALT).sign(f"{robot.pk}|{robot.public_key}")


def check(token: str) -> Robot:
    """The robot that may upload with `token`.

    `Refused("token_invalid")` also when it was revoked or got another key since, `Refused("robot_held")` while it is held.
    """
    try:
        robot_id, _, key = TimestampSigner(salt=_SALT).unsign(token, max_age=int(VALID_S)).partition("|")
    except SignatureExpired as error:
        raise Refused("token_invalid", "The token has expired. Ask for a new one over the robot's socket.") from error
    except BadSignature as error:
        raise Refused("token_invalid", "This is no token of ours. Ask for one over the robot's socket.") from error
    robot = Robot.objects.live().filter(pk=robot_id).first()
    if robot is None:
        raise Refused("token_invalid", "This robot was revoked.")
    if robot.public_key != key:
        raise Refused("token_invalid", "This robot has another key now. Ask for a new token over its socket.")
    if robot.held_reason:
        raise Refused("robot_held", f"{robot.held_reason} Until then nothing is taken from it.")
    return robot


async def on_request(robot: Any, message: robot_link.TokenRequest) -> None:
    """Answers a robot's `TokenRequest`."""
    row = await Robot.objects.live().filter(pk=robot.id).afirst()
    if row is None:
        raise Refused("revoked", "This robot was revoked.")
    await robot.tell(robot_link.Token(id=message.id, token=mint(row), valid_s=VALID_S))
