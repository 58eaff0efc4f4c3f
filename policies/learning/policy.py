"""Our model as a `Policy`: observations in, decisions out, in the robot's own units."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from policies.learning.checkpoint import load_policy
from policies.learning.folder import Card
from policies.learning.heads.flow import Flow
from policies.learning.phases import SUBTASKS
from policies.learning.preprocess import Preprocess, Scale
from policies.learning.realtime import Held, weights
from policies.learning.vla import Encoded, Said, Vla, moved
from protocol.errors import Refused
from protocol.policy import Decision, Observation, Reasoning, Target

Triple = tuple[float, float, float]


class VlaPolicy:
    """A `Policy`.  Use it from one thread at a time; `generator` is what heads that sample draw from."""

    def __init__(self, model: Vla, scales: tuple[Scale, ...], card: Card, generator: torch.Generator | None = None) -> None:
        self.model, self.scales, self.card = model.eval(), scales, card
        self._before = Preprocess(model.config, scales)
        self._generator = generator
        self._device = next(model.parameters()).device

    def to(self, device: torch.device) -> VlaPolicy:
        self.model.to(device)
        self._device = device
        return self

    def act(self, batch: list[Observation]) -> list[Decision]:
        given = self._before.inputs(batch)
        with torch.inference_mode():
            encoded = self.model.encode(moved(given, self._device))
            said = moved(self.model.say(encoded), "cpu")
        actions = self._actions(encoded, batch, given.body)
        encoded = moved(encoded, "cpu")
        return [self._decision(row, int(body), batch[row], encoded, said, actions) for row, body in enumerate(given.body)]

    def _actions(self, encoded: Encoded, batch: list[Observation], bodies: Tensor) -> Tensor:
        """[B, H, A] normalised.  Who is moving already is answered so that it can go on from that, if the head can do it."""
        guided = [row for row, one in enumerate(batch) if one.prefix is not None and isinstance(self.model.head, Flow)]
        out = torch.zeros(len(batch), self.model.config.chunk, self.model.head.actions if guided else 0)
        if len(guided) < len(batch):
            with torch.inference_mode():
                out = self.model.act(encoded, self._generator).cpu()
        if guided:
            out = out.clone()
            out[guided] = self._guided(encoded.actions.clone()[guided], [batch[row] for row in guided], bodies[guided])
        return out

    def _guided(self, hidden: Tensor, batch: list[Observation], bodies: Tensor) -> Tensor:
        """Actions [B, H, A] that go on from what each robot is doing (real-time chunking)."""
        axes, chunk = self.model.head.actions, self.model.config.chunk
        held, weight = np.zeros((2, len(batch), chunk, axes), np.float32)
        for row, (one, body) in enumerate(zip(batch, bodies.tolist(), strict=True)):
            scale = self.scales[body]
            prefix = np.asarray(one.prefix, np.float32)[:chunk]
            count = len(scale.action_mean)
            if prefix.ndim != 2 or prefix.shape[1] != count or not np.isfinite(prefix).all():
                raise Refused("policy_input", f"The actions under way have shape {prefix.shape} or hold no numbers.")
            held[row, : len(prefix), :count] = (prefix - scale.action_mean) / scale.action_std
            weight[row, :, :count] = weights(one.delay_steps, len(prefix), chunk)[:, None]
        on = Held(torch.from_numpy(held).to(self._device), torch.from_numpy(weight).to(self._device))
        out: Tensor = self.model.head.act_on(hidden, on, self._generator).cpu()
        return out

    def _decision(self, row: int, body: int, one: Observation, encoded: Encoded, said: Said, actions: Tensor) -> Decision:
        scale = self.scales[body]
        axes = len(scale.action_mean)
        return Decision(
            actions[row, :, :axes].float().numpy() * scale.action_std + scale.action_mean,
            self.model.config.step_s,
            _noticed(row, encoded, said),
            reasoning=self._reasoning(row, body, one, encoded, said),
        )

    def _reasoning(self, row: int, body: int, one: Observation, encoded: Encoded, said: Said) -> Reasoning:
        config, scale = self.model.config, self.scales[body]
        kind = config.bodies[body]
        names = said.name[row].softmax(-1)
        which = int(names.argmax())
        shown = said.shown[row].sigmoid()
        boxes, keypoints = {}, {}
        for index, slot in enumerate(config.slots):
            if slot.name in kind.cameras:
                camera = kind.cameras[slot.name]
                high, wide = one.images[camera].shape[:2]
                boxes[camera] = _box(said.boxes[row, index], wide, high) if shown[index] > 0.5 else None
                keypoints[camera] = [
                    ((x + 1) / 2 * (wide - 1), (y + 1) / 2 * (high - 1)) for x, y in encoded.points[row, index].float().tolist()
                ]
        target = None
        if which < len(config.objects):
            target = Target(config.objects[which], float(names[which]), boxes, _place(said.position[row], scale))
        waypoint = _place(encoded.waypoint[row], scale) if kind.tool else None
        return Reasoning(SUBTASKS[int(said.subtask[row].argmax())], target, waypoint, keypoints)


def _place(place: Tensor, scale: Scale) -> Triple:
    x, y, z = (float(value) for value in place.float().numpy() * scale.place_std + scale.place_mean)
    return x, y, z


def _noticed(row: int, encoded: Encoded, said: Said) -> NDArray[np.float32]:
    """[F] that doubt goes by: where the model looks and how sure it is, with what it takes that for.  A colour may be familiar,
    yet not as the colour of the thing that it names."""
    says = (said.name[row].softmax(-1), said.subtask[row].softmax(-1), said.shown[row].sigmoid())
    return np.asarray(torch.cat([encoded.sight[row], *says]).numpy(), np.float32)


def _box(box: Tensor, wide: int, high: int) -> tuple[float, float, float, float]:
    """(left, top, right, bottom) in pixels, from the centre and size that the model says."""
    x, y, width, height = (float(value) for value in box)
    left, top, right, bottom = np.clip([x - width / 2, y - height / 2, x + width / 2, y + height / 2], 0, 1)
    return float(left * wide), float(top * high), float(right * wide), float(bottom * high)


def open_policy(folder: Path, seed: int | None = None) -> VlaPolicy:
    """Loads a policy's folder.  Refused: `policy_missing`, `policy_damaged`."""
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    return VlaPolicy(*load_policy(folder), generator)
