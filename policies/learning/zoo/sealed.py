"""A checkpoint of somebody else's in a policy's folder: `config.json` and `card.json` of ours beside the folder `checkpoint`.

Weights are safetensors, the rest is text, and the card says the hash of every file.  Nothing in it can be executed.
`python -m policies.learning.zoo.sealed FOLDER --name NAME --licence LICENCE` looks a folder through and writes its card.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from policies.learning.folder import CARD, CONFIG, EXECUTED, Card, check_weights, count_numbers, read_card
from protocol.episode_folder import hash_file
from protocol.errors import Refused

CHECKPOINT = "checkpoint"
WEIGHTS = ".safetensors"
_TEXT = {".json", ".txt", ".model", ".jinja", ".md"}
_BESIDE = {".gitattributes", "LICENSE", "NOTICE"}
_PLAIN = {"tokenizer.json", "vocab.json"}  # words, among which any may stand
_MOST_FILES = 500
_MOST_JSON = 64 << 20  # bytes


def files(folder: Path) -> list[str]:
    """Names within the folder that its card must have hashes of.  Refused: `policy_missing`, `policy_damaged`, `policy_code`,
    `policy_pickle`, `policy_header`, `policy_adapter`."""
    found = sorted(path for path in (folder / CHECKPOINT).rglob("*") if not path.is_dir())
    if not 0 < len(found) <= _MOST_FILES or not any(path.suffix == WEIGHTS for path in found):
        raise Refused("policy_missing", f"{folder.name} has no {CHECKPOINT} folder with weights as {WEIGHTS}.")
    for path in found:
        _check(path)
    return [CONFIG, *(path.relative_to(folder).as_posix() for path in found)]


def check(folder: Path) -> Card:
    """Refused: as by `files` and `read_card`."""
    return read_card(folder, tuple(files(folder)))


def seal(folder: Path, card: Card) -> Card:
    """Writes the card with the hash of every file, and how many numbers the weights have."""
    names = files(folder)
    hashes = {name: hash_file(folder / name).sha256 for name in names}
    parameters = sum(count_numbers(folder / name) for name in names if name.endswith(WEIGHTS))
    card = msgspec.structs.replace(card, files=hashes, parameters=parameters)
    beside = folder / f".{CARD}.part"
    beside.write_bytes(msgspec.json.format(msgspec.json.encode(card)))
    os.replace(beside, folder / CARD)
    return card


def _check(path: Path) -> None:
    if path.suffix == WEIGHTS:
        return check_weights(path)
    if path.suffix == ".py":
        raise Refused("policy_code", f"{path.name} is code. Code that comes with a checkpoint is never run: bring weights only.")
    if path.suffix not in _TEXT and path.name not in _BESIDE:
        raise Refused(
            "policy_pickle", f"{path.name} is neither text nor {WEIGHTS}. Save weights as safetensors, and leave the rest out."
        )
    if path.name == "adapter_config.json":
        raise Refused("policy_adapter", "The checkpoint is an adapter for another. Merge both, then bring the whole.")
    if path.suffix == ".json" and path.name not in _PLAIN:
        _check_told(path)
    return None


def _check_told(path: Path) -> None:
    """`policy_code` when a configuration names code to fetch or to run."""
    try:
        if path.stat().st_size > _MOST_JSON:
            raise Refused("policy_damaged", f"{path.name} is larger than {_MOST_JSON >> 20} MiB. No configuration is.")
        pairs = list(_pairs(json.loads(path.read_bytes())))
    except (ValueError, RecursionError) as error:
        raise Refused("policy_damaged", f"{path.name} cannot be read: {error}.") from error
    for key, value in pairs:
        fetched = key.endswith("attn_implementation") and isinstance(value, str) and "/" in value
        if key in EXECUTED or fetched:
            sentence = f"{path.name} asks with {key!r} to run code that comes with it. That is never done: bring weights only."
            raise Refused("policy_code", sentence)


def _pairs(told: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(told, dict):
        yield from told.items()
    for part in told.values() if isinstance(told, dict) else told if isinstance(told, list) else ():
        yield from _pairs(part)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--name", required=True)
    parser.add_argument("--licence", required=True)
    parser.add_argument("--skills", nargs="*", default=())
    parser.add_argument("--objects", nargs="*", default=())
    told = parser.parse_args(argv)
    from policies.learning.zoo.registry import kind_of

    try:
        kind = kind_of(told.folder)
        about = Card(kind=kind, name=told.name, parameters=0, licence=told.licence)
        about = msgspec.structs.replace(about, skills=tuple(told.skills), objects=tuple(told.objects))
        card = seal(told.folder, about)
    except (Refused, OSError) as error:
        sys.stderr.write(f"{error.sentence if isinstance(error, Refused) else error}\n")
        return 1
    sys.stdout.write(f"{card.name}: {len(card.files)} files, {card.parameters} numbers\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
