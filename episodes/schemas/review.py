"""The JSON of reviewing: second looks, marks in the picture, kinds of failure, instructions.  Shapes only.

Addresses, all under `/api/`, all for people:

| method and address | body | answer |
|---|---|---|
| GET `episodes/<id>/reviews` | | `Reviews` |
| POST `episodes/<id>/reviews` | `SecondLook` | `EpisodeDetail`, now with the first label; 409 `stale_version` |
| GET `reviews/next?after=<id>&…` | | `NextReview`; `…` is a filter of the library |
| GET `episodes/<id>/beside?…` | | `Beside` |
| GET, POST `episodes/<id>/marks` | `MarkMade` | list of `MarkShown`, `MarkShown` |
| PATCH, DELETE `episodes/<id>/marks/<mark>` | `MarkChange` | `MarkShown`, nothing |
| GET `episodes/<id>/instructions` | | list of `InstructionShown`, the recorded one first |
| GET, PUT `organisations/<id>/failure-kinds` | `KindsChange` | `Kinds` |
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from ninja import Schema
from pydantic import Field

from episodes.schemas.episodes import Outcome
from fleet.edge import Strict

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class ReviewShown(Schema):
    person: str
    me: bool
    outcome: Outcome
    failure: str
    quality: int | None
    blind: bool  # given without seeing the others
    at: datetime


class AgreementShown(Schema):
    """Of the reader with one other person: `agreed` of `both` outcomes; kappa (Cohen) null where it says nothing."""

    person: str
    agreed: int
    both: int
    kappa: float | None


class Reviews(Schema):
    """`reviews` is empty while the reader's own second look is asked for."""

    asked_by: str  # who wants the second look, "" when nobody does
    reviews: list[ReviewShown]
    agreements: list[AgreementShown]


class SecondLook(Strict):
    version: int
    outcome: Literal["success", "failure"]
    failure: str = Field(default="", max_length=40)
    quality: int | None = Field(default=None, ge=1, le=5)


class NextReview(Schema):
    url: str  # page of the next episode to review, "" when none is left
    id: str
    left: int  # to review beside the one it came after


class Beside(Schema):
    """Among the episodes of a filter of the library, newest first."""

    newer: str  # id, "" at the end
    older: str
    after: str  # `after` of a page of the library that shows this episode with some newer ones before it


class MarkShown(Schema):
    """`x`, `y`: left upper corner, `width`, `height`: size, as shares of the picture; a point has no size."""

    id: int
    row: int
    camera: str
    name: str
    x: float
    y: float
    width: float
    height: float
    person: str
    version: int


class MarkMade(Strict):
    row: int = Field(ge=0)
    camera: str = Field(max_length=40)
    name: str = Field(max_length=60)
    x: Share
    y: Share
    width: Share = 0.0
    height: Share = 0.0


class MarkChange(Strict):
    """A field that is not sent stays as it is."""

    version: int
    name: str = Field(default="", max_length=60)
    x: Share = 0.0
    y: Share = 0.0
    width: Share = 0.0
    height: Share = 0.0


class InstructionShown(Schema):
    number: int
    text: str
    person: str  # "" for the recorded one
    at: datetime | None


class Kind(Strict):
    name: str = Field(max_length=40)
    was: str = Field(default="", max_length=40)  # its name until now; "" for a new one


class KindsChange(Strict):
    version: int
    kinds: list[Kind] = Field(max_length=40)


class Kinds(Schema):
    kinds: list[str]
    version: int  # 0 while nobody has changed them
