"""How JSON messages look and how they are read: `{v, type, id, ...}`, strictly.

The messages themselves stand in their own files.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from protocol.errors import Refused

VERSION = 1
MAX_MESSAGE = 64 * 1024  # bytes of one JSON message; pictures and files never travel as JSON

U32 = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]  # as in the binary messages; also seeds
U63 = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]  # what every database and msgpack can hold
RowId = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{32})?\Z")]  # of a row on the server; "" names none
# JSON numbers are always finite: the decoder refuses NaN, Infinity and what float64 cannot hold.

T = TypeVar("T")


class Message(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    """One message.  `id` is chosen by the sender and echoed in the answer; empty where no answer is due."""

    v: Literal[1] = 1
    id: str = ""


class Problem(Message, frozen=True, tag="refused"):
    """The answer to a message that was refused; nothing changed."""

    code: str
    sentence: str
    detail: dict[str, Any] = {}


_FIELD = re.compile(r"`\$\.?([^`]*)`")
_NAMED = re.compile(r"field `([^`]+)`")


def encode(message: msgspec.Struct) -> str:
    return msgspec.json.encode(message).decode()


def decode(raw: str | bytes, kind: Any, limit: int = MAX_MESSAGE) -> Any:
    """A message of the union `kind`.

    Raises `Refused` with `too_large`, `invalid_json`, `unknown_type`, `upgrade_required` or `invalid_field:<name>`.
    """
    if len(raw) > limit:
        raise Refused("too_large", f"A message may have {limit} bytes; this one has {len(raw)}.")
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        raise _refusal(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("invalid_json", f"The message is not valid JSON: {error}.") from error


def _refusal(text: str) -> Refused:
    named = _NAMED.search(text)
    path = _FIELD.search(text)
    field = named.group(1) if named else path.group(1) if path else ""
    if field == "type":
        return Refused("unknown_type", "This kind of message is not known here.")
    if field == "v":
        return Refused("upgrade_required", f"This side speaks version {VERSION} of the messages.", version=VERSION)
    return Refused(f"invalid_field:{field or 'message'}", f"{text}.")


def problem(error: Refused, id: str = "") -> Problem:
    return Problem(id=id, code=error.code, sentence=error.sentence, detail=dict(error.detail))
