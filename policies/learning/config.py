"""Everything that decides what a model is and how it learns, as it stands in `config.toml` and in a policy's folder."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from protocol.embodiment import Embodiment
from protocol.errors import Refused

Count = Annotated[int, Meta(ge=1, le=1_000_000_000)]
Size = Annotated[int, Meta(ge=1, le=4096)]
Part = Annotated[float, Meta(ge=0.0, lt=1.0)]
Above = Annotated[float, Meta(gt=0.0)]
NotBelow = Annotated[float, Meta(ge=0.0)]
Side = Annotated[int, Meta(ge=8, le=2048)]
HeadName = Literal["regression", "flow", "diffusion", "tokens"]


class CameraSlot(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of the model's eyes: pictures of any size are scaled to this one, in pixels."""

    name: str
    width: Side = 96
    height: Side = 72


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of robot that the model can drive.

    `proprioception` names the quantities of its state that the model sees, `tool` the three that say where its tool is (None if
    nothing does), `cameras` which of its cameras fills which slot, by the slot's name.
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
    width: Size = 128
    layers: Size = 2
    attention_heads: Size = 4
    keypoints: Size = 12
    chunk: Size = 8
    step_s: Above = 0.1
    slots: tuple[CameraSlot, ...] = (CameraSlot(name="scene"), CameraSlot(name="wrist"))
    objects: tuple[str, ...] = ()  # names that the reasoning can give
    bodies: tuple[Body, ...] = ()

    def check(self) -> ModelConfig:
        """Itself, or `Refused("policy_config")` naming what does not fit."""
        if self.width % self.attention_heads:
            raise Refused("policy_config", f"{self.attention_heads} attention heads do not divide a width of {self.width}.")
        if not self.slots or len({slot.name for slot in self.slots}) != len(self.slots):
            raise Refused("policy_config", "Name at least one camera slot, and none twice.")
        for body in self.bodies:
            body.check(self.slots)
        return self


class Lesson(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Until this share of all steps, episodes are drawn by these weights of their tasks; tasks without one are left out."""

    until: Annotated[float, Meta(gt=0.0, le=1.0)]
    tasks: dict[str, NotBelow]


class LearnConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How it learns.  The defaults suit a few hundred demonstrations and some minutes of one CPU thread."""

    steps: Count = 3000
    batch: Size = 32
    rate: Above = 1e-3
    warmup: Count = 100
    least_rate: NotBelow = 0.03  # of `rate`, at the end of the cosine
    decay: NotBelow = 1e-4
    clip: Above = 1.0
    ema: Part = 0.999
    shift: Annotated[int, Meta(ge=0, le=64)] = 1  # pixels by which pictures are moved about; one may be centimetres of the table
    noise: NotBelow = 0.05  # on normalised proprioception
    waypoint: NotBelow = 5.0  # weight of the loss on hindsight waypoints
    reasoning: NotBelow = 0.5  # weight of the loss on what it says
    held_out: Part = 0.05  # of the episodes: their error is reported, nothing is learnt from them
    patience: Annotated[int, Meta(ge=0, le=10_000)] = 0  # checks without a smaller error before it ends early; 0: never
    curriculum: tuple[Lesson, ...] = ()  # one after the other; after the last, every task as the episodes weigh
    report_every: Count = 50
    save_every: Count = 500
    device: Literal["auto", "cpu", "cuda"] = "auto"
    bf16: bool = True
    threads: Size = 1
    seed: Annotated[int, Meta(ge=0, lt=1 << 31)] = 0


class Lora(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Low-rank adapters: `rank` numbers wide, counting `alpha` / `rank`, on the layers whose names end with one of `targets`."""

    rank: Annotated[int, Meta(ge=1, le=1024)] = 16
    alpha: Above = 16.0
    targets: Annotated[tuple[str, ...], Meta(min_length=1)] = ("qkv", "back", "think.0", "think.2")


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`episodes`: a file or a folder that names them (see `read.py`).  `out`: the policy's folder.

    Without `model.bodies` the model drives the kinds of robots that are in the episodes; `proprioception` says by their names
    what it sees of their state: all but speeds and torques, where it says nothing.  `samples`: a folder for pictures of steps
    that were set aside, with what was said of them at each check.  `lineage` goes onto the policy's card as it is.
    """

    model: ModelConfig = ModelConfig()
    learn: LearnConfig = LearnConfig()
    lora: Lora | None = None  # with a base: only adapters to it learn
    proprioception: dict[str, tuple[str, ...]] = {}
    episodes: str = ""
    base: str = ""  # a policy's folder to go on from; "" begins anew
    out: str = ""
    name: str = ""  # of the policy; "" is the name of its folder
    samples: str = ""
    lineage: dict[str, Any] = {}


def read_config(raw: bytes) -> Config:
    """From TOML, or JSON where it begins with a brace; `Refused("policy_config")` naming the first thing that is wrong."""
    try:
        return msgspec.json.decode(raw, type=Config) if raw.startswith(b"{") else msgspec.toml.decode(raw, type=Config)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("policy_config", f"The configuration cannot be read: {error}.") from error
