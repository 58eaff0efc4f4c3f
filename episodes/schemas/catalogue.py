"""The JSON of the library: pages of episodes under any filter, counts, groups, bulk changes, saved filters.

Addresses, all under `/api/library`; every GET but `choices` and `filters` takes the fields of `episodes.filters.Filter`:

| method and address | body | answer |
|---|---|---|
| GET `?…&sort=newest&after=&size=60` | | `LibraryPage` |
| GET `/counts?…` | | `Counts` |
| GET `/groups?…&by=task` | | list of `Group` |
| GET `/choices` | | `Choices` |
| GET `/ids?…` | | `Ids`: all that match, at most 20 000 |
| POST `/label` | `Label` | `Labelled`, its `undo` for the next |
| POST `/undo` | `Undo` | `Labelled` |
| GET, POST `/filters` | `NewFilter` | `Saved` |
| DELETE `/filters/<id>` | | list of `Saved` |
"""

from __future__ import annotations

from typing import Annotated

from ninja import Schema
from pydantic import Field

from episodes.schemas.episodes import EpisodeRow, Named, Outcome
from fleet.edge import Strict

Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Tag = Annotated[str, Field(min_length=1, max_length=40)]


class LibraryRow(EpisodeRow):
    task: str
    strip: str  # address of twelve small pictures side by side, "" while there are none


class LibraryPage(Schema):
    items: list[LibraryRow]
    next: str  # `after` of the following page, "" at the end
    query: str  # the filter as it was understood


class Counts(Schema):
    episodes: int
    seconds: float
    reviewed: int
    outcomes: dict[Outcome, int]


class Group(Schema):
    value: str
    label: str
    episodes: int
    success: int
    failure: int
    seconds: float


class DatasetChoice(Schema):
    id: str
    name: str
    versions: list[int]


class Choices(Schema):
    sites: list[Named]
    robots: list[Named]
    people: list[Named]
    campaigns: list[Named]
    tasks: list[str]
    failures: list[str]
    mixes: list[str]
    findings: list[str]
    tags: list[str]
    datasets: list[DatasetChoice]
    may_label: bool  # somewhere
    may_curate: bool  # somewhere: make and change datasets


class Ids(Schema):
    ids: list[str]


class Label(Strict):
    """What is not sent stays as it is."""

    ids: Annotated[list[Id], Field(min_length=1, max_length=500)]
    outcome: Outcome | None = None
    failure: Annotated[str, Field(max_length=40)] | None = None
    quality: Annotated[int, Field(ge=1, le=5)] | None = None
    add_tags: Annotated[list[Tag], Field(max_length=20)] = []
    remove_tags: Annotated[list[Tag], Field(max_length=20)] = []


class Undo(Strict):
    undo: Id


class Skipped(Schema):
    id: str
    sentence: str


class Labelled(Schema):
    changed: list[str]
    skipped: list[Skipped]
    undo: str  # "" when nothing changed


class NewFilter(Strict):
    name: Annotated[str, Field(min_length=1, max_length=60)]
    query: Annotated[str, Field(max_length=2000)]


class Saved(Schema):
    id: str
    name: str
    query: str
