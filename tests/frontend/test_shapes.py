"""The pages' own description of the episode JSON names exactly the fields that the server sends."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ninja import Schema

from episodes import schemas

SHAPES = Path(__file__).parents[2] / "frontend" / "src" / "episodes" / "shapes.ts"
INTERFACE = re.compile(r"export interface (\w+)(?: extends (\w+))? \{\n(.*?)\n\}", re.DOTALL)
SHARED = ("Named", "Stretch", "EpisodeRow", "EpisodePage", "Column", "Video", "EpisodeDetail", "EpisodeEvent")


def interfaces() -> dict[str, set[str]]:
    """Field names by interface, those of the extended one included."""
    found: dict[str, set[str]] = {}
    for name, parent, body in INTERFACE.findall(SHAPES.read_text()):
        found[name] = set(re.findall(r"^  (\w+): ", body, re.MULTILINE)) | found.get(parent, set())
    return found


@pytest.mark.parametrize("name", SHARED)
def test_page_and_server_name_the_same_fields(name: str) -> None:
    schema = getattr(schemas, name)
    assert issubclass(schema, Schema)
    assert interfaces()[name] == set(schema.model_fields)


def test_no_shape_is_left_uncompared() -> None:
    assert set(interfaces()) == set(SHARED)
