"""What a policy's folder says of itself, whatever its kind, without loading anything of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from policies.learning.config import ModelConfig
from policies.learning.folder import CARD, CONFIG, WEIGHTS, Card, inspect, read_card
from policies.learning.zoo.openpi import config as openpi
from policies.learning.zoo.registry import OURS, kind_of
from protocol.errors import Refused

#: kind -> the files that its folder must have
FILES: dict[str, tuple[str, ...]] = {OURS: (WEIGHTS, CONFIG, CARD), "openpi": (CONFIG, CARD)}


@dataclass(frozen=True, slots=True)
class Described:
    """`kinds` of robots it can drive, the `things` its reasoning can name, the width and height in pixels that it wants of each
    `cameras` by kind of robot."""

    card: Card
    kinds: list[str]
    things: list[str]
    cameras: dict[str, dict[str, list[int]]]


def describe(folder: Path) -> Described:
    """Refused: as `inspect`, `kind_of` and the kind's own configuration."""
    if kind_of(folder) == OURS:
        card, config = inspect(folder)
        cameras = {body.embodiment.kind: pictures(config, index) for index, body in enumerate(config.bodies)}
        return Described(card, list(cameras), list(config.objects or card.objects), cameras)
    return _remote(folder)


def pictures(config: ModelConfig, body: int) -> dict[str, list[int]]:
    """Width and height that a policy of ours wants of each of a body's cameras."""
    slots = {slot.name: slot for slot in config.slots}
    return {camera: [slots[slot].width, slots[slot].height] for slot, camera in config.bodies[body].cameras.items()}


def _remote(folder: Path) -> Described:
    card = read_card(folder, (CONFIG,))
    if card.kind != "openpi":
        raise Refused("policy_damaged", f"{CARD} of {folder.name} says {card.kind!r} and {CONFIG} another kind.")
    remote = openpi.read((folder / CONFIG).read_bytes())
    cameras = {body.embodiment.kind: openpi.pictures(remote, body) for body in remote.bodies}
    return Described(card, list(cameras), list(card.objects), cameras)
