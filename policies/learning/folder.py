"""A policy's folder as files: which there are, that they are whole, and that nothing in them could be executed.

Needs no torch, so that a server without it can take policies in.  Weights are never read here, only their header.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import msgspec

from policies.learning.config import ModelConfig
from protocol.episode_folder import hash_file
from protocol.errors import Refused

WEIGHTS, CONFIG, CARD, CALIBRATION = "policy.safetensors", "config.json", "card.json", "calibration.safetensors"
SCHEMA = 1
KIND = "reins"
MOST_JSON = 4 << 20  # bytes of config.json, of card.json, and of a header
MOST_TENSORS = 20_000
MOST_DIMENSIONS = 16
_BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "U16": 2, "I16": 2, "F16": 2, "BF16": 2,
    "U32": 4, "I32": 4, "F32": 4, "U64": 8, "I64": 8, "F64": 8,
}  # fmt: skip
_PICKLES = (b"PK\x03\x04", b"PK\x05\x06", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"\x1f\x8b")
EXECUTED = ("auto_map", "trust_remote_code", "custom_pipelines")  # configurations that name code to fetch and run


class Card(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a policy is made of and what may be expected of it.  `files`: sha256 of the other files of the folder."""

    schema: int = SCHEMA
    kind: str = KIND
    name: str
    parameters: int
    files: dict[str, str] = {}
    skills: tuple[str, ...] = ()  # names of what it was shown, such as "reach"
    instructions: tuple[str, ...] = ()  # sentences it was shown
    objects: tuple[str, ...] = ()
    data: dict[str, Any] = {}  # dataset's hash, episodes, steps
    training: dict[str, Any] = {}  # configuration, code, machine, seconds
    lineage: dict[str, Any] = {}  # dataset's name, version and hash, the policy it began from, the training
    figures: dict[str, Any] = {}  # as measured, with how
    limits: tuple[str, ...] = ()
    licence: str = ""


def read_card(folder: Path, files: tuple[str, ...] = (WEIGHTS, CONFIG)) -> Card:
    """`Refused("policy_damaged")` unless all of `files` are there with the hashes that the card says; `policy_missing`."""
    try:
        card = msgspec.json.decode(read_json(folder / CARD), type=Card)
        if card.schema != SCHEMA or set(card.files) != set(files):
            raise Refused("policy_damaged", f"{CARD} of {folder.name} is not of a policy that this version can read.")
        for name, claimed in card.files.items():
            if hash_file(folder / name).sha256 != claimed:
                raise Refused("policy_damaged", f"{name} of {folder.name} has other bytes than its card says.")
    except OSError as error:
        raise Refused("policy_missing", f"{error.filename} cannot be read: {error.strerror}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("policy_damaged", f"{CARD} of {folder.name} cannot be read: {error}.") from error
    return card


def calibration_in(folder: Path, sha256: str | None = None) -> Path | None:
    """Its calibration; None where it has none.  `sha256`: as it was brought in, "" without one; None: only the card is known.
    `Refused("calibration_damaged")` for one that is lost, another, or nobody's: the robot would not ask, or ask about
    something else, while everybody is told that it asks when in doubt."""
    path = folder / CALIBRATION
    said = _said_of_doubt(folder)
    expected = sha256 if sha256 is not None else said.get("sha256")
    calibrated = bool(expected) or (sha256 is None and bool(said))
    if not path.exists():
        if calibrated:
            raise _other(folder, "is gone")
        return None
    if expected is not None and hash_file(path).sha256 != expected:
        raise _other(folder, "has other bytes than were brought in")
    return path


def _other(folder: Path, what: str) -> Refused:
    sentence = f"{CALIBRATION} of {folder.name} {what}, so nobody knows when it is in doubt. Bring it back from a backup."
    return Refused("calibration_damaged", sentence)


def _said_of_doubt(folder: Path) -> dict[str, Any]:
    """What its card says of how its doubt was calibrated; {} where it was not, or without a card that can be read."""
    try:
        said = msgspec.json.decode(read_json(folder / CARD), type=Card).figures.get("doubt")
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # whoever opens the policy says what is wrong
        return {}
    return said if isinstance(said, dict) else {}


def inspect(folder: Path) -> tuple[Card, ModelConfig]:
    """Everything that can be known of a policy without loading it.

    Refused: `policy_missing`, `policy_damaged`, `policy_pickle`, `policy_header`, `policy_code`.
    """
    try:
        check_weights(folder / WEIGHTS)
        if (folder / CALIBRATION).exists():
            check_weights(folder / CALIBRATION)
        config = check_config(folder / CONFIG)
    except OSError as error:
        raise Refused("policy_missing", f"{error.filename} cannot be read: {error.strerror}.") from error
    return read_card(folder), config


def check_config(path: Path) -> ModelConfig:
    """`Refused("policy_code")` when it names code to run, `policy_damaged` when it is no configuration of ours."""
    raw = read_json(path)
    if named := next((word for word in EXECUTED if f'"{word}"'.encode() in raw), None):
        sentence = f"{path.name} asks with {named!r} to run code that comes with it. That is never done: bring weights only."
        raise Refused("policy_code", sentence)
    try:
        return msgspec.json.decode(raw, type=ModelConfig).check()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("policy_damaged", f"{path.name} cannot be read: {error}.") from error


def check_weights(path: Path) -> None:
    """That a file is safetensors whose header fits its bytes: tensors without gaps or overlaps, from the first to the last byte.

    Refused: `policy_pickle`, `policy_header`.  Format: https://github.com/huggingface/safetensors#format.
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        begins = file.read(8)
        length = int.from_bytes(begins, "little")
        if len(begins) < 8 or not 2 <= length <= min(MOST_JSON, size - 8):
            raise _no_header(path, begins, size)
        header = file.read(length)
    _check_spans(path, _tensors(path, header), size - 8 - length)


def count_numbers(path: Path) -> int:
    """How many numbers a file of weights holds, as its header says.  Call `check_weights` first."""
    with open(path, "rb") as file:
        header = file.read(int.from_bytes(file.read(8), "little"))
    return sum(math.prod(told["shape"]) for told in _tensors(path, header).values())


def _no_header(path: Path, begins: bytes, size: int) -> Refused:
    if begins.startswith(_PICKLES):
        sentence = f"{path.name} is a pickle or an archive under another name. Pickles can run code and are never opened."
        return Refused("policy_pickle", f"{sentence} Save the weights as safetensors.")
    most = min(MOST_JSON, max(0, size - 8))
    return _header(path, f"it claims {int.from_bytes(begins, 'little')} bytes, where 2 to {most} may be")


def _tensors(path: Path, header: bytes) -> dict[str, Any]:
    try:
        tensors = json.loads(header, object_pairs_hook=lambda pairs: _once(path, pairs))
    except (ValueError, RecursionError) as error:
        raise _header(path, "it is no JSON") from error
    if not isinstance(tensors, dict):
        raise _header(path, "it is no list of tensors")
    tensors.pop("__metadata__", None)
    if not 0 < len(tensors) <= MOST_TENSORS:
        raise _header(path, f"it names {len(tensors)} tensors; 1 to {MOST_TENSORS} are possible")
    return tensors


def _once(path: Path, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _header(path, "it names something twice")
    return found


def _check_spans(path: Path, tensors: dict[str, Any], room: int) -> None:
    spans = sorted((_span(path, name, told), name) for name, told in tensors.items())
    at = 0
    for (first, last), name in spans:
        if first != at:
            raise _header(path, f"{name[:60]!r} begins at byte {first}, not where the one before ends ({at})")
        at = last
    if at != room:
        raise _header(path, f"its tensors take {at} bytes and the file has {room}")


def _span(path: Path, name: str, told: Any) -> tuple[int, int]:
    try:
        (first, last), shape, size = told["data_offsets"], told["shape"], _BYTES[told["dtype"]]
        whole = all(type(number) is int and 0 <= number < 1 << 48 for number in (first, last, *shape))
        fits = whole and len(shape) <= MOST_DIMENSIONS and last - first == size * math.prod(shape)
    except (TypeError, KeyError, ValueError) as error:
        raise _header(path, f"{name[:60]!r} is described wrongly") from error
    if not fits:
        raise _header(path, f"the shape of {name[:60]!r} does not fit its bytes")
    return first, last


def _header(path: Path, why: str) -> Refused:
    return Refused("policy_header", f"The header of {path.name} cannot be: {why}. Nothing of it was loaded. Export it again.")


def read_json(path: Path) -> bytes:
    """`Refused("policy_damaged")` for more than any policy has."""
    with open(path, "rb") as file:
        raw = file.read(MOST_JSON + 1)
    if len(raw) > MOST_JSON:
        raise Refused("policy_damaged", f"{path.name} is larger than {MOST_JSON >> 20} MiB. No policy's is.")
    return raw


def sync(folder: Path) -> None:
    """Brings the files of a folder, and of the folders in it, to the disk."""
    for path in (path for path in folder.rglob("*") if path.is_file()):
        with open(path, "rb") as file:
            os.fsync(file.fileno())
