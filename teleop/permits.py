"""Who may get a permit, and the permit itself.  The robot grants; this only says that it may."""

from __future__ import annotations

import msgspec

from fleet import keys
from protocol.errors import Refused
from protocol.permit import Permit, Signed
from protocol.state import LeaseState, RobotState


def sign(permit: Permit) -> Signed:
    return keys.sign(msgspec.json.encode(permit))


def check_takeable(lease: LeaseState | None, fingerprint: str, *, take: bool) -> None:
    """Refuses when another person holds the lease and may not be displaced."""
    if lease is None or lease.kind == "policy" or lease.fingerprint == fingerprint or take:
        return
    raise Refused(
        "held",
        f"{lease.name} holds the lease. Ask for it; without an answer in 10 s you may take it.",
        owner=lease.name,
        epoch=lease.epoch,
        seq=lease.seq,
    )


def check_same(asked: LeaseState, lease: LeaseState | None) -> None:
    """Refuses when somebody else has come to hold the lease than the one who was asked: they were not."""
    if lease is None or lease.kind == "policy" or (lease.epoch, lease.seq) == (asked.epoch, asked.seq):
        return
    raise Refused(
        "holder_changed",
        f"{lease.name} holds the lease now. Ask for it again.",
        owner=lease.name,
        epoch=lease.epoch,
        seq=lease.seq,
    )


def check_ready(state: RobotState | None) -> RobotState:
    """The robot's state, or a refusal that says what is missing before anybody can drive."""
    if state is None:
        raise Refused("robot_offline", "The robot is not connected. Check its power and network.")
    if not state.nonce:
        raise Refused("robot_not_ready", "The robot's control loop is starting. Repeat in a moment.")
    return state


def check_drivable(state: RobotState) -> None:
    if state.stops:
        raise Refused("stopped", "A remote stop is latched. Look at the robot, then clear it.", sources=list(state.stops))
    if not state.remote_motion:
        raise Refused("remote_motion_off", "Remote motion is switched off at the robot. Switch it on there.")
