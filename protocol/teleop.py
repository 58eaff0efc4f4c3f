"""Browser <-> server over `/ws/teleop/<robot>/`: signalling, permits, consent, the stop's second way.  Never video."""

from __future__ import annotations

from typing import Any, Literal

from protocol.permit import Signed
from protocol.state import RobotState
from protocol.wire import Message, Problem

# -- browser -> server ----------------------------------------------------------------------------


class Offer(Message, frozen=True, tag="offer"):
    sdp: str


class Resume(Message, frozen=True, tag="resume"):
    """After a new socket: this page's connection to the robot is still alive and goes on.  Refused: make a new offer."""

    session: str


class PermitRequest(Message, frozen=True, tag="permit_request"):
    """Ask for a permit.  `act` clear needs the same right as drive.  `force` with a reason is the administrators' way."""

    act: Literal["drive", "clear"]
    force: bool = False
    reason: str = ""


class TakeRequest(Message, frozen=True, tag="take_request"):
    """Ask the person who holds the lease to hand it over."""


class TakeAnswer(Message, frozen=True, tag="take_answer"):
    request: str
    consent: bool


class StopRequest(Message, frozen=True, tag="stop_request"):
    """Remote stop through the server."""


class Bye(Message, frozen=True, tag="bye"):
    pass


class Ack(Message, frozen=True, tag="ack"):
    """The page has shown state number `n`; the server sends at most a few more before the next."""

    n: int


FromBrowser = Offer | Resume | PermitRequest | TakeRequest | TakeAnswer | StopRequest | Bye | Ack

# -- server -> browser ----------------------------------------------------------------------------


class Hello(Message, frozen=True, tag="hello", kw_only=True):
    """What the page may do here and how to connect.  `robot_key` is the robot's public key (base64) as enrolled."""

    robot: str
    robot_name: str
    person: str
    person_name: str
    may_drive: bool
    may_force: bool
    why_not: str = ""  # plain sentence when may_drive is false
    ice_servers: tuple[dict[str, Any], ...]
    robot_key: str
    online: bool


class IceServers(Message, frozen=True, tag="ice_servers"):
    """In place of those of `Hello`, whose credentials end soon: for the next connection of a page that stays open."""

    ice_servers: tuple[dict[str, Any], ...]


class Answer(Message, frozen=True, tag="answer"):
    session: str
    sdp: str
    fingerprint: str
    signature: str
    cameras: tuple[str, ...]


class Permitted(Message, frozen=True, tag="permitted"):
    permit: Signed


class TakeAsked(Message, frozen=True, tag="take_asked"):
    """To the holder: somebody asks for the lease; without an answer in `seconds` they may take it."""

    request: str
    name: str
    seconds: float


class TakeResult(Message, frozen=True, tag="take_result"):
    """To the asker: granted now carries a permit with take."""

    consent: bool
    by: Literal["holder", "timeout"]
    permit: Signed | None = None


class StopState(Message, frozen=True, tag="stop_state"):
    """The truth about a stop asked through the server."""

    state: Literal["asked", "acknowledged", "unreachable"]
    last_seen_s: float | None = None


class RobotNow(Message, frozen=True, tag="robot_now"):
    n: int
    online: bool
    last_seen_s: float | None
    state: RobotState | None


class SessionEnded(Message, frozen=True, tag="session_ended"):
    session: str
    reason: str
    sentence: str


FromServer = Hello | IceServers | Answer | Permitted | TakeAsked | TakeResult | StopState | RobotNow | SessionEnded | Problem
