"""The JSON of policies.

| method and address under `/api` | body | answer |
|---|---|---|
| GET `/policies` | | list of `PolicyRow` |
| GET, PATCH `/policies/<id>` | `PolicyChange` | `PolicyDetail` |
| POST `/policies/<id>/withdraw` | `Withdraw` | `PolicyDetail` |
| GET `/policy-imports` | | list of `Import`: one's own |
| POST `/policy-imports` | `NewImport` | `Import` |
| PUT `/policy-imports/<id>/pieces?offset=0` | bytes, at most 2 MiB, with `X-Piece-SHA256` | `Import` |
| POST `/policy-imports/<id>/complete` | | `PolicyDetail` |
| POST `/policy-imports/<id>/cancel` | | `Import` as it was |
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import Field

from fleet.edge import Strict

PolicyId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Stage = Literal["candidate", "shadow", "canary", "production", "retired"]
Place = Annotated[int, Field(ge=0, le=2**53)]  # of a byte
Skill = Annotated[str, Field(min_length=1, max_length=40)]


class PolicyRow(Schema):
    id: str
    url: str
    shown: str
    name: str
    number: int
    stage: Stage
    organisation: str
    skills: list[str]
    things: list[str]
    robots: list[str]  # names of the kinds that it drives
    parameters: int
    size_bytes: int
    made_at: datetime
    made_by: str
    base: str
    dataset: str
    calibrated: bool
    withdrawn_reason: str


class Step(Schema):
    """One thing that it comes from, or that came of it."""

    kind: Literal["dataset", "training", "policy", "base", "child"]
    title: str
    about: str
    url: str
    at: datetime | None


class File(Schema):
    name: str
    bytes: int
    sha256: str


class Act(Schema):
    at: datetime
    who: str
    what: str


class PolicyDetail(PolicyRow):
    version: int
    sha256: str
    card: dict[str, Any]
    model: dict[str, Any]  # head, sizes, cameras
    calibration: dict[str, Any]
    cameras: dict[str, dict[str, list[int]]]
    lineage: list[Step]
    files: list[File]
    history: list[Act]
    next_stages: list[Stage]
    warnings: list[str]
    export_url: str  # "" for whoever may not take its weights away
    may_change: bool


class PolicyChange(Strict):
    version: Annotated[int, Field(ge=1)]
    stage: Stage | None = None
    skills: Annotated[list[Skill], Field(max_length=100)] | None = None


class Withdraw(Strict):
    version: Annotated[int, Field(ge=1)]
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class NewImport(Strict):
    organisation: int | None = None
    name: Annotated[str, Field(max_length=80)] = ""
    bytes: Annotated[int, Field(ge=1)]


class Import(Schema):
    id: str
    name: str
    organisation: str
    offset: int
    bytes: int
    made_at: datetime
