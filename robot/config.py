"""`robot.toml` in a robot's folder: which server, which robot there, which body.  Written once, at enrolment."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from protocol.errors import Refused
from robot.durable import write_durably

FILE = "robot.toml"
_BARE = re.compile(r"[A-Za-z0-9_-]+")


class RobotConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`body` holds `kind` (a name of the body registry) and that body's own settings; `recorder` and `media` their
    limits.

    `server_key` is base64 of the server's raw Ed25519 public key, pinned at enrolment.
    """

    server: str
    robot: str
    name: str
    server_key: str
    body: dict[str, Any]
    recorder: dict[str, Any] = {}
    media: dict[str, Any] = {}

    @property
    def body_kind(self) -> str:
        return str(self.body["kind"])

    @property
    def body_config(self) -> dict[str, Any]:
        return {key: value for key, value in self.body.items() if key != "kind"}


def server_url(text: str) -> str:
    """`text` as scheme://host[:port][/path] without a slash at its end; `Refused("server_url")` when it is none."""
    parts = urlsplit(text.strip())
    try:
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        whole = False
    if not whole or parts.query or parts.fragment or parts.username:
        raise Refused("server_url", f"{text!r} is no server address. Write it like http://192.168.1.5:8000.")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def read_config(folder: Path) -> RobotConfig:
    """`Refused("not_enrolled" | "config_invalid")`."""
    path = folder / FILE
    try:
        config = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), RobotConfig)
    except FileNotFoundError as error:
        raise Refused(
            "not_enrolled",
            f"There is no robot in {folder}. Make a code on the server's page 'New robot' and run"
            f" 'python -m robot enrol --server URL --code CODE --dir {folder}'.",
        ) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Refused("config_invalid", f"{path} cannot be read: {error}.") from error
    if not isinstance(config.body.get("kind"), str):
        raise Refused("config_invalid", f'{path} names no body: it needs a [body] table with kind = "...".')
    return config


def write_config(folder: Path, config: RobotConfig) -> None:
    write_durably(folder / FILE, toml(msgspec.to_builtins(config)).encode())


def toml(table: Mapping[str, Any]) -> str:
    """TOML of a table whose values are strings, numbers, booleans, lists of these, or tables of them (one level)."""
    plain = [f"{_key(key)} = {_value(value)}" for key, value in table.items() if not isinstance(value, Mapping)]
    parts = ["\n".join(plain)]
    for name, inner in table.items():
        if isinstance(inner, Mapping):
            parts.append("\n".join([f"[{_key(name)}]", *(f"{_key(key)} = {_value(v)}" for key, v in inner.items())]))
    return "\n\n".join(parts) + "\n"


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _value(key)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, str):
        return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")
    raise Refused("config_invalid", f"{value!r} cannot stand in {FILE}.")
