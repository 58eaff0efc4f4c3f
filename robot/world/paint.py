"""Colours by name, and how a thing or a surface of a compiled model gets another one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from protocol.errors import Refused
from robot.world.variation import Triple, loose_things

COLOURS: dict[str, Triple] = {
    "red": (0.80, 0.20, 0.16),
    "blue": (0.20, 0.40, 0.78),
    "yellow": (0.90, 0.68, 0.20),
    "green": (0.22, 0.60, 0.36),
    "purple": (0.52, 0.22, 0.66),
    "pink": (0.90, 0.45, 0.62),
    "orange": (0.90, 0.42, 0.10),
    "cyan": (0.20, 0.70, 0.74),
    "brown": (0.42, 0.27, 0.16),
    "white": (0.92, 0.92, 0.90),
    "grey": (0.50, 0.50, 0.50),
    "black": (0.06, 0.06, 0.06),
}
_HEX = re.compile(r"#[0-9a-fA-F]{6}")


def read_colour(text: str) -> Triple:
    """RGB 0..1 of a name or of #rrggbb; `Refused("colour_unknown")` names those there are."""
    if text in COLOURS:
        return COLOURS[text]
    if _HEX.fullmatch(text):
        red, green, blue = (round(int(text[i : i + 2], 16) / 255, 4) for i in (1, 3, 5))
        return red, green, blue
    raise Refused("colour_unknown", f"{text!r} is no colour here. Write #rrggbb or one of: {', '.join(COLOURS)}.")


def paint(model: Any, colours: Mapping[str, Triple]) -> None:
    """Things by the name of their body, surfaces by the name of their material; what the model does not have is passed over."""
    things = loose_things(model)
    for name, rgb in colours.items():
        for geom in things.get(name, ()):
            if model.geom_rgba[geom, 3] > 0:
                model.geom_rgba[geom, :3] = rgb
    for number in range(model.nmat):
        name = model.mat(number).name
        if name in colours:
            model.mat_rgba[number, :3] = colours[name]
