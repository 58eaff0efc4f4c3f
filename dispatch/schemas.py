"""The JSON of tasks, runs and help.  Shapes only; `dispatch/api/` decides who may see what.

Addresses, all under `/api/`:

| method and address | body | answer |
|---|---|---|
| GET `tasks?state=&before=` | | `TaskPage` |
| GET `tasks/choices` | | `Choices` |
| POST `tasks/check` | `Check` | `Verdict` |
| POST `tasks` | `TaskNew` | `RunDetail` |
| POST `tasks/<id>/runs` | `TaskAgain` | `RunDetail` |
| GET `runs/<id>` | | `RunDetail` |
| GET `runs/<id>/live` | | `{online, line}`: the newest of the trace; 304 while it is the same |
| GET `runs/<id>/trace?at=0` | | lines of JSON; header `X-Next` says where to go on |
| GET `runs/<id>/picture.jpg?camera=` | | what the policy was shown last |
| POST `runs/<id>/resume`, `end`, `judge` | `Resume`, `End`, `Judge` | `RunDetail` |
| GET `robots/<id>/run`, `episodes/<id>/run` | | `RunDetail` or null |
| GET `help`, `help/waiting`, `help/<id>` | | `HelpQueue`, `Waiting`, `HelpDetail` |
| GET `help/<id>/clip` | | its pictures (`dispatch.clips`) |
| POST `help/<id>/take`, `give-back`, `answer`, `verdict` | `Seen`, `Seen`, `Answer`, `HelpVerdict` | `HelpDetail` |
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from ninja import Schema
from pydantic import Field

from fleet.edge import Strict

Word = Literal["success", "failure", "cancelled"]
TaskState = Literal["running", "done", "failed", "cancelled"]
Id = Field(pattern=r"^[0-9a-f]{32}$")


# -- what people ask ---------------------------------------------------------------------------------------------------


class Check(Strict):
    """`sentence` is checked, also when it is far too long."""

    sentence: str = Field(max_length=20_000)
    policy: str = Id


class TaskNew(Check):
    robot: str = Id


class TaskAgain(Strict):
    version: int
    robot: str = Id
    policy: str = Id


class Resume(Strict):
    """`doubt_off_s`: it does not ask for this long; only who has judged a doubt says so."""

    doubt_off_s: float = Field(0.0, ge=0, le=60)


class End(Strict):
    result: Word
    reason: str = Field("", max_length=200)


class Judge(Strict):
    version: int
    result: Literal["success", "failure"]


class Seen(Strict):
    version: int


class Answer(Strict):
    """`doubt_off_s`: it does not ask for this long; 5 s where nothing is said and it doubts, else not at all."""

    version: int
    answer: Literal["go_on", "end"]
    doubt_off_s: float | None = Field(None, ge=0, le=60)
    result: Word = "failure"


class HelpVerdict(Strict):
    needless: bool


# -- what they see -----------------------------------------------------------------------------------------------------


class Named(Schema):
    id: str
    name: str


class Part(Schema):
    """Characters first..last (not included) of the sentence."""

    first: int
    last: int
    kind: str
    name: str


class Refusal(Schema):
    code: str
    sentence: str
    candidates: list[str]


class Verdict(Schema):
    """Either what it was understood as, or why not."""

    skill: str
    target: str
    parts: list[Part]
    refusal: Refusal | None


class PolicyChoice(Schema):
    """`why_not`: "" when it can be chosen."""

    id: str
    name: str
    stage: str
    skills: list[str]
    things: list[str]
    kinds: list[str]
    limit: bool  # its doubt was calibrated
    organisation: int
    runs: int
    successes: int
    why_not: str


class RobotChoice(Schema):
    id: str
    name: str
    site: str
    organisation: int
    kind: str
    why_not: str
    snapshot: str


class Choices(Schema):
    policies: list[PolicyChoice]
    robots: list[RobotChoice]


class RunRow(Schema):
    """`waits`: why nothing happens now, "" while something does."""

    id: str
    url: str
    number: int  # of its task
    sentence: str
    robot: Named
    policy: Named
    phase: str
    reason: str
    explanation: str
    result: str
    judge: str
    seconds: float
    chunks: int
    started_at: datetime
    started_by: str
    ended_at: datetime | None
    waits: str
    help: str  # address of the request that waits, ""


class TaskRow(Schema):
    id: str
    number: int
    sentence: str
    skill: str
    target: str
    parts: list[Part]
    state: TaskState
    site: str
    made_by: str
    made_at: datetime
    version: int
    runs: list[RunRow]  # newest first


class TaskPage(Schema):
    items: list[TaskRow]
    may_start: bool
    next: str


class EpisodeOf(Schema):
    """The recording of a run, once it has come; `pilots` are rows by who drove."""

    id: str
    url: str
    number: int
    status: str
    pilots: dict[str, int]
    columns_url: str
    videos: list[dict[str, Any]]
    started_ns: str  # as text: more digits than a browser's numbers have
    seconds: float
    may_curate: bool


class RunDetail(RunRow):
    task: Named
    version: int
    order: str
    fence: int
    parts: list[Part]
    cameras: dict[str, list[int]]  # width and height of what the policy is shown
    embodiment: dict[str, Any]
    episode: EpisodeOf | None
    episode_id: str
    may_run: bool
    may_drive: bool
    cockpit: str
    newest: dict[str, Any] | None
    trace_bytes: int


class HelpRow(Schema):
    id: str
    url: str
    state: str
    reason: str
    explanation: str
    doubt: float | None
    limit: float | None
    waiting_s: float
    answer: str
    taken_by: str
    mine: bool
    closed_at: datetime | None
    took_s: float | None
    pictures: int
    version: int
    urgency: float
    run: RunRow
    cockpit: str
    may_run: bool
    may_drive: bool


class HelpQueue(Schema):
    open: list[HelpRow]
    closed: list[HelpRow]
    closed_today: int


class WaitingOne(Schema):
    robot: str
    request: str
    reason: str
    waiting_s: float
    taken_by: str


class Waiting(Schema):
    count: int
    robots: list[WaitingOne]


class HelpDetail(HelpRow):
    reasoning: dict[str, Any] | None
    candidates: list[str]
    needless: bool | None
    detail: RunDetail
