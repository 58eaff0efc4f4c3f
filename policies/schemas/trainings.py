"""The JSON of trainings.

| method and address under `/api` | body | answer |
|---|---|---|
| GET `/trainings` | | list of `TrainingRow`: running, waiting in order, then ended, newest first |
| POST `/trainings` | `NewTraining` | `TrainingDetail` |
| GET `/trainings/choices` | | `Choices`: what one may train, on what, how |
| GET `/trainings/<id>` | | `TrainingDetail` |
| GET `/trainings/<id>/curves?after=0` | | `Curves`; ask again with its `next` |
| GET `/trainings/<id>/samples` | | `Samples` |
| POST `/trainings/<id>/cancel` | | `TrainingDetail` |
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import Field

from fleet.edge import Strict
from policies.schemas.policies import PolicyId

State = Literal["queued", "running", "done", "failed", "cancelled"]


class Made(Schema):
    id: str
    shown: str
    url: str
    stage: str


class Remaining(Schema):
    """`basis`: how many steps the pace is measured over."""

    seconds: float
    basis: int


class TrainingRow(Schema):
    id: str
    url: str
    name: str
    state: State
    organisation: str
    dataset: str  # name and version
    dataset_url: str
    episodes: int
    base: Made | None
    recipe: str
    step: int
    total: int
    doing: str
    waits: str  # why it has not begun; "" when it has
    place: int  # in the queue, from 1; 0 when it does not wait
    remaining: Remaining | None
    asked_by: str
    asked_at: datetime
    began_at: datetime | None
    ended_at: datetime | None
    heard_s: float | None  # since its process was last heard of
    problem: str
    problem_code: str
    next_action: str
    cancelled_by: str
    made: Made | None
    held_out: float | None  # error at the end
    may_cancel: bool


class TrainingDetail(TrainingRow):
    """With everything that is needed to repeat it."""

    dataset_digest: str
    config: dict[str, Any]
    seed: int
    code_version: str
    machine: dict[str, Any]
    resumed: int
    figures: dict[str, Any]
    compared: list[Made]  # trainings on the same dataset, to look at beside it


class NewTraining(Strict):
    dataset: PolicyId
    version: Annotated[int, Field(ge=1)]
    base: PolicyId | None = None
    recipe: Annotated[str, Field(min_length=1, max_length=40)]
    name: Annotated[str, Field(min_length=1, max_length=80)]
    head: Literal["regression", "flow", "diffusion", "tokens"] | None = None
    steps: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    batch: Annotated[int, Field(ge=1, le=4096)] | None = None
    rate: Annotated[float, Field(gt=0, le=1)] | None = None
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    patience: Annotated[int, Field(ge=0, le=10_000)] | None = None
    device: Literal["auto", "cpu", "cuda"] | None = None


class Curves(Schema):
    lines: list[dict[str, Any]]
    next: int
    more: bool  # ask again at once


class Samples(Schema):
    """`frames`: what is so; `said`: {step, said} of the first, the newest and some between."""

    frames: list[dict[str, Any]]
    said: list[dict[str, Any]]


class VersionChoice(Schema):
    dataset: str
    version: int
    shown: str
    episodes: int
    kind: str


class BaseChoice(Schema):
    id: str
    shown: str
    stage: str
    kinds: list[str]


class RecipeChoice(Schema):
    name: str
    purpose: str
    needs_base: bool
    head: str
    learn: dict[str, Any]


class Choices(Schema):
    versions: list[VersionChoice]
    bases: list[BaseChoice]
    recipes: list[RecipeChoice]
