"""The words of the authority: lease, claim, transition, motion, and the constants they live by.  No behaviour."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from protocol.permit import LEASE_TTL_S, PERMIT_S
from protocol.state import Mode

HEARTBEAT_S = 0.25  # older than this: the lease is lost
GRANT_S = 1.0  # the first heartbeat has this long: the grant must travel to the page before it
COMMAND_S = 0.15  # an older command is refused, and the output is zero this long after the last accepted one
FUTURE_S = 0.05  # a command this much younger than any before it is refused once
DRIFT = 1e-4  # by how much sender's and robot's clocks may run apart
VIDEO_S = 0.5  # acting on an older picture is refused
GOAL_S = 1.0  # life of a step
BODY_S = 0.25  # an older body state means that the body is lost
NONCE_EVERY_S = 5.0
NONCE_S = PERMIT_S
TTL_S = LEASE_TTL_S
MAX_SOURCES = 16  # stops by more people than this are latched together
MORE_SOURCES = "more"

Kind = Literal["human", "policy"]


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to move this robot.  (epoch, seq) only ever rises."""

    epoch: int
    seq: int
    kind: Kind
    person: str
    name: str
    fingerprint: str
    since_s: float


@dataclass(frozen=True, slots=True)
class Claim:
    """What a permit says, its signature and its robot already verified.  `over`: (epoch, seq) of the lease it may end."""

    act: Literal["drive", "policy", "clear"]
    person: str
    name: str
    fingerprint: str
    nonce: str
    take: bool
    over: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Transition:
    """One line of the log: `after` of one is `before` of the next.  `actor` is a person, or "kernel"."""

    mono_s: float
    event: str
    actor: str
    reason: str
    before: Mode
    after: Mode
    epoch: int
    seq: int
    detail: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose command it is: a person's, or the pilot process's with the chunk it comes from, which dies at `dies_s`."""

    pilot: str = "operator"
    chunk: int = -1
    uncertainty: float = math.nan
    dies_s: float = math.inf


@dataclass(frozen=True, slots=True)
class Motion:
    """What is asked now: `values` float[A], or None for standing still.  With any of `bits` set it must not be done."""

    values: tuple[float, ...] | None
    bits: int
    origin: Origin
    until_s: float
