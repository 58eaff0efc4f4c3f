"""A policy's folder: `policy.safetensors`, `config.json`, `card.json`.  Every file's hash is checked; nothing is unpickled."""

from __future__ import annotations

import os
import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from policies.learning.config import ModelConfig
from policies.learning.preprocess import Scale
from policies.learning.vla import Vla
from protocol.episode_folder import hash_file
from protocol.errors import Refused

WEIGHTS, CONFIG, CARD = "policy.safetensors", "config.json", "card.json"
SCHEMA = 1
KIND = "reins"


class Card(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a policy is made of and what may be expected of it.  `files`: sha256 of the other files of the folder."""

    schema: int = SCHEMA
    kind: str = KIND
    name: str
    parameters: int
    files: dict[str, str] = {}
    skills: tuple[str, ...] = ()  # instructions it was shown, as people read them
    objects: tuple[str, ...] = ()
    data: dict[str, Any] = {}  # dataset's hash, episodes, steps
    training: dict[str, Any] = {}  # configuration, code, machine, seconds
    figures: dict[str, Any] = {}  # as measured, with how
    limits: tuple[str, ...] = ()
    licence: str = ""


def save_policy(folder: Path, model: Vla, scales: tuple[Scale, ...], card: Card) -> Card:
    """Writes the folder so that it is whole or not there; the card with the hashes filled in."""
    beside = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(beside, ignore_errors=True)  # what a kill left
    beside.mkdir(parents=True)
    tensors = {name: tensor.detach().contiguous() for name, tensor in model.state_dict().items()} | _tensors(scales)
    (beside / WEIGHTS).write_bytes(save(tensors))
    (beside / CONFIG).write_bytes(msgspec.json.format(msgspec.json.encode(model.config)))
    hashes = {name: hash_file(beside / name).sha256 for name in (WEIGHTS, CONFIG)}
    card = msgspec.structs.replace(card, files=hashes)
    (beside / CARD).write_bytes(msgspec.json.format(msgspec.json.encode(card)))
    for name in (WEIGHTS, CONFIG, CARD):
        with open(beside / name, "rb") as file:
            os.fsync(file.fileno())
    os.replace(beside, folder)
    return card


def read_card(folder: Path) -> Card:
    """`Refused("policy_damaged")` unless every file is there with the hash that the card says."""
    try:
        card = msgspec.json.decode((folder / CARD).read_bytes(), type=Card)
        if card.schema != SCHEMA or set(card.files) != {WEIGHTS, CONFIG}:
            raise Refused("policy_damaged", f"{CARD} of {folder.name} is not of a policy that this version can read.")
        for name, claimed in card.files.items():
            if hash_file(folder / name).sha256 != claimed:
                raise Refused("policy_damaged", f"{name} of {folder.name} has other bytes than its card says.")
    except OSError as error:
        raise Refused("policy_missing", f"{error.filename} cannot be read: {error.strerror}.") from error
    except msgspec.DecodeError as error:
        raise Refused("policy_damaged", f"{CARD} of {folder.name} cannot be read: {error}.") from error
    return card


def load_policy(folder: Path) -> tuple[Vla, tuple[Scale, ...], Card]:
    """The model in evaluation mode, how it normalises, and its card.  Refused: `policy_missing`, `policy_damaged`."""
    card = read_card(folder)
    try:
        config = msgspec.json.decode((folder / CONFIG).read_bytes(), type=ModelConfig).check()
        tensors = load((folder / WEIGHTS).read_bytes())
        model = Vla(config)
        scales = _scales(tensors, len(config.bodies))
        model.load_state_dict(tensors)
    except (msgspec.DecodeError, SafetensorError, KeyError, RuntimeError, ValueError) as error:
        raise Refused("policy_damaged", f"The policy {folder.name} does not fit together: {error}.") from error
    if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
        raise Refused("policy_damaged", f"The weights of {folder.name} hold values that are no numbers.")
    return model.eval(), scales, card


def _tensors(scales: tuple[Scale, ...]) -> dict[str, torch.Tensor]:
    return {
        f"scale.{index}.{part.name}": torch.from_numpy(np.ascontiguousarray(getattr(scale, part.name), np.float32))
        for index, scale in enumerate(scales)
        for part in fields(scale)
    }


def _scales(tensors: dict[str, torch.Tensor], bodies: int) -> tuple[Scale, ...]:
    """Takes them out of `tensors`."""
    return tuple(Scale(*(tensors.pop(f"scale.{index}.{part.name}").numpy() for part in fields(Scale))) for index in range(bodies))
