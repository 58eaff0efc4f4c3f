"""Actions as words: each number is one of a few steps, all of a chunk at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from policies.learning.heads.regression import masked_mean

BINS = 101
SPAN = 3.0  # standard deviations to each side; what lies beyond is cut


class Tokens(nn.Module):
    """Parallel decoding of discrete actions (Brohan et al., "RT-1", 2022; decoded at once as in Kim et al., 2025)."""

    samples = False
    values: Tensor

    def __init__(self, width: int, actions: int, chunk: int) -> None:
        super().__init__()
        self.actions = actions
        self.out = nn.Linear(width, actions * BINS)
        self.register_buffer("values", torch.linspace(-SPAN, SPAN, BINS), persistent=False)

    def loss(self, hidden: Tensor, actions: Tensor, mask: Tensor) -> Tensor:
        told = self._told(hidden)
        bins = ((actions.clamp(-SPAN, SPAN) + SPAN) / (2 * SPAN) * (BINS - 1)).round().long()
        each = F.cross_entropy(told.reshape(-1, BINS), bins.reshape(-1), reduction="none").view_as(actions)
        return masked_mean(each, mask)

    def act(self, hidden: Tensor, generator: torch.Generator | None = None) -> Tensor:
        out: Tensor = self.values[self._told(hidden).argmax(-1)]
        return out

    def _told(self, hidden: Tensor) -> Tensor:
        out: Tensor = self.out(hidden).float().unflatten(-1, (self.actions, BINS))
        return out
