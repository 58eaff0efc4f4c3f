"""The JSON of campaigns, under `/api/`.  Shapes only; `episodes/api/campaigns.py` decides who may see and do what.

| method and address | body | answer |
|---|---|---|
| GET `campaigns?robot=&state=` | | `CampaignPage` |
| POST `campaigns` | `CampaignNew` | `CampaignDetail`, a draft |
| GET `campaigns/<id>` | | `CampaignDetail` |
| PATCH `campaigns/<id>` | `CampaignChange` | `CampaignDetail`; 409 `stale_version` with `detail.current` |
| POST `campaigns/<id>/state` | `CampaignMove` | `CampaignDetail` |
| POST `campaigns/<id>/turn` | `TurnWanted` | `CampaignTurn` |
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from ninja import Schema
from pydantic import Field

from episodes.schemas.episodes import Named
from fleet.edge import Strict

State = Literal["draft", "open", "paused", "done", "closed"]
Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class CampaignRow(Schema):
    """`goal`, `have`: takes over all prompts.  `per_day`: takes that counted, over the last three days."""

    id: str
    url: str  # its page
    name: str
    site: Named
    robots: list[Named]
    state: State
    due: date | None  # the last day
    countdown_s: int
    reset_s: int
    only_success: bool
    version: int
    goal: int
    have: int
    per_day: float
    done_at: datetime | None  # at that rate; null without one
    late: bool | None  # later than the last day; null where that cannot be said
    may_plan: bool


class CampaignPromptRow(Schema):
    """`have`: takes that count.  `coming`: takes that the asking robot has not brought yet."""

    id: str
    instruction: str
    reset: str  # how to put the scene back
    goal: int
    have: int
    coming: int


class CampaignCell(Schema):
    """Takes that count, of one prompt by one person on one robot; a person without id is nobody."""

    prompt: str
    robot: Named
    person: Named
    have: int


class CampaignSeatRow(Schema):
    """Who is at which prompt now."""

    robot: Named
    person: Named
    prompt: str


class CampaignDetail(CampaignRow):
    prompts: list[CampaignPromptRow]
    cells: list[CampaignCell]
    seats: list[CampaignSeatRow]
    failures: int  # takes that were kept as failures
    removed: int
    refused: int  # by the check


class CampaignSite(Schema):
    """A site where one may plan, with its robots."""

    id: str
    name: str
    robots: list[Named]


class CampaignPage(Schema):
    items: list[CampaignRow]
    sites: list[CampaignSite]


class CampaignTurn(Schema):
    """`prompt`: id of the one to show next, null when there is none.  `arrived`: of the takes asked about."""

    id: str
    name: str
    state: State
    due: date | None
    countdown_s: int
    reset_s: int
    prompt: str | None
    prompts: list[CampaignPromptRow]
    goal: int
    have: int
    coming: int
    arrived: list[str]


class PromptBody(Strict):
    id: Annotated[str, Field(pattern=r"^([0-9a-f]{32})?$")] = ""  # "" makes a new one
    instruction: str = Field(min_length=1, max_length=500)
    reset: str = Field(default="", max_length=500)
    goal: int = Field(ge=0, le=10_000)


class CampaignNew(Strict):
    site: int = Field(ge=1, lt=2**63)
    name: str = Field(min_length=1, max_length=80)
    due: date | None = None
    countdown_s: int = Field(default=3, ge=0, le=30)
    reset_s: int = Field(default=0, ge=0, le=600)
    only_success: bool = False
    robots: list[Id] = Field(default=[], max_length=200)
    prompts: list[PromptBody] = Field(default=[], max_length=50)


class CampaignChange(Strict):
    """A field that is not sent stays as it is; `prompts` and `robots` are sent whole.  `due` null takes the day away."""

    version: int
    name: str = Field(default="", min_length=1, max_length=80)
    due: date | None = None
    countdown_s: int = Field(default=3, ge=0, le=30)
    reset_s: int = Field(default=0, ge=0, le=600)
    only_success: bool = False
    robots: list[Id] = Field(default=[], max_length=200)
    prompts: list[PromptBody] = Field(default=[], max_length=50)


class CampaignMove(Strict):
    version: int
    state: Literal["open", "paused", "closed"]


class TurnWanted(Strict):
    """`stay`: the prompt to keep, "" for the next.  `kept`: takes of this robot, episode id to prompt id."""

    robot: Id
    stay: Annotated[str, Field(pattern=r"^([0-9a-f]{32})?$")] = ""
    kept: dict[Id, Id] = Field(default={}, max_length=50)
