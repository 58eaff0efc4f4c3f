"""A policy's folder: `policy.safetensors`, `config.json`, `card.json`.  Every file's hash is checked; nothing is unpickled."""

from __future__ import annotations

import os
import shutil
from dataclasses import fields
from pathlib import Path

import msgspec
import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from policies.learning.config import ModelConfig
from policies.learning.folder import CARD, CONFIG, WEIGHTS, Card, check_weights, read_card, sync
from policies.learning.preprocess import Scale
from policies.learning.vla import Vla
from protocol.episode_folder import hash_file
from protocol.errors import Refused


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
    sync(beside)
    os.replace(beside, folder)
    return card


def load_policy(folder: Path) -> tuple[Vla, tuple[Scale, ...], Card]:
    """The model in evaluation mode, how it normalises, and its card.  Refused: `policy_missing`, `policy_damaged`,
    `policy_pickle`, `policy_header`."""
    card = read_card(folder)
    check_weights(folder / WEIGHTS)
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
