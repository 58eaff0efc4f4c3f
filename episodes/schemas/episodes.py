"""The JSON that the episode pages and uploading robots see.  Shapes only; `episodes/api/` decides who may see what.

Addresses, all under `/api/`:

| who | method and address | body | answer |
|---|---|---|---|
| person | GET `episodes?page=1&page_size=50&outcome=&robot=&status=&search=&removed=false` | | `EpisodePage` |
| person | GET `episodes/<id>` | | `EpisodeDetail` |
| person | PATCH `episodes/<id>` | `EpisodeChange` | `EpisodeDetail`; 409 `stale_version` with `detail.current` |
| person | DELETE `episodes/<id>?version=N` | | `EpisodeDetail`, `removed: true` |
| person | POST `episodes/<id>/restore` | | `EpisodeDetail` |
| person | GET `episodes/<id>/events` | | list of `EpisodeEvent` |
| robot | POST `uploads` | `UploadStart` | `UploadState` |
| robot | GET `uploads/<id>` | | `UploadState` |
| robot | PUT `uploads/<id>/pieces?path=P&offset=N` | raw bytes, header `X-Piece-SHA256` | `PieceKept` |
| robot | POST `uploads/<id>/complete` | | `UploadState` with `confirmed` |

Every refusal is `{"code", "sentence", "detail"}`.  Files (`videos[].url`, `columns_url`, `poster`) have the addresses
that these answers name, and HTTP ranges; `columns_url` is float32 little-endian, one column after the other (`Column`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from ninja import Schema
from pydantic import Field

from fleet.edge import Strict

Outcome = Literal["success", "failure", "unlabelled"]
Status = Literal["received", "ready", "warned", "rejected"]


class Named(Schema):
    id: str
    name: str


class EpisodePerson(Schema):
    id: str
    name: str
    frames: int  # rows this person drove


class Stretch(Schema):
    """Rows first..last (both included) that one pilot drove: operator, policy, primitive, script or hold."""

    first: int
    last: int
    pilot: str


class EpisodeRow(Schema):
    """One line of the list.

    `status`: received = still being checked, ready, warned = ready with warnings, rejected = not for training, see
    `problem`.  `playable`: there are columns and pictures to show, which a rejected episode may have too.
    """

    id: str  # uuid hex, made by the robot
    number: int  # counts up within the organisation: "Episode 14"
    url: str  # its page
    poster: str  # address of a small picture, "" while there is none
    robot: Named
    site: Named
    instruction: str
    outcome: Outcome
    failure: str  # kind of failure, "" where it did not fail or nobody said how
    quality: int | None  # 1 to 5
    tags: list[str]
    trim_first: int | None  # first and last row kept, both included; null is the end that was recorded
    trim_last: int | None
    flagged: bool  # a second look was asked for
    reviewed: bool  # a person said here how it ended
    second_look: bool  # asked of the reader, who does not see outcome, failure, quality and comment before
    status: Status
    playable: bool
    check_progress: int  # percent, while `received`
    found: dict[str, int]  # findings by code
    problem: str
    started_at: datetime
    seconds: float
    rows: int
    record_hz: float
    cameras: list[str]
    people: list[EpisodePerson]
    pilots: dict[str, int]  # rows by pilot
    band: list[Stretch]  # the pilot over time; empty until ready
    cut: bool
    cut_reason: str
    size_bytes: int
    version: int
    removed: bool


class Finding(Schema):
    """Rows first..last, both included; `camera` is empty where it is not about one camera's pictures."""

    code: str
    severity: Literal["warning", "reject"]
    sentence: str
    camera: str
    first: int
    last: int


class Trim(Schema):
    first: int
    last: int


class EpisodePage(Schema):
    items: list[EpisodeRow]
    total: int
    page: int
    page_size: int
    counts: dict[str, int]  # all, success, failure, unlabelled: of what one may see, without the filters
    robots: list[Named]  # that have episodes, for the filter


class Column(Schema):
    """Column number i of `columns.f32` fills floats [i*rows, (i+1)*rows).

    kind: time (seconds since the first row), state, asked, done, latency (ms, NaN = none), pilot (index in
    `pilots_order`), clamps (bits of `clamp_names`), uncertainty, lag (ms from capture to row), repeated (0 or 1).
    `name` is the embodiment's name of the number, or the camera for lag and repeated.
    """

    kind: str
    name: str
    unit: str
    low: float | None
    high: float | None


class Video(Schema):
    camera: str
    width: int
    height: int
    url: str


class EpisodeDetail(EpisodeRow):
    comment: str
    failures: list[str]  # kinds of failure to choose from
    failures_url: str  # where they are changed, "" for whoever may not
    embodiment: str
    world: dict[str, str]
    program: str
    clamp_names: list[str]
    pilots_order: list[str]
    frames_repeated: dict[str, int]
    rows_lost: int
    findings: list[Finding]  # in order of their first row
    scores: dict[str, float]  # of `episodes.data.scores`
    proposed_trim: Trim | None  # rows to keep when what is idle goes
    videos: list[Video]
    columns: list[Column]  # empty until ready
    columns_url: str
    events_url: str
    newer: str  # page of the next newer episode, "" at the end
    older: str
    may_change: bool  # outcome and instruction
    may_remove: bool
    may_curate: bool  # put it in a dataset


class EpisodeEvent(Schema):
    """A line of events.jsonl.  `row` is the row at or after it."""

    row: int
    time_s: float  # since the first row
    event: str
    actor: str
    reason: str
    before: str
    after: str


class EpisodeChange(Strict):
    """What a person may correct; `version` is the one they saw.  A field that is not sent stays as it is.

    null takes a quality or a trim away; no other field can be null.
    """

    version: int
    instruction: str = Field(default="", max_length=500)
    outcome: Outcome = "unlabelled"
    failure: str = Field(default="", max_length=40)
    quality: int | None = Field(default=None, ge=1, le=5)
    tags: list[Annotated[str, Field(max_length=40)]] = Field(default=[], max_length=20)
    trim_first: int | None = Field(default=None, ge=0)
    trim_last: int | None = Field(default=None, ge=0)
    comment: str = Field(default="", max_length=2000)
    flagged: bool = False
    reviewed: bool = True  # false takes back that a person has said how it ended; the label stays


class FileClaim(Strict):
    bytes: int = Field(ge=0, le=16 * 1024**3)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class UploadStart(Strict):
    """`files`: every file of the folder by its path in it, `episode.json` included."""

    episode: str = Field(pattern=r"^[0-9a-f]{32}$")
    files: dict[str, FileClaim] = Field(max_length=40)


class UploadState(Schema):
    """`offsets`: bytes kept of each file.  `confirmed`: sha256 of each file as read back, once the whole is kept."""

    episode: str
    state: Literal["receiving", "kept", "refused"]
    offsets: dict[str, int]
    confirmed: dict[str, str] | None
    sentence: str


class PieceKept(Schema):
    path: str
    offset: int  # where the next piece starts
