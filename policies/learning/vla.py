"""Our vision-language-action model: words, eyes and proprioception into one transformer; action tokens come out.

Robots of different kinds share it: each has its own way in and out (padded to the largest), the same eyes and words.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from policies.learning.blocks import Block, Eye, Reader
from policies.learning.config import ModelConfig
from policies.learning.heads.registry import make_head
from policies.learning.heads.regression import masked_mean
from policies.learning.phases import SUBTASKS


@dataclass(frozen=True, slots=True)
class Inputs:
    """B robots.  `body` int64[B]; `tokens` int64[B, T, G]; `state` float32[B, S] normalised, padded with 0; `pictures`
    uint8[B, 3, H, W] by slot; `seen` bool[B, slots]: which slots have a picture."""

    body: Tensor
    tokens: Tensor
    state: Tensor
    pictures: tuple[Tensor, ...]
    seen: Tensor


@dataclass(frozen=True, slots=True)
class Encoded:
    """`actions` [B, H, D] for the head; `waypoint` [B, 3] normalised, `guess` [B, 3] the same from the points alone;
    `said` [B, D] for the reasoning; `points` [B, slots, K, 2]; `sight` [B, S]: how sure each of them is, and of what
    colour what it looks at; where something is new to the model, these show it before what is made of them does."""

    actions: Tensor
    waypoint: Tensor
    guess: Tensor
    said: Tensor
    points: Tensor
    sight: Tensor


@dataclass(frozen=True, slots=True)
class Said:
    """Logits of `subtask` [B, subtasks] and `name` [B, objects + 1] (the last: none of them), `position` [B, 3] normalised,
    `boxes` [B, slots, 4] (centre x, y, width, height, of 0 to 1) and `shown` [B, slots], the logit that it is in sight."""

    subtask: Tensor
    name: Tensor
    position: Tensor
    boxes: Tensor
    shown: Tensor


@dataclass(frozen=True, slots=True)
class Labels:
    """What was done and what was so.  NaN where nobody knows, -1 for a class that nobody knows.

    `actions`, `mask` [B, H, A]; `waypoint`, `position` [B, 3] normalised; `subtask`, `name` int64[B]; `boxes`
    [B, slots, 4]; `shown` [B, slots] of 0 and 1.
    """

    actions: Tensor
    mask: Tensor
    waypoint: Tensor
    position: Tensor
    subtask: Tensor
    name: Tensor
    boxes: Tensor
    shown: Tensor


Batch = TypeVar("Batch", Inputs, Encoded, Said, Labels)


def moved(batch: Batch, device: torch.device | str) -> Batch:
    """The same on another device."""
    parts: Any = [getattr(batch, part.name) for part in fields(batch)]
    there: Any = [tuple(x.to(device) for x in part) if isinstance(part, tuple) else part.to(device) for part in parts]
    return type(batch)(*there)


class Vla(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        width, bodies = config.width, len(config.bodies)
        sensed = max(len(body.proprioception) for body in config.bodies)
        axes = max(len(body.embodiment.action) for body in config.bodies)
        self.reader = Reader(width, config.attention_heads)
        self.eyes = nn.ModuleList(Eye(width, config.keypoints, (slot.width, slot.height)) for slot in config.slots)
        self.sense = nn.Parameter(torch.randn(bodies, sensed, width) * sensed**-0.5)
        self.body = nn.Parameter(torch.randn(bodies, width) * 0.02)
        self.asked = nn.Parameter(torch.randn(2 + config.chunk, width) * 0.1)  # waypoint, reasoning, the actions
        self.blocks = nn.ModuleList(Block(width, config.attention_heads) for _ in range(config.layers))
        self.norm = nn.LayerNorm(width)
        self.head = make_head(config.head, width, axes, config.chunk)
        seen = len(config.slots) * config.keypoints * 2
        self.waypoint, self.guess = nn.Linear(width, 3), nn.Linear(seen, 3)
        self.subtask = nn.Linear(width, len(SUBTASKS))
        self.name = nn.Linear(width, len(config.objects) + 1)
        self.position = nn.Linear(width + seen, 3)
        self.box = nn.Linear(width + seen, len(config.slots) * 5)

    def encode(self, given: Inputs) -> Encoded:
        longest = int((given.tokens > 0).any(-1).sum(1).max())
        words, there, meaning = self.reader(given.tokens[:, :longest])
        looked = [
            eye(picture.to(meaning.dtype) / 127.5 - 1, meaning) for eye, picture in zip(self.eyes, given.pictures, strict=True)
        ]
        state = torch.einsum("bs,bsd->bd", given.state.to(meaning.dtype), self.sense[given.body]) + self.body[given.body]
        asked = self.asked.expand(len(words), -1, -1)
        x = torch.cat([words, *(told for told, _, _ in looked), state[:, None], asked], 1)
        count = self.config.keypoints
        eyes = given.seen.repeat_interleave(count, 1)
        always = torch.ones(len(words), 1 + asked.shape[1], dtype=torch.bool, device=x.device)
        seen = torch.cat([there, eyes, always], 1)
        for block in self.blocks:
            x = block(x, seen)
        x = self.norm(x)
        points = torch.stack([points for _, points, _ in looked], 1) * given.seen[..., None, None]
        first = -self.config.chunk
        return Encoded(
            x[:, first:],
            self.waypoint(x[:, first - 2]).float(),
            self.guess(points.flatten(1) * 2).float(),
            x[:, first - 1],
            points,
            torch.cat([sight.flatten(1) for _, _, sight in looked], -1),
        )

    def say(self, encoded: Encoded) -> Said:
        said, points = encoded.said, encoded.points.flatten(1) * 2
        both = torch.cat([said, points], -1)
        box = self.box(both).float().unflatten(-1, (-1, 5))
        return Said(
            self.subtask(said).float(), self.name(said).float(), self.position(both).float(), box[..., :4].sigmoid(), box[..., 4]
        )

    def losses(self, given: Inputs, labels: Labels) -> dict[str, Tensor]:
        """By name, each a mean over what is known.  The weights of LearnConfig are for the caller."""
        encoded = self.encode(given)
        said = self.say(encoded)
        return {
            "action": self.head.loss(encoded.actions, labels.actions, labels.mask),
            "waypoint": _known(encoded.waypoint, labels.waypoint) + _known(encoded.guess, labels.waypoint),
            "subtask": _classed(said.subtask, labels.subtask),
            "name": _classed(said.name, labels.name),
            "position": _known(said.position, labels.position),
            "box": 10 * _known(said.boxes, labels.boxes),
            "shown": _shown(said.shown, labels.shown),
        }

    def act(self, encoded: Encoded, generator: torch.Generator | None = None) -> Tensor:
        out: Tensor = self.head.act(encoded.actions, generator)
        return out


def _known(told: Tensor, wanted: Tensor) -> Tensor:
    known = wanted.isfinite()
    return masked_mean((told - wanted.nan_to_num()) ** 2, known.float())


def _classed(logits: Tensor, wanted: Tensor) -> Tensor:
    known = (wanted >= 0).float()
    return masked_mean(F.cross_entropy(logits, wanted.clamp(min=0), reduction="none"), known)


def _shown(logits: Tensor, wanted: Tensor) -> Tensor:
    known = wanted.isfinite().float()
    return masked_mean(F.binary_cross_entropy_with_logits(logits, wanted.nan_to_num(), reduction="none"), known)


def count_parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
