"""What crosses the kernel's doors: socket pairs (SOCK_SEQPACKET) to link, pilot, launcher; msgpack.

The launcher makes the pairs and keeps them open, so a restarted child finds its door where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from protocol.permit import Signed
from protocol.row import Row
from protocol.state import Mode, Permitted
from protocol.wire import U32
from robot.door import decoder

DOORS = ("link", "pilot", "launcher")


class DoorMessage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    """One packet.  `id` is the asker's and comes back in the `Answer`; empty where none is due."""

    id: str = ""


# -- to the kernel -----------------------------------------------------------------------------------------------------
# `fingerprint` is the DTLS fingerprint of the peer that spoke, as the link saw it on the connection (never as the peer
# claims).  Through the doors `pilot` and `launcher` it is ignored: the door's own name stands in its place.


class Acquire(DoorMessage, frozen=True, kw_only=True, tag="acquire"):
    """A permit of act drive or policy, presented by its peer."""

    fingerprint: str = ""
    permit: Signed


class Release(DoorMessage, frozen=True, kw_only=True, tag="release"):
    """`reason` released, hidden, page_left, handed_over, or link_lost when the peer's connection closed."""

    fingerprint: str = ""
    epoch: int
    seq: int
    reason: str = "released"


class Command(DoorMessage, frozen=True, kw_only=True, tag="command"):
    """A datagram of protocol.command: a command or a heartbeat.  Nothing answers it; refusals are counted in `Status`.

    seen_capture_mono_s: when the picture the sender saw last was captured, None when it has seen none.
    The rest only from the pilot: until when the chunk may move the robot, its number, its doubt, and who decided.
    """

    fingerprint: str = ""
    raw: bytes
    seen_capture_mono_s: float | None = None
    dies_mono_s: float | None = None
    chunk: int = -1
    uncertainty: float | None = None
    pilot: Literal["operator", "policy", "primitive", "script", "hold"] = "operator"


class Goal(DoorMessage, frozen=True, kw_only=True, tag="goal"):
    """One step: `delta` float[A], rates times seconds for rate axes, the wanted value for the others."""

    fingerprint: str = ""
    epoch: int
    seq: int
    n: int
    sent_us: int
    seen_capture_mono_s: float | None = None
    delta: tuple[float, ...]


class Stop(DoorMessage, frozen=True, kw_only=True, tag="stop"):
    """Remote stop, latched under `source`; answered by `Stopped` each time."""

    source: str


class Clear(DoorMessage, frozen=True, kw_only=True, tag="clear"):
    """Clear one latched source, with a permit of act clear; the launcher's door needs none (a person at the robot)."""

    fingerprint: str = ""
    source: str
    permit: Signed | None = None


class Renew(DoorMessage, frozen=True, kw_only=True, tag="renew"):
    renewal: Signed


class SetRemoteMotion(DoorMessage, frozen=True, kw_only=True, tag="set_remote_motion"):
    """The local switch; only through the launcher's door."""

    allowed: bool


class SetHeld(DoorMessage, frozen=True, kw_only=True, tag="set_held"):
    """The server says that this robot's key is live twice (held), or that it has been settled."""

    held: bool


class SetFence(DoorMessage, frozen=True, kw_only=True, tag="set_fence"):
    """The run that rows belong to from now on, 0 for none; only through the pilot's door.  A label: it permits nothing."""

    fence: U32


ToKernel = Acquire | Release | Command | Goal | Stop | Clear | Renew | SetRemoteMotion | SetHeld | SetFence

# -- from the kernel ---------------------------------------------------------------------------------------------------


class Answer(DoorMessage, frozen=True, kw_only=True, tag="answer"):
    """To an Acquire (then epoch and seq are the lease's), Release, Goal, Clear, SetRemoteMotion, SetHeld.

    code is "" when it was done, else the refusal's code with its plain sentence.
    """

    code: str = ""
    sentence: str = ""
    epoch: int = 0
    seq: int = 0
    detail: dict[str, Any] = {}


class Stopped(DoorMessage, frozen=True, kw_only=True, tag="stopped"):
    """The stop is latched and the body was told zero at `mono_s`."""

    source: str
    mono_s: float


class Event(DoorMessage, frozen=True, kw_only=True, tag="event"):
    """One transition or decision.  `n` rises by one within an epoch; `after` of one is `before` of the next."""

    n: int
    mono_s: float
    time_ns: int
    event: str
    actor: str = ""
    reason: str = ""
    before: Mode
    after: Mode
    epoch: int
    seq: int = 0
    detail: dict[str, Any] = {}


FromKernel = Answer | Stopped | Event

# -- in shared memory: the status mailbox, the row ring, the event ring (records are `Event`) --------------------------


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """The lease as others may know it."""

    epoch: int
    seq: int
    kind: Literal["human", "policy"]
    person: str
    name: str
    fingerprint: str
    since_mono_s: float


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Written into the status mailbox every tick.  Lists follow the Embodiment; `clamps` bits: protocol.clamps."""

    tick: int
    mono_s: float
    epoch: int
    mode: Mode
    reason: str
    actor: str
    since_mono_s: float
    lease: Holder | None
    stops: tuple[str, ...]
    remote_motion: bool
    held: bool
    nonce: str
    permitted: Permitted
    control_latency_ms: float | None
    command_ms: float | None  # age of the newest command when it was accepted
    apply_ms: float | None  # from its acceptance to the body
    asked: tuple[float, ...]
    done: tuple[float, ...]
    clamps: int
    state: tuple[float, ...]
    state_mono_s: float | None
    tool_m: tuple[float, float, float] | None
    torque: tuple[float, ...]
    refused: dict[str, int]  # by code, over the last whole second
    last_refusal: str
    missed_ticks: int
    loop_p99_ms: float
    messages_dropped: int


decode_to_kernel: Callable[[bytes], ToKernel] = decoder(ToKernel, "to the kernel")
decode_from_kernel: Callable[[bytes], FromKernel] = decoder(FromKernel, "of the kernel")
_status = msgspec.msgpack.Decoder(Status)
_row = msgspec.msgpack.Decoder(Row)
_event = msgspec.msgpack.Decoder(Event)


def decode_status(raw: bytes) -> Status:
    return _status.decode(raw)


def decode_row(raw: bytes) -> Row:
    return _row.decode(raw)


def decode_event(raw: bytes) -> Event:
    return _event.decode(raw)
