"""What a robot says about itself: the same words on the way to the server, to the fleet page and to the cockpit."""

from __future__ import annotations

from typing import Literal

import msgspec

from protocol.wire import U32, U63

Mode = Literal["ESTOP", "SAFE_HOLD", "AUTONOMY", "TELEOP"]
Permitted = Literal["direct", "scaled", "step", "supervise"]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a message."""


class LeaseState(Part, frozen=True):
    """Who may move the robot.  `held_s` counts since the grant."""

    epoch: U32
    seq: U32
    kind: Literal["human", "policy"]
    person: str
    name: str
    fingerprint: str
    held_s: float


class CameraState(Part, frozen=True):
    name: str
    width: U32
    height: U32
    fps: float  # measured over the last second, 0 while nobody watches or records
    age_ms: float | None  # of the newest picture
    live: bool
    masked: bool = False  # a part of it is blacked out for privacy, on the robot


class RecordingState(Part, frozen=True):
    """`recording` only after the log's first bytes were flushed; `saved` only after fsync and read-back (I18)."""

    state: Literal["idle", "recording", "finalising", "saved", "failed"]
    episode: str = ""
    seconds: float = 0.0
    frames: U32 = 0
    flushed_age_ms: float | None = None
    preroll_s: float = 0.0  # how much "save the last 30 s" would keep now
    pending: U32 = 0  # episodes not yet confirmed by the server
    uploaded_pct: float | None = None
    sentence: str = ""


class Health(Part, frozen=True):
    loop_p99_ms: float | None = None  # period error of the control loop over the last minute
    missed_ticks: U63 = 0
    rows_lost: U63 = 0
    disk_free_mb: float | None = None
    cpu_pct: float | None = None
    restarts: dict[str, U63] = {}
    notes: tuple[str, ...] = ()


class RobotState(Part, frozen=True):
    """Everything others may know of a robot, at most 5 times a second."""

    mode: Mode
    reason: str
    actor: str = ""
    since_s: float = 0.0  # seconds in this mode
    lease: LeaseState | None = None
    stops: tuple[str, ...] = ()  # latched sources
    remote_motion: bool = True
    nonce: str = ""  # for the next permit
    permitted: Permitted = "supervise"
    control_latency_ms: float | None = None
    cameras: tuple[CameraState, ...] = ()
    recording: RecordingState = RecordingState(state="idle")
    health: Health = Health()
    watchers: U32 = 0
    time_ns: U63 = 0
    state: tuple[float, ...] = ()
    torque: tuple[float, ...] = ()
    masks: U63 = 0  # version of the privacy masks in force
