"""Why what was done differs from what was asked, once.  Bit i of a clamp word is `CLAMPS[i]`; part of the episode format."""

from __future__ import annotations

CLAMPS = (
    "not_finite",  # the asked number was none: zero instead
    "limit",  # outside the axis' low or high
    "speed",  # the translation was faster than allowed
    "latency",  # slowed because the picture is old
    "slew",  # changed faster than the axis' slew
    "workspace",  # would have left the workspace
    "deadman",  # the deadman was not held
    "stale_command",  # no fresh command: zero instead of the last one
    "stale_picture",  # the picture the person acts on is too old, or the link permits no direct motion
    "neutral_first",  # not yet neutral since the lease or the last stop
)
(
    NOT_FINITE, LIMIT, SPEED, LATENCY, SLEW, WORKSPACE, DEADMAN, STALE_COMMAND, STALE_PICTURE, NEUTRAL_FIRST,
) = (1 << bit for bit in range(len(CLAMPS)))  # fmt: skip


def clamp_names(bits: int) -> tuple[str, ...]:
    """The names of the set bits, in the order of `CLAMPS`."""
    return tuple(name for bit, name in enumerate(CLAMPS) if bits >> bit & 1)
