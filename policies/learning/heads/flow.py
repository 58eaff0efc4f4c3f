"""From noise to actions along straight lines: keeps two good ways apart, and can be steered while it goes."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from policies.learning.heads.regression import masked_mean
from policies.learning.realtime import Held, pull, strength

STEPS = 8
DRAWS = 4  # times each window is used at once, with other noise: the encoder costs more than the head


class Denoiser(nn.Module):
    """What to add, given the encoder's state, noisy actions and how noisy they are.  Shared by flow and diffusion."""

    def __init__(self, width: int, actions: int, chunk: int) -> None:
        super().__init__()
        self.inward = nn.Linear(actions, width)
        self.time = nn.Sequential(nn.Linear(32, width), nn.SiLU(), nn.Linear(width, width))
        self.place = nn.Parameter(torch.randn(chunk, width) * 0.02)
        self.mix = nn.Sequential(
            nn.Linear(chunk * width, width), nn.SiLU(), nn.Linear(width, chunk * width)
        )  # between the steps of a chunk
        self.body = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width))
        self.out = nn.Linear(width, actions)

    def forward(self, hidden: Tensor, noisy: Tensor, time: Tensor) -> Tensor:
        """[B, H, A] from hidden [B, H, D], noisy [B, H, A], time [B] from 0 to 1."""
        x = hidden + self.inward(noisy) + self.place + self.time(waves(time))[:, None]
        x = x + self.mix(x.flatten(1)).view_as(x)
        out: Tensor = self.out(x + self.body(x)).float()
        return out


class Flow(nn.Module):
    """Flow matching (Lipman et al., 2023; times as in Black et al., "pi0", 2024: mostly near the noise)."""

    samples = True

    def __init__(self, width: int, actions: int, chunk: int) -> None:
        super().__init__()
        self.actions, self.chunk = actions, chunk
        self.velocity = Denoiser(width, actions, chunk)

    def loss(self, hidden: Tensor, actions: Tensor, mask: Tensor) -> Tensor:
        hidden, actions, mask = (x.repeat(DRAWS, 1, 1) for x in (hidden, actions, mask))
        time = 1 - torch.distributions.Beta(1.5, 1.0).sample((len(actions),)).to(actions.device)
        noise = torch.randn_like(actions)
        at = time[:, None, None]
        told = self.velocity(hidden, (1 - at) * noise + at * actions, time)
        return masked_mean((told - (actions - noise)) ** 2, mask)

    def act(self, hidden: Tensor, generator: torch.Generator | None = None) -> Tensor:
        x = torch.randn(len(hidden), self.chunk, self.actions, generator=generator).to(hidden.device)
        for step in range(STEPS):
            x = x + self.velocity(hidden, x, torch.full((len(hidden),), step / STEPS, device=hidden.device)) / STEPS
        return x

    def act_on(self, hidden: Tensor, held: Held, generator: torch.Generator | None = None) -> Tensor:
        """As `act`, guided at every step towards what is held; `hidden` must not stem from inference mode."""
        x = torch.randn(len(hidden), self.chunk, self.actions, generator=generator).to(hidden.device)
        for step in range(STEPS):
            time = step / STEPS
            with torch.enable_grad():
                noisy = x.detach().requires_grad_()
                velocity = self.velocity(hidden, noisy, torch.full((len(hidden),), time, device=hidden.device))
                pulled = pull(noisy, noisy + (1 - time) * velocity, held)
            x = noisy.detach() + (velocity.detach() + strength(time) * pulled) / STEPS
        return x


def waves(time: Tensor, size: int = 32) -> Tensor:
    """[B, size] sines and cosines of a time [B] between 0 and 1."""
    rates = torch.exp(torch.linspace(0, math.log(1000), size // 2, device=time.device))
    angles = time[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], -1)
