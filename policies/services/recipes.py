"""How a training may be done: recipes by name, and what of them people change."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from policies.learning.config import Config, read_config
from policies.models import PolicyVersion
from protocol.errors import Refused

ROOT = Path(__file__).resolve().parent.parent
#: name -> file, what it is for, whether it goes on from a base
RECIPES = {
    "starter": (
        ROOT / "starter.toml",
        "The small model, from nothing: hundreds of demonstrations, some minutes of one thread.",
        False,
    ),
    "continue": (ROOT / "continue.toml", "Goes on from a policy with new demonstrations and corrections.", True),
}
CHANGED = ("steps", "batch", "rate", "seed", "patience", "device")  # of [learn]


@dataclass(frozen=True, slots=True)
class Recipe:
    name: str
    purpose: str
    needs_base: bool
    config: Config


def recipes() -> list[Recipe]:
    return [recipe(name) for name in RECIPES]


def recipe(name: str) -> Recipe:
    """`Refused("recipe_unknown")`."""
    if name not in RECIPES:
        raise Refused("recipe_unknown", f"There is no recipe {name!r}. There are {', '.join(RECIPES)}.")
    path, purpose, needs_base = RECIPES[name]
    return Recipe(name, purpose, needs_base, read_config(path.read_bytes()))


def config_of(chosen: Recipe, base: PolicyVersion | None, changes: dict[str, Any], head: str | None) -> Config:
    """The recipe with what was changed.  Refused: `base_missing`, `policy_config` naming what cannot be."""
    if chosen.needs_base and base is None:
        raise Refused("base_missing", f"The recipe {chosen.name} goes on from a policy. Choose the base.")
    raw = msgspec.to_builtins(chosen.config)
    raw["learn"] |= {name: value for name, value in changes.items() if name in CHANGED and value is not None}
    if head is not None and base is None:
        raw["model"]["head"] = head
    try:
        return msgspec.convert(raw, Config)
    except msgspec.ValidationError as error:
        raise Refused("policy_config", f"The configuration cannot be: {error}.") from error
