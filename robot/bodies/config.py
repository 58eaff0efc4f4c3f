"""Reads a body's configuration, a plain table, into the struct of that body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from protocol.errors import Refused

T = TypeVar("T", bound=msgspec.Struct)


def read_config(config: Mapping[str, object], kind: type[T]) -> T:
    """`config` as a `kind`; Refused("body_config") names what does not fit."""
    try:
        return msgspec.convert(dict(config), type=kind)
    except msgspec.ValidationError as error:
        raise Refused("body_config", f"The [body] table of the robot's configuration is wrong: {error}.") from error
