"""The JSON that the page of data and privacy sees.  Shapes only; `episodes/api/lifecycle.py` decides who may see what.

| GET `privacy` | | list of `Holding`, one for each organisation that one administers |
| PUT `sites/<id>/retention` | `RulesWanted` | `SiteRules`; 409 `stale_version` |
| POST `sites/<id>/retention/preview` | `RulesAsked` | list of `RuleForecast`; changes nothing |
| GET `organisations/<id>/people/<uid>/erasure` | | `ErasurePreview`; changes nothing |
| POST `organisations/<id>/erasures` | `ErasureWanted` | `ErasureRow` |
| GET `organisations/<id>/erasures/<erasure>` | | `ErasureRecord` |
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from ninja import Schema
from pydantic import Field, StringConstraints

from fleet.edge import Strict

Kind = Literal["success", "failure", "unlabelled", "unreviewed", "rejected", "removed"]


class RuleRow(Strict):
    """Episodes of this kind are kept for so many days; those in a frozen version too when `frozen`."""

    kind: Kind
    days: int = Field(ge=1, le=3650)
    frozen: bool = False


class RulesAsked(Strict):
    rules: list[RuleRow] = Field(max_length=6)


class RulesWanted(RulesAsked):
    """`version` is the one seen."""

    grace_days: int = Field(ge=0, le=365)
    version: int = Field(ge=0, lt=2**31)


class RuleForecast(Schema):
    """What the rule would take out of the lists now; `kept` more stay because a frozen version holds them."""

    kind: Kind
    days: int
    frozen: bool
    episodes: int
    size_bytes: int
    kept: int


class SiteRules(Schema):
    """`waiting`: episodes that a rule took out of the lists and that are not gone yet."""

    id: int
    name: str
    rules: list[RuleRow]
    grace_days: int
    version: int
    forecast: list[RuleForecast]
    waiting: int


class Driver(Schema):
    uid: str
    name: str
    episodes: int


class RobotMasks(Schema):
    id: str
    name: str
    masked: list[str]  # cameras of which a part is blacked out


class ErasureRow(Schema):
    id: str
    state: Literal["asked", "running", "done"]
    reason: str
    asked_by: str
    asked_at: datetime
    ended_at: datetime | None
    episodes: int
    done: int


class Holding(Schema):
    """`quota_bytes` 0: only the room on the disk limits."""

    id: int
    name: str
    used_bytes: int
    quota_bytes: int
    free_bytes: int
    sites: list[SiteRules]
    robots: list[RobotMasks]
    people: list[Driver]
    erasures: list[ErasureRow]


class HeldVersion(Schema):
    dataset: str
    number: int
    state: str


class VersionUser(Schema):
    kind: str
    id: str
    name: str


class ErasurePreview(Schema):
    name: str
    episodes: int
    size_bytes: int
    seconds: float
    versions: list[HeldVersion]
    users: list[VersionUser]


class ErasureWanted(Strict):
    """`confirm` repeats the number of episodes that were shown: what came since is looked at again first."""

    person: str = Field(min_length=1, max_length=64)
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
    account: bool = False
    confirm: int = Field(ge=0, lt=2**31)


class ErasureRecord(ErasureRow):
    """`record` and `signature` are what `manage.py verify_erasure` reads; empty until it is done."""

    record: str
    signature: str
