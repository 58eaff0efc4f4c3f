"""Messages of the openpi policy protocol: msgpack in which an array is a map of its bytes, type and shape.

The keys of such a map are bytes, as is its marker; a single number of numpy's has a map of its own.  Read from
https://github.com/Physical-Intelligence/openpi (packages/openpi-client); arrays of objects never were part of it.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np

from protocol.errors import Refused

ARRAY, NUMBER = b"__ndarray__", b"__npgeneric__"
_PLAIN = "biuf"  # kinds of arrays that are read: truth, whole and real numbers


def encode(message: dict[str, Any]) -> bytes:
    return msgspec.msgpack.encode(_packed(message))


def decode(raw: bytes) -> dict[str, Any]:
    """`Refused("openpi_message")` when it is no map, or one of its arrays cannot be."""
    try:
        message = _unpacked(msgspec.msgpack.decode(raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("openpi_message", f"The message cannot be read: {error}.") from error
    if not isinstance(message, dict):
        raise Refused("openpi_message", "The message is no map.")
    return message


def _packed(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in _PLAIN:
            raise Refused("openpi_message", f"An array of {value.dtype} does not travel.")
        return {ARRAY: True, b"data": value.tobytes(), b"dtype": value.dtype.str, b"shape": list(value.shape)}
    if isinstance(value, np.generic):
        return {NUMBER: True, b"data": value.item(), b"dtype": value.dtype.str}
    if isinstance(value, dict):
        return {key: _packed(part) for key, part in value.items()}
    return [_packed(part) for part in value] if isinstance(value, list | tuple) else value


def _unpacked(value: Any) -> Any:
    if isinstance(value, dict):
        if ARRAY in value:
            return _array(value)
        if NUMBER in value:
            return _number(value)
        return {key: _unpacked(part) for key, part in value.items()}
    return [_unpacked(part) for part in value] if isinstance(value, list) else value


def _number(told: dict[Any, Any]) -> Any:
    try:
        return _type(told).type(told.get(b"data"))
    except (TypeError, ValueError, OverflowError) as error:
        raise Refused("openpi_message", "A number is none of the sort that it says.") from error


def _type(told: dict[Any, Any]) -> np.dtype[Any]:
    try:
        found: np.dtype[Any] = np.dtype(msgspec.convert(told[b"dtype"], str))
    except (KeyError, TypeError, ValueError, SyntaxError) as error:
        raise Refused("openpi_message", "An array does not say what its numbers are.") from error
    if found.kind not in _PLAIN:
        raise Refused("openpi_message", f"Arrays of {found} are not read.")
    return found


def _array(told: dict[Any, Any]) -> np.ndarray[Any, Any]:
    kind, shape, data = _type(told), told.get(b"shape"), told.get(b"data")
    if not (isinstance(shape, list) and isinstance(data, bytes) and all(type(side) is int and side >= 0 for side in shape)):
        raise Refused("openpi_message", "An array has no shape or no bytes.")
    if len(shape) > 8 or math.prod(shape) * kind.itemsize != len(data):
        raise Refused("openpi_message", f"{len(data)} bytes are no array of shape {shape}.")
    return np.frombuffer(data, kind).reshape(shape)
