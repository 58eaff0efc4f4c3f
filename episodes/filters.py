"""A filter of the library: what its address says, checked, as a condition on episodes.

The same text is the page's address, what a person saves, and what a dataset's draft follows.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal

from django.db.models import Exists, OuterRef, Q
from django.http import QueryDict
from pydantic import Field, ValidationError

from episodes import occurring
from episodes.models import DatasetVersion, DraftPick, EpisodePerson, EpisodeTag, VersionEpisode
from fleet.edge import Strict, check_text
from fleet.models import Person, Robot
from protocol.errors import Refused

Word = Annotated[str, Field(max_length=120)]
Words = Annotated[list[Word], Field(max_length=40)]
Sentences = Annotated[list[Annotated[str, Field(max_length=500)]], Field(max_length=10)]
Day = Annotated[datetime.date, Field(ge=datetime.date(2000, 1, 1), le=datetime.date(2200, 1, 1))]  # a robot can have recorded on
MOST_WORDS = 8
LONGEST = 2000


class Filter(Strict):
    """Values of one field are alternatives; fields narrow each other.  Dates are days of UTC, both included.

    `dataset`: "ID" (draft or any version of it), "ID:3" (in version 3) or "none" (in no frozen version).
    `task`: its name, or the instruction where the recording names no task.  `reviewed`: a person has said here how it ended.
    """

    search: Annotated[str, Field(max_length=200)] = ""
    robot: Words = []
    site: Words = []
    person: Words = []
    campaign: Words = []
    task: Sentences = []
    instruction: Sentences = []
    outcome: list[Literal["success", "failure", "unlabelled"]] = []
    failure: Words = []
    mix: Words = []
    quality: list[Literal["1", "2", "3", "4", "5", "none"]] = []
    finding: Words = []
    tag: Words = []
    status: Words = []
    since: Day | None = None
    until: Day | None = None
    dataset: Annotated[str, Field(pattern=r"^([0-9a-f]{32}(:\d{1,6})?|none)?$")] = ""
    reviewed: Literal["", "yes", "no", "second"] = ""
    removed: Literal["", "yes"] = ""


LISTS = frozenset(name for name, field in Filter.model_fields.items() if field.default == [])


def read(query: Mapping[str, Any] | QueryDict | str, other: tuple[str, ...] = ()) -> Filter:
    """The filter of an address; `other` names may stand there too.

    Refused: `unknown_field:<name>`, `invalid_field:<name>`.
    """
    given = QueryDict(query) if isinstance(query, str) else query
    values: dict[str, Any] = {}
    for name in given:
        if name in other:
            continue
        every = given.getlist(name) if isinstance(given, QueryDict) else [given[name]]
        values[name] = every if name in LISTS else every[-1]
    values = {name: value for name, value in values.items() if value not in ("", [""])}
    check_text(values, "query")
    try:
        return Filter.model_validate(values)
    except ValidationError as error:
        problem = error.errors()[0]
        name = str(problem["loc"][0]) if problem["loc"] else "query"
        if problem["type"] == "extra_forbidden":
            raise Refused(f"unknown_field:{name[:40]}", f"There is no filter {name[:40]!r}.") from error
        raise Refused(f"invalid_field:{name[:40]}", f"The filter {name[:40]!r} cannot be used: {problem['msg']}.") from error


def text(found: Filter) -> str:
    """The address again: fields in their order, empty ones left out, so that equal filters have equal text."""
    query = QueryDict(mutable=True)
    for name in Filter.model_fields:
        value = getattr(found, name)
        if value not in ("", [], None):
            query.setlist(name, [str(one) for one in (value if isinstance(value, list) else [value])])
    return query.urlencode()


def condition(found: Filter) -> Q:
    """What an episode must fulfil.  Whether removed ones are meant stands in `removed`, not here."""
    wanted = Q()
    if found.task:
        wanted &= Q(task__in=found.task) | Q(task="", instruction__in=found.task)
    for column in ("robot", "site", "campaign", "instruction", "outcome", "failure", "mix", "status"):
        if values := getattr(found, column):
            wanted &= Q(**{f"{column}__in": _whole(column, values)})
    if found.person:
        wanted &= Q(pk__in=EpisodePerson.objects.filter(uid__in=found.person).values("episode"))
    if found.tag:
        wanted &= Q(pk__in=EpisodeTag.objects.filter(tag__in=found.tag).values("episode"))
    if found.finding:
        wanted &= reduce(or_, (Q(finding_codes__contains=f"|{code}|") for code in found.finding))
    if found.quality:
        marks = [int(mark) for mark in found.quality if mark != "none"]
        wanted &= Q(quality__in=marks) | Q(quality=None) if "none" in found.quality else Q(quality__in=marks)
    if found.since:
        wanted &= Q(started_at__gte=_midnight(found.since))
    if found.until:
        wanted &= Q(started_at__lt=_midnight(found.until + datetime.timedelta(days=1)))
    return wanted & _reviewed(found.reviewed) & _member(found.dataset) & _saying(found.search)


def _whole(column: str, values: list[str]) -> list[Any]:
    """Sites have numbers for ids; what is none matches nothing."""
    return [int(value) for value in values if value.isdecimal() and len(value) < 10] if column == "site" else values


def _midnight(day: datetime.date) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time(), datetime.UTC)


def _reviewed(word: str) -> Q:
    return {"": Q(), "yes": ~Q(reviewed_at=None), "no": Q(reviewed_at=None), "second": Q(flagged=True)}[word]


def _member(dataset: str) -> Q:
    if not dataset:
        return Q()
    if dataset == "none":
        return ~Q(Exists(VersionEpisode.objects.filter(episode=OuterRef("pk"))))
    id, _, number = dataset.partition(":")
    versions = DatasetVersion.objects.filter(dataset=id)
    if number:
        return Q(pk__in=VersionEpisode.objects.filter(version__in=versions.filter(number=int(number))).values("episode"))
    picked = DraftPick.objects.filter(dataset=id, kind="added").values("episode")
    return Q(pk__in=VersionEpisode.objects.filter(version__in=versions).values("episode")) | Q(pk__in=picked)


def _saying(search: str) -> Q:
    """Every word must be in the instruction, the task, or the name of the robot or of somebody who drove.

    People count by the names that recordings give them and by those they have here now.  There are as many rows of drivers
    as episodes, but few names: those are looked through once, and episodes found by an index.
    """
    words = search.lower().split()[:MOST_WORDS]
    if not words:
        return Q()
    robots = _having(Robot.objects.values_list("pk", "name"), words, "name")
    people = _having(
        Person.objects.values_list("uid", "first_name", "last_name", "username"), words, "first_name", "last_name", "username"
    )
    names = [(name, name.lower()) for name in occurring.values(EpisodePerson, "name")]
    wanted = Q()
    for word in words:
        one = Q(words__contains=word) | Q(task__contains=word)
        if found := [id for id, text in robots if word in text]:
            one |= Q(robot__in=found)
        drove = Q()
        if called := [name for name, text in names if word in text]:
            drove |= Q(name__in=called)
        if known := [uid for uid, text in people if word in text]:
            drove |= Q(uid__in=known)
        if drove:
            one |= Q(pk__in=EpisodePerson.objects.filter(drove).values("episode"))
        wanted &= one
    return wanted


def _having(rows: Any, words: list[str], *columns: str) -> list[tuple[str, str]]:
    """(id, all its names in small letters) of the rows that have any of the words in a column."""
    wanted = reduce(or_, (Q(**{f"{column}__icontains": word}) for column in columns for word in words))
    return [(id, "\n".join(names).lower()) for id, *names in rows.filter(wanted)]
