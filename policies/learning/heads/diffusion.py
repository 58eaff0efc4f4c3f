"""Noise taken away step by step."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from policies.learning.heads.flow import DRAWS, Denoiser
from policies.learning.heads.regression import masked_mean

LEVELS = 100
STEPS = 10


class Diffusion(nn.Module):
    """Predicts the clean actions; sampled by DDIM (Song et al., 2021) on the cosine schedule of Nichol and Dhariwal (2021),
    as in Chi et al., "Diffusion Policy" (2023)."""

    samples = True
    kept: Tensor

    def __init__(self, width: int, actions: int, chunk: int) -> None:
        super().__init__()
        self.actions, self.chunk = actions, chunk
        self.clean = Denoiser(width, actions, chunk)
        at = torch.linspace(0, 1, LEVELS + 1)
        kept = torch.cos((at + 0.008) / 1.008 * torch.pi / 2) ** 2
        self.register_buffer("kept", (kept / kept[0]).clamp(1e-4, 0.9999), persistent=False)

    def loss(self, hidden: Tensor, actions: Tensor, mask: Tensor) -> Tensor:
        hidden, actions, mask = (x.repeat(DRAWS, 1, 1) for x in (hidden, actions, mask))
        level = torch.randint(1, LEVELS + 1, (len(actions),), device=actions.device)
        noisy = self._mixed(actions, torch.randn_like(actions), level)
        return masked_mean((self.clean(hidden, noisy, level / LEVELS) - actions) ** 2, mask)

    def _mixed(self, actions: Tensor, noise: Tensor, level: Tensor) -> Tensor:
        kept: Tensor = self.kept[level][:, None, None]
        return kept.sqrt() * actions + (1 - kept).sqrt() * noise

    def act(self, hidden: Tensor, generator: torch.Generator | None = None) -> Tensor:
        x = torch.randn(len(hidden), self.chunk, self.actions, generator=generator).to(hidden.device)
        levels = torch.linspace(LEVELS, 0, STEPS + 1).long().tolist()
        for level, after in pairwise(levels):
            at = torch.full((len(hidden),), level, device=hidden.device)
            clean = self.clean(hidden, x, at / LEVELS).clamp(-5, 5)
            kept, later = self.kept[level], self.kept[after]
            noise = (x - kept.sqrt() * clean) / (1 - kept).sqrt()
            x = later.sqrt() * clean + (1 - later).sqrt() * noise if after else clean
        return x
