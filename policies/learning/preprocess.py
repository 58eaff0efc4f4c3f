"""From what a robot gives to what the model takes.  The one way, for training and for serving."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from policies.learning.config import Body, CameraSlot, ModelConfig
from policies.learning.vla import Inputs
from policies.learning.words import tokens
from protocol.errors import Refused
from protocol.policy import Observation

Floats = NDArray[np.float32]
_LEAST_STD = 1e-3  # of a quantity's range: what never moved must not be blown up


def scaled(picture: NDArray[np.uint8], slot: CameraSlot) -> NDArray[np.uint8]:
    """uint8[H, W, 3] in the size of the slot, each pixel the mean of what it covers."""
    if picture.shape[:2] == (slot.height, slot.width):
        return picture
    return np.asarray(cv2.resize(picture, (slot.width, slot.height), interpolation=cv2.INTER_AREA), np.uint8)


@dataclass(frozen=True, slots=True)
class Scale:
    """What is taken away and divided by, for one body: float32 of its proprioception, its actions and places [3] m."""

    state_mean: Floats
    state_std: Floats
    action_mean: Floats
    action_std: Floats
    place_mean: Floats
    place_std: Floats


def scale_of(body: Body, state: Floats, actions: Floats, places: Floats) -> Scale:
    """From all rows: `state` [N, P] of the proprioception, `actions` [N, A], `places` [N, 3] m that are finite."""
    quantities = {quantity.name: quantity for quantity in body.embodiment.state}
    span = np.array([quantities[name].high - quantities[name].low for name in body.proprioception], np.float32)
    reach = np.array([axis.high - axis.low for axis in body.embodiment.action], np.float32)
    if not len(places):
        places = np.zeros((1, 3), np.float32)
    return Scale(
        state.mean(0),
        np.maximum(state.std(0), _LEAST_STD * span),
        actions.mean(0),
        np.maximum(actions.std(0), 0.025 * reach),
        places.mean(0),
        np.maximum(places.std(0), 0.02).astype(np.float32),
    )


class Preprocess:
    """Observations of any of the model's bodies, as one batch."""

    def __init__(self, config: ModelConfig, scales: tuple[Scale, ...]) -> None:
        self.config, self.scales = config, scales
        self.body = {body.embodiment.kind: index for index, body in enumerate(config.bodies)}
        self._columns = [body.columns(body.proprioception) for body in config.bodies]
        self._width = max(len(columns) for columns in self._columns)

    def state(self, body: int, state: Floats) -> Floats:
        """float32[..., P] normalised and padded, from whole states [..., S]."""
        scale, columns = self.scales[body], self._columns[body]
        out = np.zeros((*state.shape[:-1], self._width), np.float32)
        out[..., : len(columns)] = np.clip((state[..., columns] - scale.state_mean) / scale.state_std, -10, 10)
        return out

    def inputs(self, batch: list[Observation]) -> Inputs:
        """`Refused("policy_embodiment" | "policy_input")` when one of them is not what the model was made for."""
        bodies = [self._known(one) for one in batch]
        pictures = [self._pictures(body, one) for body, one in zip(bodies, batch, strict=True)]
        return Inputs(
            torch.tensor(bodies),
            torch.from_numpy(np.stack([tokens(one.instruction) for one in batch])),
            torch.from_numpy(np.stack([self.state(body, one.state) for body, one in zip(bodies, batch, strict=True)])),
            tuple(_stacked([each[slot] for each in pictures], self.config.slots[slot]) for slot in range(len(self.config.slots))),
            torch.tensor([[picture is not None for picture in each] for each in pictures]),
        )

    def _known(self, one: Observation) -> int:
        body = self.body.get(one.kind)
        if body is None:
            names = ", ".join(body.embodiment.name for body in self.config.bodies)
            raise Refused("policy_embodiment", f"This policy was made for {names}, not for this robot. Choose another policy.")
        wanted = self.config.bodies[body].embodiment.state
        if one.state.shape != (len(wanted),) or not np.isfinite(one.state).all():
            raise Refused("policy_input", f"The state has shape {one.state.shape} or holds no numbers; {len(wanted)} are needed.")
        return body

    def _pictures(self, body: int, one: Observation) -> list[NDArray[np.uint8] | None]:
        cameras = self.config.bodies[body].cameras
        found: list[NDArray[np.uint8] | None] = []
        for slot in self.config.slots:
            picture = one.images.get(cameras[slot.name]) if slot.name in cameras else None
            if slot.name in cameras and (
                picture is None or picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8
            ):
                raise Refused("policy_input", f"There is no RGB picture of the camera {cameras[slot.name]}.")
            found.append(None if picture is None else scaled(picture, slot))
        return found


def _stacked(pictures: list[NDArray[np.uint8] | None], slot: CameraSlot) -> Tensor:
    """uint8[B, 3, H, W]; grey where there is none."""
    grey = np.full((slot.height, slot.width, 3), 128, np.uint8)
    return torch.from_numpy(np.stack([grey if one is None else one for one in pictures])).permute(0, 3, 1, 2)
