"""The JSON of datasets: drafts, frozen versions, what changed between them, statistics, exports.

Addresses, all under `/api/datasets`:

| method and address | body | answer |
|---|---|---|
| GET `` , POST `` | `NewDataset` | list of `DatasetRow`, `DatasetDetail` |
| GET, PATCH, DELETE `/<id>` | `DatasetChange` | `DatasetDetail` |
| POST `/<id>/restore` | | `DatasetDetail` |
| POST `/<id>/picks` | `Picks` | `Picked`, its `undo` for the next |
| GET `/<id>/draft?after=&size=60` | | `DraftPage` |
| POST `/<id>/versions` | `Freeze` | `VersionRow`; the newest one when its content is the same |
| GET `/<id>/versions/<n>` | | `Lineage` |
| GET `/<id>/changes?before=1&after=draft` | | `Changes` |
| GET `/<id>/statistics?of=draft` | | `Statistics` |
| POST `/<id>/versions/<n>/jobs` | `NewJob` | `Job` |
| GET `/<id>/jobs`, POST `/<id>/jobs/<job>/cancel` | | list of `Job`, `Job` |
| GET `/api/episodes/<id>/datasets` | | list of `Membership` |
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import Field

from episodes.schemas.catalogue import Id, LibraryRow
from episodes.schemas.episodes import Outcome
from fleet.edge import Strict

Name = Annotated[str, Field(min_length=1, max_length=80)]
Share = Annotated[float, Field(ge=0, le=0.9)]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]
Weight = Annotated[float, Field(ge=0, le=100)]
Tag = Annotated[str, Field(min_length=1, max_length=40)]
Query = Annotated[str, Field(max_length=2000)]


class VersionRow(Schema):
    dataset: str
    name: str
    number: int
    digest: str
    parent: int | None
    reason: str
    query: str
    episodes: int
    rows: int
    seconds: float
    frozen_at: datetime
    frozen_by: str
    state: Literal["frozen", "withdrawn"]
    withdrawn_at: datetime | None
    withdrawn_reason: str


class DatasetRow(Schema):
    """`episodes` and `seconds` are the draft's."""

    id: str
    url: str
    name: str
    description: str
    organisation: str
    site: str  # "" for the whole organisation
    episodes: int
    seconds: float
    follows: bool
    query: str
    versions: int
    newest: VersionRow | None
    made_at: datetime
    made_by: str
    version: int
    removed: bool


class Job(Schema):
    id: str
    kind: Literal["export", "verify"]
    state: Literal["queued", "running", "done", "failed", "cancelled", "expired"]
    number: int  # of the version
    asked_at: datetime
    asked_by: str
    done: int
    total: int
    step: str
    problem: str
    result: dict[str, Any]
    ended_at: datetime | None
    cancelled_by: str
    url: str  # of the archive, "" while there is none
    expires_at: datetime | None


class DatasetDetail(DatasetRow):
    validation_share: float
    seed: int
    weights: dict[str, float]
    added: int  # picked by hand
    taken_out: int
    outcomes: dict[Outcome, int]
    unreviewed: int
    history: list[VersionRow]
    jobs: list[Job]
    may_curate: bool


class DraftRow(LibraryRow):
    picked: Literal["", "added", "removed"]


class DraftPage(Schema):
    items: list[DraftRow]
    next: str


class Counted(Schema):
    name: str
    episodes: int


class Lineage(Schema):
    version: VersionRow
    robots: list[Counted]
    people: list[Counted]
    splits: dict[str, int]
    missing: int  # episodes whose rows are gone
    children: list[VersionRow]
    policies: list[str]


class ChangedEpisode(Schema):
    id: str
    number: int
    instruction: str
    url: str
    fields: dict[str, list[str]]  # name: before, after


class ChangedList(Schema):
    total: int
    items: list[ChangedEpisode]


class Changes(Schema):
    same: bool
    rows_before: int
    rows_after: int
    added: ChangedList
    removed: ChangedList
    replaced: ChangedList
    relabelled: ChangedList
    retrimmed: ChangedList
    reweighted: ChangedList


class Membership(Schema):
    """A dataset that an episode is in: `numbers` of frozen versions, `draft` as it is now."""

    dataset: str
    name: str
    url: str
    numbers: list[int]
    draft: bool


class NewDataset(Strict):
    name: Name
    description: Annotated[str, Field(max_length=1000)] = ""
    site: int | None = None  # whole organisation when left out
    organisation: int | None = None  # needed only by people of several
    follows: bool = False
    query: Query = ""


class DatasetChange(Strict):
    """A field that is not sent stays as it is."""

    version: int
    name: Name = ""
    description: Annotated[str, Field(max_length=1000)] = ""
    follows: bool = False
    query: Query = ""
    validation_share: Share = 0.0
    seed: Seed = 0
    weights: Annotated[dict[Tag, Weight], Field(max_length=40)] = {}


class Picks(Strict):
    """ "" forgets the pick, so that the filter decides again."""

    picks: Annotated[dict[Id, Literal["added", "removed", ""]], Field(min_length=1, max_length=20_000)]


class Picked(Schema):
    picked: int
    episodes: int  # of the draft now
    undo: dict[str, Literal["added", "removed", ""]]


class Freeze(Strict):
    version: int
    reason: Annotated[str, Field(max_length=500)] = ""


class NewJob(Strict):
    kind: Literal["export", "verify"]
