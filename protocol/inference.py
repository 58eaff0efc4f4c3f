"""A robot's pilot process <-> server over its outbound WebSocket `/ws/robot/infer/`: observations up, chunks down.

JSON text for the log-in, as in `robot_link` (hello, challenge, proof, welcome); then binary msgpack.  The server keeps the
newest observation of a robot only, and for `OBSERVATION_TTL_S`: who is late asks anew.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from protocol.errors import Refused
from protocol.policy import Reasoning
from protocol.wire import U32, U63, RowId

VERSION = 1
OBSERVATION_TTL_S = 1.0
MAX_BYTES = 512 * 1024  # of one message
JPEG_QUALITY = 90
MAX_SIDE = 640  # pixels of a picture that crosses the server


class _Binary(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    v: U32 = VERSION
    n: U32  # of the observation; its answer carries it too


class Observed(_Binary, frozen=True, kw_only=True, tag="observed"):
    """One question.  `state` float32[S], `prefix` float32[P, A] in Embodiment order and units, little endian; `pictures` are
    JPEG by camera.  `step` counts the chunks that this run has followed: what is usual changes as a run goes on."""

    run: RowId
    policy: RowId
    step: U32
    captured_ns: U63
    instruction: str
    state: bytes
    pictures: dict[str, bytes]
    prefix: bytes = b""
    delay_steps: U32 = 0


class Chunk(_Binary, frozen=True, kw_only=True, tag="chunk"):
    """Its answer.  `actions` float32[H, A], the first for `captured_ns`, `dt_s` apart.  `doubt` is how unusual the
    observation is, `limit` from where on a calibrated run would not be so; None where nobody has calibrated this policy."""

    captured_ns: U63
    actions: bytes
    axes: U32
    dt_s: float
    doubt: float | None = None
    limit: float | None = None
    reasoning: Reasoning | None = None
    scores: dict[str, float] = {}
    waited_ms: float = 0.0  # from the observation's arrival to its batch
    thought_ms: float = 0.0
    batch: U32 = 1  # robots that were answered at once
    worker: str = ""


class Trouble(_Binary, frozen=True, kw_only=True, tag="trouble"):
    """No chunk for this observation: `policy_missing`, `policy_loading`, `queue_full`, `policy_output`, `policy_input`, ..."""

    code: str
    sentence: str
    detail: dict[str, Any] = {}


FromPilot = Observed
ToPilot = Chunk | Trouble


def encode(message: Observed | Chunk | Trouble) -> bytes:
    return msgspec.msgpack.encode(message)


def decode(raw: bytes, kind: Any) -> Any:
    """`Refused("too_large" | "inference_message")`."""
    if len(raw) > MAX_BYTES:
        raise Refused("too_large", f"A message may have {MAX_BYTES} bytes; this one has {len(raw)}.")
    try:
        message = msgspec.msgpack.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("inference_message", f"The message cannot be read: {error}.") from error
    if message.v != VERSION:
        raise Refused("upgrade_required", f"This side speaks version {VERSION} of the inference messages.", version=VERSION)
    return message


def floats(raw: bytes, width: int) -> NDArray[np.float32]:
    """float32[N, width] of little endian bytes; `Refused("inference_message")` when they do not divide."""
    if width < 1 or len(raw) % (4 * width):
        raise Refused("inference_message", f"{len(raw)} bytes are not rows of {width} numbers.")
    return np.frombuffer(raw, "<f4").astype(np.float32).reshape(-1, width)
