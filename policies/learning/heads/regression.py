"""The mean of what was done: fast, steady, and wrong where two ways are equally good."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Regression(nn.Module):
    """Chunk regression by mean squared error (Kim et al., "Fine-Tuning Vision-Language-Action Models", 2025, with L2 for L1:
    where most frames stand still, the median is standing still)."""

    samples = False

    def __init__(self, width: int, actions: int, chunk: int) -> None:
        super().__init__()
        self.out = nn.Linear(width, actions)

    def loss(self, hidden: Tensor, actions: Tensor, mask: Tensor) -> Tensor:
        """Mean squared error over `mask` [B, H, A] of normalised `actions` [B, H, A]; `hidden` [B, H, D]."""
        return masked_mean((self.out(hidden).float() - actions) ** 2, mask)

    def act(self, hidden: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """[B, H, A], normalised."""
        out: Tensor = self.out(hidden).float()
        return out


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    return (values * mask).sum() / mask.sum().clamp(min=1)
