"""What a policy's folder says of itself, whatever its kind, without loading anything of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from policies.learning.config import ModelConfig
from policies.learning.folder import CARD, CONFIG, WEIGHTS, Card, inspect, read_card, read_json
from policies.learning.zoo import sealed
from policies.learning.zoo.discrete import config as discrete
from policies.learning.zoo.openpi import config as openpi
from policies.learning.zoo.registry import OURS, kind_of
from protocol.errors import Refused

#: kind -> the files that its folder must have; of a checkpoint there are more
FILES: dict[str, tuple[str, ...]] = {OURS: (WEIGHTS, CONFIG, CARD), "openpi": (CONFIG, CARD), "discrete": (CONFIG, CARD)}


@dataclass(frozen=True, slots=True)
class Described:
    """`kinds` of robots it can drive, the `things` its reasoning can name, the width and height in pixels that it wants of each
    `cameras` by kind of robot."""

    card: Card
    kinds: list[str]
    things: list[str]
    cameras: dict[str, dict[str, list[int]]]


def files_of(folder: Path) -> tuple[str, ...]:
    """The files that this folder must have.  Refused: as `kind_of` and `sealed.files`."""
    kind = kind_of(folder)
    return (CARD, *sealed.files(folder)) if kind == "discrete" else FILES[kind]


def describe(folder: Path) -> Described:
    """Refused: as `inspect`, `kind_of` and the kind's own configuration."""
    kind = kind_of(folder)
    if kind == OURS:
        card, config = inspect(folder)
        cameras = {body.embodiment.kind: pictures(config, index) for index, body in enumerate(config.bodies)}
        return Described(card, list(cameras), list(config.objects or card.objects), cameras)
    return _remote(folder) if kind == "openpi" else _discrete(folder)


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


def _discrete(folder: Path) -> Described:
    card, config = sealed.check(folder), discrete.read(read_json(folder / CONFIG))
    if card.kind != config.kind:
        raise Refused("policy_damaged", f"{CARD} of {folder.name} says {card.kind!r} and {CONFIG} another kind.")
    for body in config.bodies:
        discrete.read_statistics(folder / sealed.CHECKPOINT / discrete.STATISTICS, body)
    sizes = {body.embodiment.kind: discrete.pictures(body) for body in config.bodies}
    return Described(card, list(sizes), list(card.objects), sizes)
