"""The parts of the encoder: a transformer block, words, and eyes that look where the words say."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from policies.learning.words import BUCKETS, WORDS

FEATURES = 64  # of a place in a picture


class Block(nn.Module):
    """Self-attention and a small network, each on what the layer before left, normalised first."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.back = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.think = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        """x [B, N, D]; `seen` bool[B, N]: which of them may be looked at."""
        query, key, value = self.qkv(self.before(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        # written out: for so few tokens the fused attention's way back takes nearly three times as long on a CPU
        score = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
        share = score.float().masked_fill(~seen[:, None, None, :], -torch.inf).softmax(-1).to(value.dtype)
        x = x + self.back((share @ value).transpose(1, 2).flatten(2))
        out: Tensor = x + self.think(self.after(x))
        return out


class Reader(nn.Module):
    """Words into one vector each, that know their neighbours."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.pieces = nn.Embedding(BUCKETS, width, padding_idx=0)
        self.place = nn.Parameter(torch.randn(WORDS, width) * 0.02)
        self.block = Block(width, heads)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """int64[B, T, G] -> words [B, T, D], which of them are there bool[B, T], their mean [B, D]."""
        there = (tokens > 0).any(-1)
        count = (tokens > 0).sum(-1, keepdim=True).clamp(min=1)
        x = self.pieces(tokens).sum(2) / count.sqrt() + self.place[: tokens.shape[1]]
        x = self.block(x, there)
        share = there[..., None].to(x.dtype)
        return x, there, (x * share).sum(1) / share.sum(1)


class Eye(nn.Module):
    """One camera: a small convolution that the instruction colours (FiLM, Perez et al., 2018), then `count` points of the
    picture, each where a question that the instruction asks finds its answer (spatial soft-argmax, Levine et al., 2016)."""

    places: Tensor

    def __init__(self, width: int, count: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 24, 5, 2, 2)
        self.second, self.norm2, self.tint2 = nn.Conv2d(24, 48, 3, 2, 1), nn.GroupNorm(4, 48), nn.Linear(width, 96)
        self.third, self.norm3 = nn.Conv2d(48, FEATURES, 3, 1, 1), nn.GroupNorm(4, FEATURES)
        self.tint3 = nn.Linear(width, 2 * FEATURES)
        for tint in (self.tint2, self.tint3):
            nn.init.zeros_(tint.weight)
            nn.init.zeros_(tint.bias)
        self.asked = nn.Linear(width, count * FEATURES)
        self.always = nn.Parameter(torch.randn(count, FEATURES) * 0.5)
        self.told = nn.Linear(FEATURES + 2, width)
        self.which = nn.Parameter(torch.randn(count, width) * 0.05)
        self.register_buffer("places", _places(*size), persistent=False)

    def forward(self, pictures: Tensor, meaning: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[B, 3, H, W] of -1 to 1 and [B, D] -> tokens [B, K, D], points [B, K, 2], x and y of -1 to 1, and of
        each point how much it wavers (the entropy of where it looks) and the colour there [B, K, 4]."""
        x = F.relu(self.first(pictures))
        x = F.relu(_tinted(self.norm2(self.second(x)), self.tint2(meaning)))
        x = F.relu(_tinted(self.norm3(self.third(x)), self.tint3(meaning)))
        found = x.flatten(2).transpose(1, 2)  # [B, places, FEATURES]
        asked = self.asked(meaning).unflatten(-1, (-1, FEATURES)) + self.always
        share = (asked @ found.transpose(1, 2) * 0.35).float().softmax(-1).to(found.dtype)
        points = share @ self.places.to(found.dtype)
        told = self.told(torch.cat([points * 2, share @ found], -1)) + self.which
        return told, points, _sight(share.detach().float(), F.adaptive_avg_pool2d(pictures, (x.shape[2], x.shape[3])).float())


def _sight(share: Tensor, colours: Tensor) -> Tensor:
    """[B, K, 4] of attention [B, K, places] and colours [B, 3, h, w]."""
    wavers = -(share * share.clamp(min=1e-9).log()).sum(-1, keepdim=True)
    return torch.cat([wavers, share @ colours.flatten(2).transpose(1, 2)], -1)


def _tinted(x: Tensor, tint: Tensor) -> Tensor:
    scale, shift = tint[..., None, None].chunk(2, 1)
    return x * (1 + scale) + shift


def _places(width: int, height: int) -> Tensor:
    """[places, 2] x and y of what the second halving leaves, of -1 to 1."""
    wide, high = (((side + 1) // 2 + 1) // 2 for side in (width, height))
    y, x = torch.meshgrid(torch.linspace(-1, 1, high), torch.linspace(-1, 1, wide), indexing="ij")
    return torch.stack([x, y], -1).reshape(-1, 2)
