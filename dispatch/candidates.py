"""Which robot may run which policy now, and if not why: the sentence that stands beside it.  Pure."""

from __future__ import annotations

from dataclasses import dataclass

from protocol.state import RobotState


@dataclass(frozen=True)
class Facts:
    """What is known of a robot that somebody wants to use."""

    name: str
    kind: str
    state: RobotState | None  # None while it is not connected
    held: str = ""
    run: str = ""  # the sentence it is at
    may: bool = True


@dataclass(frozen=True)
class Wanted:
    """What a policy can drive."""

    name: str
    kinds: tuple[str, ...]
    skills: tuple[str, ...]
    things: tuple[str, ...]
    withdrawn: str = ""
    stage: str = "candidate"


def why_not_robot(robot: Facts, kinds: tuple[str, ...] | None) -> tuple[str, str]:
    """(code, sentence) of the first thing in the way; ("", "") when it may start.  `kinds` of the policy, None before one is
    chosen."""
    if not robot.may:
        return "forbidden", "Your role does not start runs there. Ask an administrator."
    if robot.held:
        return "robot_held", robot.held
    if kinds is not None and robot.kind not in kinds:
        return "policy_embodiment", "The policy was not trained for this kind of robot."
    if robot.run:
        return "robot_busy", f"It is at “{robot.run}”."
    if robot.state is None:
        return "robot_offline", "It is not connected. Check its power and network."
    return _why_not_now(robot.state)


def _why_not_now(state: RobotState) -> tuple[str, str]:
    if state.stops:
        return "stopped", "A remote stop is latched. Look at the robot, then clear it."
    if not state.remote_motion:
        return "remote_motion_off", "Remote motion is switched off at the robot. Switch it on there."
    if state.lease is not None and state.lease.kind == "human":
        return "held", f"{state.lease.name} drives it."
    if not state.nonce:
        return "robot_not_ready", "Its control loop is starting. Repeat in a moment."
    if state.recording.state == "recording":
        return "recording", "It records something else. End that first."
    return "", ""


def why_not_policy(policy: Wanted) -> tuple[str, str]:
    if policy.withdrawn:
        return "policy_withdrawn", f"Withdrawn: {policy.withdrawn}"
    if policy.stage == "retired":
        return "policy_retired", "It is retired."
    if not policy.skills or not policy.things:
        return "policy_speechless", "Its card names no skills or no objects, so no sentence can be checked against it."
    return "", ""
