"""Low-rank adapters (Hu et al., "LoRA", 2021) by peft: the base stays as it is and narrow additions to chosen layers learn.

What is saved in the end is the base with the additions in it, so that nobody who uses it needs to know.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from torch import nn

from policies.learning.config import Config, Lora
from policies.learning.folder import CARD, Card
from protocol.episode_folder import hash_file
from protocol.errors import Refused

if TYPE_CHECKING:
    from typing import Any

Model = TypeVar("Model", bound=nn.Module)


def check(config: Config) -> None:
    """`Refused("policy_config")`: there is nothing that could be adapted."""
    if config.lora is not None and not config.base:
        raise Refused("policy_config", "Low-rank adapters need a policy to go on from. Name the base.")


def adapted(model: Model, lora: Lora) -> Model:
    """The model itself, of which from now on nothing but adapters learns.  They add nothing yet.

    Refused: `peft_missing`, `policy_config` when a target is no layer of the model.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise Refused("peft_missing", "Low-rank adapters need peft. Install requirements-vla.txt.") from error
    for target in lora.targets:
        if not any(name == target or name.endswith(f".{target}") for name, _ in model.named_modules()):
            raise Refused("policy_config", f"The model has no layer {target!r} to adapt.")
    told = LoraConfig(r=lora.rank, lora_alpha=lora.alpha, target_modules=list(lora.targets), lora_dropout=0.0, bias="none")
    try:
        inject_adapter_in_model(told, model)
    except ValueError as error:
        raise Refused("policy_config", f"The model cannot be adapted: {error}.") from error
    for parameter in learnable(model):
        parameter.data = parameter.data.float()  # steps are too small for the half precision of a large base
    return model


def merged(model: Model) -> Model:
    """A copy whose layers do what the adapted ones did, without adapters; a copy as it is where there are none."""
    return folded(copy.deepcopy(model))


def folded(model: Model) -> Model:
    """The model itself with its adapters added into its layers."""
    adapters = {
        name: layer for name, layer in model.named_modules() if hasattr(layer, "merge") and hasattr(layer, "get_base_layer")
    }
    for name, layer in adapters.items():
        above, _, last = name.rpartition(".")
        fold: Any = layer
        fold.merge(safe_merge=True)
        setattr(model.get_submodule(above), last, fold.get_base_layer())
    return model


def learnable(model: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def about(config: Config, model: nn.Module, base: Card | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the card's `training` and `lineage` say of a base and of adapters to it."""
    lineage = {} if base is None else {"base": {"name": base.name, "sha256": hash_file(Path(config.base) / CARD).sha256}}
    if config.lora is None:
        return {}, lineage
    count = sum(parameter.numel() for parameter in learnable(model))
    told = {"rank": config.lora.rank, "alpha": config.lora.alpha, "targets": list(config.lora.targets), "parameters": count}
    return {"lora": told}, lineage
