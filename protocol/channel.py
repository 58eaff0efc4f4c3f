"""Browser <-> robot over the reliable data channel `state` (JSON).  Commands and heartbeats are binary: command.py."""

from __future__ import annotations

from typing import Literal

from protocol.permit import Signed
from protocol.state import Permitted, RecordingState, RobotState
from protocol.wire import U32, U63, Message, Problem, RowId

# -- browser -> robot -----------------------------------------------------------------------------


class Acquire(Message, frozen=True, tag="acquire"):
    permit: Signed


class Release(Message, frozen=True, tag="release"):
    epoch: U32
    seq: U32
    reason: Literal["released", "hidden", "page_left", "handed_over"] = "released"


class Stop(Message, frozen=True, tag="stop"):
    """Remote stop; also sent as a datagram and over the server, repeated until `stopped` comes back."""

    source: str  # the person's id; latched under this name


class Clear(Message, frozen=True, tag="clear"):
    source: str
    permit: Signed  # act "clear"


class Goal(Message, frozen=True, tag="goal"):
    """One step (step mode): move the tool by `delta` (one number per action axis; rates times seconds), alive for 1 s."""

    epoch: U32
    seq: U32
    n: U32
    sent_us: U63
    seen_frame: U32
    delta: tuple[float, ...]


class Ping(Message, frozen=True, tag="ping"):
    sent_us: U63


class Watch(Message, frozen=True, tag="watch"):
    """Which camera is the main one (the one `seen_frame` counts) and which are shown at all."""

    main: str
    shown: tuple[str, ...]


class Seen(Message, frozen=True, tag="seen"):
    """What the page measured over the last second, for the waterfall and the session's record; milliseconds, medians."""

    network_ms: float
    buffer_ms: float
    decode_ms: float
    display_ms: float
    glass_ms: float
    glass_p95_ms: float
    fps: float
    lost_pct: float


class RecordStart(Message, frozen=True, tag="record_start"):
    """A take of a campaign names it and its prompt; the page leaves both out otherwise, so that older robots know it."""

    instruction: str
    campaign: RowId = ""
    prompt: RowId = ""


class RecordStop(Message, frozen=True, tag="record_stop"):
    """`discard` throws the take away (re-record); otherwise it is kept with its outcome."""

    outcome: Literal["success", "failure", "unlabelled"] = "unlabelled"
    discard: bool = False


class RecordUndo(Message, frozen=True, tag="record_undo"):
    """Bring back the take that was discarded last, for 10 minutes; while another is recorded, it is saved after that."""


class SaveLast(Message, frozen=True, tag="save_last"):
    seconds: float = 30.0
    instruction: str = ""


class ResetScene(Message, frozen=True, tag="reset_scene"):
    """Simulated bodies only: put the objects back; needs the lease."""

    seed: U32 | None = None


class PaintScene(Message, frozen=True, tag="paint_scene"):
    """Simulated bodies only: other colours (a name such as purple, or #rrggbb) for things by name; a reset ends it."""

    colours: dict[str, str]


FromBrowser = (
    Acquire | Release | Stop | Clear | Goal | Ping | Watch | Seen
    | RecordStart | RecordStop | RecordUndo | SaveLast | ResetScene | PaintScene
)  # fmt: skip

# -- robot -> browser -----------------------------------------------------------------------------


class Hello(Message, frozen=True, tag="hello"):
    """First message: what the page needs to draw and to name frames.

    The picture with RTP timestamp t of camera c is frame ((t - rtp_origin[c]) mod 2^32) / 3000.
    """

    robot: str
    embodiment: str  # JSON of the Embodiment
    cameras: tuple[str, ...]  # in the order of the video sections of the answer
    rtp_origin: dict[str, int]
    session: str


class Granted(Message, frozen=True, tag="granted"):
    epoch: U32
    seq: U32


class Done(Message, frozen=True, tag="done"):
    """A request was carried out (release, clear, goal, recording, watch)."""


class Stopped(Message, frozen=True, tag="stopped"):
    """The kernel's own word that the stop is latched and the output is zero."""

    source: str


class Pong(Message, frozen=True, tag="pong"):
    sent_us: U63
    mono_us: U63  # robot's monotonic clock: the clock of capture times
    time_ns: U63


class Frames(Message, frozen=True, tag="frames"):
    """Capture times of pictures of the main camera sent lately: (index, capture on the robot's monotonic clock, us)."""

    camera: str
    captured: tuple[tuple[int, int], ...]


class Telemetry(Message, frozen=True, tag="telemetry", kw_only=True):
    """20 times a second.  `asked` and `done` float[A]; `clamps` by name; `refused` counts by code over the last second."""

    mono_us: U63
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


class Stages(Message, frozen=True, tag="stages"):
    """Robot-side stages of the main camera over the last second, milliseconds, medians."""

    camera: str
    render_ms: float
    capture_ms: float
    encode_ms: float
    send_ms: float
    kbit_s: float
    fps: float


class State(Message, frozen=True, tag="state"):
    """Sent on every change and at least once a second."""

    robot: RobotState


FromRobot = Hello | Granted | Done | Stopped | Pong | Frames | Telemetry | Stages | State | Problem
