"""Enrolment: a one-time code and the robot's new public key against an id and the server's key, which is pinned."""

from __future__ import annotations

import base64
import binascii
import http.client
import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from protocol.errors import Refused
from protocol.robot_link import PROTOCOL
from robot.bodies.registry import body_spec
from robot.config import FILE, RobotConfig, server_url, write_config
from robot.identity import Identity
from robot.state import begin_epochs
from robot.version import PROGRAM

PATH = "/api/robots/enrol"
TIMEOUT_S = 15.0
_ANSWER_LIMIT = 64 * 1024


class Enrolled(msgspec.Struct, frozen=True):
    """The server's answer; fields this program does not know are left alone."""

    robot: str
    name: str
    server_key: str


class Refusal(msgspec.Struct, frozen=True):
    code: str
    sentence: str
    detail: dict[str, Any] = {}


def enrol(folder: Path, server: str, code: str, body: str, options: Mapping[str, Any], again: bool = False) -> RobotConfig:
    """Makes `folder` a robot of `server`.  When that is refused, a robot that was there before stays as it was.

    Raises Refused: `already_enrolled`, `server_url`, `body_*`, `server_unreachable`, `server_answer`, or what the
    server says.
    """
    if (folder / FILE).exists() and not again:
        raise Refused("already_enrolled", f"{folder} already holds a robot. Choose another folder, or add --again to replace it.")
    url = server_url(server)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    embodiment = body_spec(body, options, folder).embodiment
    identity = Identity.create(folder)
    try:
        answer = _post(url, {
            "code": code,
            "public_key": identity.public_key,
            "embodiment": msgspec.json.encode(embodiment).decode(),
            "program": PROGRAM,
            "protocol": PROTOCOL,
        })  # fmt: skip
    except Refused:
        identity.drop(folder)
        raise
    config = RobotConfig(
        server=url, robot=answer.robot, name=answer.name, server_key=answer.server_key, body={"kind": body, **options}
    )
    begin_epochs(folder)
    identity.adopt(folder)
    write_config(folder, config)
    return config


def _post(url: str, message: dict[str, Any]) -> Enrolled:
    status, raw = _exchange(url, json.dumps(message).encode())
    try:
        if status == http.client.OK:
            answer = msgspec.json.decode(raw, type=Enrolled)
            if len(base64.b64decode(answer.server_key, validate=True)) == 32:
                return answer
            raise Refused("server_answer", "The server's key has not 32 bytes. Is this a Reins server?")
        refusal = msgspec.json.decode(raw, type=Refusal)
    except (msgspec.DecodeError, UnicodeDecodeError, binascii.Error) as error:
        raise Refused(
            "server_answer", f"{url} answered {status} with something else than expected. Is this a Reins server?"
        ) from error
    raise Refused(refusal.code, refusal.sentence, **refusal.detail)


def _exchange(url: str, body: bytes) -> tuple[int, bytes]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    connection = (
        http.client.HTTPSConnection(host, parts.port, timeout=TIMEOUT_S, context=ssl.create_default_context())
        if parts.scheme == "https"
        else http.client.HTTPConnection(host, parts.port, timeout=TIMEOUT_S)
    )
    try:
        connection.request("POST", parts.path + PATH, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read(_ANSWER_LIMIT)
    except (OSError, http.client.HTTPException) as error:
        raise Refused(
            "server_unreachable", f"{url} does not answer ({error}). Check the address and that the server runs."
        ) from error
    finally:
        connection.close()
