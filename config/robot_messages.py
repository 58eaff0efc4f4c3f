"""Who handles which message of a robot.  The robot socket hands each message to all handlers named for its type."""

from __future__ import annotations

#: message type -> dotted paths of `async def handler(robot: ConnectedRobot, message) -> None`, called in order
HANDLERS: dict[str, tuple[str, ...]] = {
    "report": ("fleet.telemetry.report", "teleop.presence.look", "teleop.leases.renew", "dispatch.robots.on_report"),
    "log": ("fleet.telemetry.log",),
    "stop_ack": ("fleet.telemetry.stop_ack",),
    "token_request": ("episodes.tokens.on_request",),
    "answer": ("teleop.signalling.on_answer",),
    "session_refused": ("teleop.signalling.on_refused",),
    "session_ended": ("teleop.signalling.on_ended",),
    "run_report": ("dispatch.robots.on_run",),
}
