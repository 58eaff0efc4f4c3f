"""Everything that decides what a model is and how it learns, as it stands in `config.toml` and in a policy's folder."""

from __future__ import annotations

from typing import Literal

import msgspec

from protocol.embodiment import Embodiment
from protocol.errors import Refused

HeadName = Literal["regression", "flow", "diffusion", "tokens"]


class CameraSlot(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of the model's eyes: pictures of any size are scaled to this one, in pixels."""

    name: str
    width: int = 96
    height: int = 72


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of robot that the model can drive.

    `proprioception` names the quantities of its state that the model sees, `tool` the three that say where its tool is ("" if
    none), `cameras` which of its cameras fills which slot, by the slot's name.
    """

    embodiment: Embodiment
    proprioception: tuple[str, ...]
    tool: tuple[str, str, str] | None = None
    cameras: dict[str, str]

    def check(self, slots: tuple[CameraSlot, ...]) -> Body:
        """Itself, or `Refused("policy_config")` naming what does not fit."""
        known = {quantity.name for quantity in self.embodiment.state}
        for name in (*self.proprioception, *(self.tool or ())):
            if name not in known:
                raise Refused("policy_config", f"{self.embodiment.name} senses no {name!r}.")
        cameras = {camera.name for camera in self.embodiment.cameras}
        for slot, name in self.cameras.items():
            if slot not in {s.name for s in slots} or name not in cameras:
                raise Refused("policy_config", f"{self.embodiment.name} has no camera {name!r} for a slot {slot!r}.")
        return self

    def columns(self, names: tuple[str, ...]) -> list[int]:
        """Where in the state these quantities stand."""
        order = [quantity.name for quantity in self.embodiment.state]
        return [order.index(name) for name in names]


class ModelConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sizes.  `chunk` actions, `step_s` seconds apart, are answered at once."""

    head: HeadName = "regression"
    width: int = 128
    layers: int = 2
    attention_heads: int = 4
    keypoints: int = 12
    chunk: int = 8
    step_s: float = 0.1
    slots: tuple[CameraSlot, ...] = (CameraSlot(name="scene"), CameraSlot(name="wrist"))
    objects: tuple[str, ...] = ()  # names that the reasoning can give
    bodies: tuple[Body, ...] = ()


class LearnConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How it learns.  Figures as measured best on one CPU thread in 5 minutes; see docs/learning.md."""

    steps: int = 3000
    batch: int = 32
    rate: float = 1e-3
    warmup: int = 100
    least_rate: float = 0.03  # of `rate`, at the end of the cosine
    decay: float = 1e-4
    clip: float = 1.0
    ema: float = 0.999
    shift: int = 4  # pixels by which pictures are moved about
    noise: float = 0.05  # on normalised proprioception
    waypoint: float = 5.0  # weight of the loss on hindsight waypoints
    reasoning: float = 0.2  # weight of the loss on what it says
    held_out: float = 0.05  # of the episodes, for the error that decides about stopping early
    report_every: int = 50
    save_every: int = 500
    bf16: bool = True
    threads: int = 1
    seed: int = 0


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`episodes`: a file or a folder that names them (see `read.py`).  `out`: the policy's folder.

    Without `model.bodies` the model drives the kinds of robots that are in the episodes; `proprioception` says by their names
    what it sees of their state: all but speeds and torques, where it says nothing.
    """

    model: ModelConfig = ModelConfig()
    learn: LearnConfig = LearnConfig()
    proprioception: dict[str, tuple[str, ...]] = {}
    episodes: str = ""
    base: str = ""  # a policy's folder to go on from; "" begins anew
    out: str = ""


def read_config(raw: bytes) -> Config:
    """From TOML; `Refused("policy_config")` naming the first thing that is wrong."""
    try:
        return msgspec.toml.decode(raw, type=Config)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("policy_config", f"The configuration cannot be read: {error}.") from error
