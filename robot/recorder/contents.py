"""What the records of an episode log mean: opening, ticks, events, closing.  Encoding and decoding only."""

from __future__ import annotations

from typing import Any

import msgspec

from protocol.episode import Outcome
from protocol.errors import Refused
from protocol.row import Row
from robot.recorder.log import Record

OPENING, TICK, EVENT, CLOSING = 1, 2, 3, 4


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """First record: everything that is known when an episode begins."""

    episode: str
    robot: str
    embodiment: dict[str, Any]
    instruction: str
    program: str
    world: dict[str, Any]
    started_ns: int
    asked_by: str = ""
    campaign: str = ""
    prompt: str = ""


class Picture(msgspec.Struct, frozen=True, array_like=True):
    """One encoded frame of one camera.  `capture_ns` 0 and `repeated` when there was no new picture (yet).

    `masks`: see `robot.frame_ring.RingFrame`.
    """

    capture_ns: int
    repeated: bool
    key: bool
    data: bytes
    masks: int = 0


class Tick(msgspec.Struct, frozen=True, array_like=True):
    """One record tick: its time, the newest control tick, one frame of every camera in the order of the Embodiment."""

    mono_s: float
    time_ns: int
    row: Row
    rows_lost: int
    pictures: tuple[Picture, ...]


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """A line of `events.jsonl`: a transition of the kernel, or something the recorder itself has to say."""

    time_ns: int
    mono_s: float
    event: str
    actor: str = ""
    reason: str = ""
    before: str = ""
    after: str = ""
    detail: dict[str, Any] = {}


class Closing(msgspec.Struct, frozen=True, kw_only=True):
    """Last record of an episode that ended in order; `cut` when its end is missing all the same (full disk)."""

    outcome: Outcome
    cut: bool = False
    reason: str = ""


_encoder = msgspec.msgpack.Encoder()
_KINDS: dict[int, Any] = {OPENING: Opening, TICK: Tick, EVENT: Happening, CLOSING: Closing}
_decoders = {kind: msgspec.msgpack.Decoder(type_) for kind, type_ in _KINDS.items()}


def encode(content: msgspec.Struct) -> bytes:
    return _encoder.encode(content)


def decode(record: Record) -> Opening | Tick | Happening | Closing:
    """`Refused("log_unreadable")` when the record is whole but not one of ours."""
    try:
        content: Opening | Tick | Happening | Closing = _decoders[record.kind].decode(record.payload)
    except (KeyError, msgspec.DecodeError) as error:
        raise Refused("log_unreadable", f"Record {record.number} at byte {record.offset} is not known: {error}.") from error
    return content
