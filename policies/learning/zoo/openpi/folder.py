"""Makes the folder of a policy that is asked over the openpi protocol, so that it can be brought in like any other.

`python -m policies.learning.zoo.openpi.folder config.json OUT --name pi05 --skills lift,place --objects "red cube,blue cube"`
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from policies.learning.folder import CARD, CONFIG, Card
from policies.learning.zoo.openpi.config import read
from protocol.episode_folder import hash_file
from protocol.errors import Refused


def make(config: Path, out: Path, name: str, skills: tuple[str, ...] = (), objects: tuple[str, ...] = ()) -> Card:
    """Refused: `policy_missing`, `policy_damaged`, `policy_config`, `policy_there`."""
    try:
        raw = config.read_bytes()
    except OSError as error:
        raise Refused("policy_missing", f"{error.filename} cannot be read: {error.strerror}.") from error
    remote = read(raw)
    if out.exists():
        raise Refused("policy_there", f"{out} is there already. Name another folder.")
    out.mkdir(parents=True)
    (out / CONFIG).write_bytes(raw)
    limits = (f"asked at {remote.address}; what answers there is not known here", "its doubt is not measured")
    card = Card(
        kind="openpi", name=name, parameters=0, files={CONFIG: hash_file(out / CONFIG).sha256}, skills=skills, objects=objects,
        limits=limits,
    )  # fmt: skip
    (out / CARD).write_bytes(msgspec.json.format(msgspec.json.encode(card)))
    return card


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--name", required=True)
    parser.add_argument("--skills", type=_words, default=())
    parser.add_argument("--objects", type=_words, default=())
    options = parser.parse_args(argv)
    try:
        make(options.config, options.out, options.name, options.skills, options.objects)
    except Refused as refusal:
        sys.stderr.write(refusal.sentence + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
