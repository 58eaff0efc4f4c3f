"""A model on its way, and what going on with it after a kill needs."""

from __future__ import annotations

import copy
import errno
import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from policies.learning.config import Config, LearnConfig
from policies.learning.lora import adapted, learnable
from policies.learning.vla import Vla
from protocol.errors import Refused

SUFFIX = "training.safetensors"


@dataclass
class Learning:
    """`step` batches have been learnt from.  `average` follows `model`; `best` is what it was when its error on what was set
    aside was the `least`, which is `waited` checks ago."""

    model: Vla
    average: Vla
    optimiser: torch.optim.Optimizer
    step: int = 0
    cpu_s: float = 0.0
    least: float = float("inf")
    waited: int = 0
    best: dict[str, Tensor] = field(default_factory=dict)

    def ended(self, learn: LearnConfig) -> bool:
        return self.step >= learn.steps or bool(learn.patience and self.waited >= learn.patience)

    def judge(self, error: float) -> None:
        """Remembers the average when it is better than ever."""
        self.waited += 1
        if error < self.least:
            self.least, self.waited = error, 0
            self.best = {name: tensor.clone() for name, tensor in self.average.state_dict().items()}


def begin(config: Config, base: Vla | None, device: torch.device) -> Learning:
    model = Vla(config.model)
    if base is not None:
        model.load_state_dict(base.state_dict())
    if config.lora is not None:
        adapted(model, config.lora)
    model.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(learnable(model), lr=config.learn.rate, weight_decay=config.learn.decay, fused=True)
    return Learning(model, copy.deepcopy(model).eval(), optimiser)


def keep(learning: Learning, config: Config) -> None:
    """Written aside and moved into place: a kill leaves the one before."""
    state = learning.optimiser.state_dict()["state"]
    tensors = {f"model.{name}": tensor for name, tensor in learning.model.state_dict().items()}
    tensors |= {f"average.{name}": tensor for name, tensor in learning.average.state_dict().items()}
    tensors |= {f"best.{name}": tensor for name, tensor in learning.best.items()}
    tensors |= {f"optimiser.{index}.{name}": tensor for index, parts in state.items() for name, tensor in parts.items()}
    path = place(Path(config.out))
    beside = path.with_suffix(".part")
    beside.parent.mkdir(parents=True, exist_ok=True)
    told = {"step": learning.step, "cpu_s": learning.cpu_s, "least": learning.least, "waited": learning.waited}
    metadata = {name: str(value) for name, value in told.items()} | {"config": fingerprint(config)}
    try:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, beside, metadata=metadata)
    except SafetensorError as error:
        if f"os error {errno.ENOSPC}" not in str(error):
            raise
        raise OSError(errno.ENOSPC, "no room for what going on needs", str(beside)) from error
    os.replace(beside, path)


@torch.no_grad()
def go_on(learning: Learning, config: Config) -> None:
    """`Refused("training_changed")` when what was kept is of another configuration."""
    path = place(Path(config.out))
    if not path.exists():
        return
    with safe_open(path, "pt") as file:
        told, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no mapping
    if told["config"] != fingerprint(config):
        raise Refused("training_changed", f"{path} was kept by a training of another configuration. Move it away to begin anew.")
    learning.step, learning.cpu_s = int(told["step"]), float(told["cpu_s"])
    learning.least, learning.waited = float(told["least"]), int(told["waited"])
    learning.model.load_state_dict(_under(tensors, "model."))
    learning.average.load_state_dict(_under(tensors, "average."))
    learning.best = _under(tensors, "best.")
    parameters = learning.optimiser.param_groups[0]["params"]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in _under(tensors, "optimiser.").items():
        index, part = name.split(".")
        like = parameters[int(index)]
        laid = torch.empty_like(like).copy_(value) if value.shape == like.shape else value  # as the fused steps expect it
        state.setdefault(int(index), {})[part] = laid
    learning.optimiser.load_state_dict({**learning.optimiser.state_dict(), "state": state})


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def fingerprint(config: Config) -> str:
    return hashlib.sha256(msgspec.json.encode(config, order="deterministic")).hexdigest()


def place(out: Path) -> Path:
    return out.with_name(f"{out.name}.{SUFFIX}")
