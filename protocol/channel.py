"""Browser <-> robot over the reliable data channel `state` (JSON).  Commands and heartbeats are binary: command.py."""

from __future__ import annotations

from typing import Literal

from protocol.permit import Signed
from protocol.state import Permitted, RecordingState, RobotState
from protocol.wire import Message, Problem

# -- browser -> robot ---------------------------------------------------------------------------------------------------


class Acquire(Message, tag="acquire"):
    permit: Signed


class Release(Message, tag="release"):
    epoch: int
    seq: int
    reason: Literal["released", "hidden", "page_left", "handed_over"] = "released"


class Stop(Message, tag="stop"):
    """Remote stop; also sent as a datagram and over the server, repeated until `stopped` comes back."""

    source: str  # the person's id; latched under this name


class Clear(Message, tag="clear"):
    source: str
    permit: Signed  # act "clear"


class Goal(Message, tag="goal"):
    """One step (step mode): move the tool by `delta` (one number per action axis; rates times seconds), alive for 1 s."""

    epoch: int
    seq: int
    n: int
    sent_us: int
    seen_frame: int
    delta: tuple[float, ...]


class Ping(Message, tag="ping"):
    sent_us: int


class Watch(Message, tag="watch"):
    """Which camera is the main one (the one `seen_frame` counts) and which are shown at all."""

    main: str
    shown: tuple[str, ...]


class Seen(Message, tag="seen"):
    """What the page measured over the last second, for the waterfall and the session's record; milliseconds, medians."""

    network_ms: float
    buffer_ms: float
    decode_ms: float
    display_ms: float
    glass_ms: float
    glass_p95_ms: float
    fps: float
    lost_pct: float


class RecordStart(Message, tag="record_start"):
    instruction: str


class RecordStop(Message, tag="record_stop"):
    """`discard` throws the take away (re-record); otherwise it is kept with its outcome."""

    outcome: Literal["success", "failure", "unlabelled"] = "unlabelled"
    discard: bool = False


class SaveLast(Message, tag="save_last"):
    seconds: float = 30.0
    instruction: str = ""


class ResetScene(Message, tag="reset_scene"):
    """Simulated bodies only: put the objects back; needs the lease."""

    seed: int | None = None


FromBrowser = (
    Acquire | Release | Stop | Clear | Goal | Ping | Watch | Seen | RecordStart | RecordStop | SaveLast | ResetScene
)

# -- robot -> browser ---------------------------------------------------------------------------------------------------


class Hello(Message, tag="hello"):
    """First message: what the page needs to draw and to name frames.

    The picture with RTP timestamp t of camera c is frame ((t - rtp_origin[c]) mod 2^32) / 3000.
    """

    robot: str
    embodiment: str  # JSON of the Embodiment
    cameras: tuple[str, ...]  # in the order of the video sections of the answer
    rtp_origin: dict[str, int]
    session: str


class Granted(Message, tag="granted"):
    epoch: int
    seq: int


class Done(Message, tag="done"):
    """A request was carried out (release, clear, goal, recording, watch)."""


class Stopped(Message, tag="stopped"):
    """The kernel's own word that the stop is latched and the output is zero."""

    source: str


class Pong(Message, tag="pong"):
    sent_us: int
    mono_us: int  # robot's monotonic clock: the clock of capture times
    time_ns: int


class Frames(Message, tag="frames"):
    """Capture times of pictures of the main camera sent lately: (index, capture on the robot's monotonic clock, us)."""

    camera: str
    captured: tuple[tuple[int, int], ...]


class Telemetry(Message, tag="telemetry", kw_only=True):
    """20 times a second.  `asked` and `done` float[A]; `clamps` by name; `refused` counts by code over the last second."""

    mono_us: int
    state: tuple[float, ...]
    asked: tuple[float, ...]
    done: tuple[float, ...]
    clamps: tuple[str, ...]
    torque: tuple[float, ...] = ()
    permitted: Permitted
    control_latency_ms: float | None
    command_ms: float | None  # age of the newest command when it was accepted
    apply_ms: float | None  # from acceptance to the actuator
    refused: dict[str, int] = {}
    last_refusal: str = ""  # plain sentence
    recording: RecordingState


class Stages(Message, tag="stages"):
    """Robot-side stages of the main camera over the last second, milliseconds, medians."""

    camera: str
    render_ms: float
    capture_ms: float
    encode_ms: float
    send_ms: float
    kbit_s: float
    fps: float


class State(Message, tag="state"):
    """Sent on every change and at least once a second."""

    robot: RobotState


FromRobot = Hello | Granted | Done | Stopped | Pong | Frames | Telemetry | Stages | State | Problem
