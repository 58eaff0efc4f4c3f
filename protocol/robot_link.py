"""Robot <-> server over the robot's outbound WebSocket `/ws/robot/`.  JSON text; snapshots are binary (see `SNAPSHOT`)."""

from __future__ import annotations

from typing import Any, Literal

from protocol.permit import Signed
from protocol.runs import RunEnd, RunNoted, RunOrder, RunReport, RunResume
from protocol.state import Part, RobotState
from protocol.wire import U32, U63, Message, Problem

PROTOCOL = 1  # of the robot; the server takes OLDEST..NEWEST
OLDEST, NEWEST = 1, 1
SNAPSHOT = 1  # first byte of a binary message: u8 kind, u8 camera index, then a JPEG of at most 30 kB
SNAPSHOT_MAX = 30_000

# -- robot -> server ------------------------------------------------------------------------------


class Hello(Message, frozen=True, tag="hello"):
    robot: str
    protocol: U32
    program: str  # version of the robot program
    embodiment: str  # JSON


class Proof(Message, frozen=True, tag="proof"):
    signature: str  # base64 Ed25519 over permit.login_bytes(robot, nonce)


class Report(Message, frozen=True, tag="report"):
    state: RobotState


class LogEntry(Part, frozen=True):
    """One line of the robot's transition log; `n` rises by one for ever, also across restarts."""

    n: U63
    time_ns: U63
    event: str
    actor: str = ""
    reason: str = ""
    before: str = ""
    after: str = ""
    epoch: U32 = 0
    seq: U32 = 0
    detail: dict[str, Any] = {}


class Log(Message, frozen=True, tag="log"):
    entries: tuple[LogEntry, ...]


class Answer(Message, frozen=True, tag="answer"):
    """The robot's SDP answer, and its signature over permit.dtls_bytes(...)."""

    session: str
    sdp: str
    fingerprint: str
    signature: str
    cameras: tuple[str, ...]


class SessionRefused(Message, frozen=True, tag="session_refused"):
    session: str
    code: str
    sentence: str
    detail: dict[str, Any] = {}


class SessionEnded(Message, frozen=True, tag="session_ended"):
    session: str
    reason: str
    waterfall: dict[str, float] = {}  # medians of the whole session, ms


class StopAck(Message, frozen=True, tag="stop_ack"):
    source: str


class TokenRequest(Message, frozen=True, tag="token_request"):
    """Ask for a bearer token for uploads."""


FromRobot = Hello | Proof | Report | Log | Answer | SessionRefused | SessionEnded | StopAck | TokenRequest | RunReport

# -- server -> robot ------------------------------------------------------------------------------


class Challenge(Message, frozen=True, tag="challenge"):
    nonce: str


class Welcome(Message, frozen=True, tag="welcome"):
    time_ns: U63
    log_from: U63  # first log entry the server does not have


class Held(Message, frozen=True, tag="held"):
    """The same key is live twice: the robot must hold until an administrator has decided."""

    sentence: str


class Offer(Message, frozen=True, tag="offer"):
    session: str
    person: str
    name: str
    sdp: str
    ice_servers: tuple[dict[str, Any], ...] = ()


class EndSession(Message, frozen=True, tag="end_session"):
    session: str
    reason: str


class Renew(Message, frozen=True, tag="renew"):
    renewal: Signed


class StopNow(Message, frozen=True, tag="stop_now"):
    source: str


class LogAck(Message, frozen=True, tag="log_ack"):
    through: U63


class Token(Message, frozen=True, tag="token"):
    token: str
    valid_s: float


class Snapshots(Message, frozen=True, tag="snapshots"):
    """Whether somebody looks at this robot's snapshots now."""

    wanted: bool


class Masks(Message, frozen=True, tag="masks"):
    """The privacy masks of this robot (`protocol.masks.MaskSet`), after each log-in and whenever they change."""

    masks: Signed


FromServer = (
    Challenge | Welcome | Held | Offer | EndSession | Renew | StopNow | LogAck | Token | Snapshots | Masks
    | RunOrder | RunResume | RunEnd | RunNoted | Problem
)  # fmt: skip

CloseReason = Literal["bye", "revoked", "replaced", "clone", "slow", "upgrade_required"]
