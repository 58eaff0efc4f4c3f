"""The pages' own description of the episode JSON names exactly the fields that the server sends."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ninja import Schema

from episodes.schemas import campaigns, catalogue, datasets, episodes, review
from policies.schemas import policies, trainings

SOURCES = Path(__file__).parents[2] / "frontend" / "src"
INTERFACE = re.compile(r"export interface (\w+)(?: extends (\w+))? \{\n(.*?)\n\}", re.DOTALL)
FILES = {
    "campaigns/shapes.ts": (
        campaigns,
        (
            "CampaignRow",
            "CampaignPromptRow",
            "CampaignCell",
            "CampaignSeatRow",
            "CampaignDetail",
            "CampaignSite",
            "CampaignPage",
            "CampaignTurn",
        ),
    ),
    "datasets/shapes.ts": (
        datasets,
        (
            "VersionRow",
            "DatasetRow",
            "Job",
            "DatasetDetail",
            "DraftRow",
            "DraftPage",
            "Counted",
            "Lineage",
            "ChangedEpisode",
            "ChangedList",
            "Changes",
        ),
    ),
    "episodes/library_shapes.ts": (
        catalogue,
        ("LibraryRow", "LibraryPage", "Counts", "Group", "DatasetChoice", "Choices", "Labelled", "Saved"),
    ),
    "episodes/shapes.ts": (
        episodes,
        ("Named", "Stretch", "EpisodeRow", "Finding", "EpisodePage", "Column", "Video", "EpisodeDetail", "EpisodeEvent"),
    ),
    "player/shapes.ts": (
        review,
        ("ReviewShown", "AgreementShown", "Reviews", "NextReview", "Beside", "MarkShown", "InstructionShown", "Kinds"),
    ),
    "policy/shapes.ts": (policies, ("PolicyRow", "PolicyDetail", "Step")),
    "training/shapes.ts": (trainings, ("TrainingRow", "TrainingDetail", "Made", "Samples", "Choices")),
}
SHARED = [(file, module, name) for file, (module, names) in FILES.items() for name in names]


def interfaces(file: str) -> dict[str, set[str]]:
    """Field names by interface, those of the extended one included, wherever it is described."""
    known = {"datasets/shapes.ts": "episodes/library_shapes.ts", "episodes/library_shapes.ts": "episodes/shapes.ts"}
    elsewhere = interfaces(known[file]) if file in known else {}
    found: dict[str, set[str]] = {}
    for name, parent, body in INTERFACE.findall((SOURCES / file).read_text()):
        found[name] = set(re.findall(r"^  (\w+): ", body, re.MULTILINE)) | (found | elsewhere).get(parent, set())
    return found


@pytest.mark.parametrize(("file", "module", "name"), SHARED)
def test_page_and_server_name_the_same_fields(file: str, module: Any, name: str) -> None:
    schema = getattr(module, name)
    assert issubclass(schema, Schema)
    assert interfaces(file)[name] == set(schema.model_fields)


@pytest.mark.parametrize("file", FILES)
def test_no_shape_is_left_uncompared(file: str) -> None:
    assert set(interfaces(file)) == set(FILES[file][1])
