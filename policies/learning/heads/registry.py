"""Heads by name.  A head takes the encoder's action tokens and answers normalised actions."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Protocol

import torch
from torch import Tensor, nn

HEADS = {
    "regression": "policies.learning.heads.regression.Regression",
    "flow": "policies.learning.heads.flow.Flow",
    "diffusion": "policies.learning.heads.diffusion.Diffusion",
    "tokens": "policies.learning.heads.tokens.Tokens",
}


class Head(Protocol):
    """`hidden` [B, H, D]; `actions` [B, H, A] normalised; `mask` [B, H, A] of 0 and 1.  `samples`: answers differ by draw."""

    samples: bool

    def loss(self, hidden: Tensor, actions: Tensor, mask: Tensor) -> Tensor: ...

    def act(self, hidden: Tensor, generator: torch.Generator | None = None) -> Tensor: ...


def make_head(name: str, width: int, actions: int, chunk: int) -> Any:
    """An `nn.Module` that is a `Head`."""
    module, kind = HEADS[name].rsplit(".", 1)
    made: nn.Module = getattr(import_module(module), kind)(width, actions, chunk)
    return made
