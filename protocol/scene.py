"""What is where, as somebody says it: a simulator, a detector or a person.  Planning, checks and labels read only this."""

from __future__ import annotations

from typing import Literal

import msgspec

EVENT = "scene"  # the line of events.jsonl whose detail is a SceneReport


class SceneThing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A thing: position in metres in the frame that is named."""

    name: str
    position: tuple[float, float, float]
    frame: str = "base"
    confidence: float = 1.0


class SceneReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that `source` knows of at one moment."""

    objects: tuple[SceneThing, ...]
    source: Literal["simulator", "detector", "person"]
