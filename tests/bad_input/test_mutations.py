"""Mutated messages of every protocol: each decoder answers with a message or with `Refused`, never with anything else."""

from __future__ import annotations

import json
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet.edge import StrictParser
from protocol import channel, command, live, robot_link, teleop, wire
from protocol.embodiment import decode_embodiment
from protocol.errors import Refused
from protocol.permit import Signed, decode_payload
from robot.kernel import door
from tests.bad_input.test_data_channel import FORTH
from tests.fleet.rig import BODY, state

QUIET = settings(derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
UNIONS: dict[str, Any] = {
    "cockpit": teleop.FromBrowser,
    "fleet page": live.FromBrowser,
    "robot": robot_link.FromRobot,
    "data channel": channel.FromBrowser,
    "server to robot": robot_link.FromServer,
}
SAMPLES: dict[type, Any] = {
    str: "text", int: 3, float: 0.5, bool: True, Signed: Signed("cGF5bG9hZA==", "c2ln"), type(state()): state(nonce="n"),
}  # fmt: skip


def good(kind: Any) -> bytes:
    """A message of this kind with every field filled in plainly."""
    fields: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        if field.required:
            fields[field.name] = _plain(field.type)
    return msgspec.json.encode(kind(**fields))


def _plain(kind: Any) -> Any:
    if kind in SAMPLES:
        return SAMPLES[kind]
    choices = get_args(kind)
    if choices and isinstance(choices[0], str):
        return choices[0]
    return ()


GOOD: dict[str, list[bytes]] = {name: [good(kind) for kind in get_args(union)] for name, union in UNIONS.items()}
#: words of JSON that are put where others were
WORDS = st.sampled_from(
    [b"null", b"true", b"-1", b"1e999", b"1e308", b"NaN", b"99999999999999999999999999", b"-0", b'""', b'"\\u0000"', b'"\\ud800"',
     b"[]", b"{}", b"[[[[[[]]]]]]", b'{"type":"x"}', b'"' + b"x" * 3000 + b'"', b"\xff", b'"\xed\xa0\x80"', b"0x10", b"",
     b"," , b"}", b"[" * 3000, b'"v":1,"v":1', b"\xef\xbb\xbf"]
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, raws: list[bytes]) -> bytes:
    raw = draw(st.sampled_from(raws))
    for _ in range(draw(st.integers(1, 4))):
        at, to = sorted((draw(st.integers(0, len(raw))), draw(st.integers(0, len(raw)))))
        match draw(st.sampled_from(["cut", "drop", "put", "letter", "value", "key"])):
            case "cut":
                raw = raw[:at]
            case "drop":
                raw = raw[:at] + raw[min(to, at + 20) :]
            case "put":
                raw = raw[:at] + draw(WORDS) + raw[at:]
            case "letter":
                raw = raw[:at] + bytes((draw(st.integers(0, 255)),)) + raw[at + 1 :]
            case "value":
                raw = _with_another_value(raw, draw(WORDS), draw(st.integers(0, 30)))
            case _:
                raw = raw.replace(b'"type"', draw(st.sampled_from([b'"typ"', b'"type":1,"type"', b'"Type"'])), 1)
    return raw


def _with_another_value(raw: bytes, word: bytes, which: int) -> bytes:
    """The value after one of the colons replaced."""
    parts = raw.split(b":")
    at = 1 + which % max(1, len(parts) - 1)
    if at < len(parts):
        rest = parts[at].partition(b",")
        parts[at] = word + (b"," + rest[2] if rest[1] else b"}")
    return b":".join(parts)


@pytest.mark.parametrize("name", list(UNIONS))
@settings(QUIET, max_examples=150)
@given(data=st.data())
def test_rows_18_and_19_a_mutated_message_is_read_or_refused(name: str, data: st.DataObject) -> None:
    raw = data.draw(mutated(GOOD[name]))
    for given_as in (raw, raw.decode(errors="replace")):
        try:
            message = wire.decode(given_as, UNIONS[name])
        except Refused as refused:
            assert refused.code.split(":")[0] in (
                "invalid_json",
                "unknown_type",
                "upgrade_required",
                "invalid_field",
                "too_large",
            )
            assert refused.sentence.endswith(".")
        else:
            assert isinstance(message, UNIONS[name])
            assert wire.decode(wire.encode(message), UNIONS[name]) == message  # whatever was read can be said again


@settings(QUIET, max_examples=150)
@given(mutated([msgspec.json.encode(BODY)]))
def test_row_49_a_mutated_description_is_read_or_refused(raw: bytes) -> None:
    try:
        body = decode_embodiment(raw)
    except Refused as refused:
        assert refused.code == "embodiment_invalid"
    else:
        assert decode_embodiment(msgspec.json.encode(body)).hash == body.hash


class Request:
    """As much of a request as the parser reads."""

    content_type = "application/json"

    def __init__(self, body: bytes) -> None:
        self.body = body


BODIES = [
    b'{"site": 1, "name": "kite"}',
    b'{"version": 1, "outcome": "success", "instruction": "pick"}',
    b'{"files": {"a": {"bytes": 1}}}',
]


@settings(QUIET, max_examples=200)
@given(mutated(BODIES))
def test_rows_2_3_and_11_a_mutated_body_is_read_or_refused(raw: bytes) -> None:
    try:
        value = StrictParser().parse_body(Request(raw))  # type: ignore[arg-type]
    except Refused as refused:
        assert refused.code.split(":")[0] in ("invalid_json", "invalid_field")
    else:
        json.dumps(value, allow_nan=False).encode()


DATAGRAM = command.pack(command.Command(command.COMMAND, 1, 7, 1, 1, 1, 1, (FORTH,)))


@settings(QUIET, max_examples=200)
@given(mutated([DATAGRAM]))
def test_rows_33_to_40_a_mutated_datagram_is_read_or_refused(raw: bytes) -> None:
    try:
        found = command.unpack(raw)
    except Refused as refused:
        assert refused.code in ("command_size", "command_version", "command_kind")
    else:
        assert len(raw) == command.HEAD_SIZE + 4 * len(found.values)


@settings(QUIET, max_examples=100)
@given(mutated([good(channel.Acquire), b'{"kind":"permit","robot":"r","act":"drive"}']))
def test_row_39_what_is_signed_is_read_strictly_too(raw: bytes) -> None:
    try:
        decode_payload(raw)
    except Refused as refused:
        assert refused.code == "permit_invalid"


@settings(QUIET, max_examples=100)
@given(mutated([msgspec.msgpack.encode(door.Stop(source="ada")), msgspec.msgpack.encode(door.Command(raw=DATAGRAM))]))
def test_a_mutated_packet_at_the_kernels_door_is_read_or_refused(raw: bytes) -> None:
    try:
        door.decode_to_kernel(raw)
    except Refused as refused:
        assert refused.code == "door_message_invalid"
