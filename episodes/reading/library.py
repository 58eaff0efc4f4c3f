"""Reads for the library: pages by keyset, counts, groups, what the filters offer.  Changes nothing.

A page is found by where the last one ended, so the hundredth costs what the first does.  Counts are exact and are kept for
`KEPT_S`, because every filter of every page asks for the same ones again.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import time
from collections.abc import Callable
from typing import Any, Literal, cast

import msgspec
from django.core.cache import cache
from django.db.models import Case, Count, F, Q, Sum, When

from episodes import filters, occurring
from episodes.models import Campaign, Dataset, DatasetVersion, Episode, EpisodePerson, EpisodeQuerySet, EpisodeTag
from fleet.access import Ability, roles_with
from fleet.models import Membership, Person, Robot, Site
from protocol.errors import Refused

Sort = Literal["newest", "oldest", "longest", "shortest"]
By = Literal["task", "person", "robot", "site", "mix"]
_ORDER: dict[str, tuple[str, bool]] = {  # column, falling
    "newest": ("started_at", True), "oldest": ("started_at", False), "longest": ("seconds", True), "shortest": ("seconds", False),
}  # fmt: skip
KEPT_S, SLOW_S = 20, 0.03  # of a small library every sum is of this moment
BULKY = ("robot__embodiment", "robot__embodiment_offered", "robot__masks")  # with every row again, and shown of none
MOST_GROUPS = 30
#: the task's name, or the instruction where the recording names no task
TASK = Case(When(task="", then=F("instruction")), default=F("task"))


def sites(person: Person, ability: Ability = "see") -> list[int]:
    """Sites where the person has the ability: one look at memberships, so that episodes are found by one column."""
    mine = Membership.objects.filter(person=person, role__in=roles_with(ability))
    everywhere = mine.filter(site=None).values("organisation")
    found = Site.objects.filter(Q(organisation__in=everywhere) | Q(pk__in=mine.exclude(site=None).values("site")))
    return list(found.order_by("pk").values_list("pk", flat=True))


def chosen(where: list[int], found: filters.Filter) -> EpisodeQuerySet:
    """Episodes of these sites that fulfil the filter."""
    episodes = Episode.objects.filter(site__in=where)
    present = episodes.exclude(removed_at=None) if found.removed else episodes.present()
    return present.filter(filters.condition(found))


def page(episodes: EpisodeQuerySet, sort: Sort, after: str, size: int) -> tuple[list[Episode], str]:
    """The next `size` episodes and where the page after them starts; "" at the end.  `Refused("invalid_field:after")`."""
    column, falling = _ORDER[sort]
    if after:
        value, pk = _place(after, column)
        beyond = "lt" if falling else "gt"
        here = Q(**{f"{column}__{beyond}": value}) | Q(**{column: value, f"pk__{beyond}": pk})
        # the first condition alone lets an index begin at the place
        episodes = episodes.filter(here, **{f"{column}__{beyond}e": value})
    sign = "-" if falling else ""
    rows = list(episodes.order_by(f"{sign}{column}", f"{sign}pk").select_related("robot", "site").defer(*BULKY)[: size + 1])
    return rows[:size], mark(rows[size - 1], column) if len(rows) > size else ""


def beside(episodes: EpisodeQuerySet, one: Episode, before: int = 10) -> tuple[str, str, str]:
    """Ids of the next newer and older of these beside `one` ("" at the end), and where a page starts that has `one`
    after `before` newer ones ("" for the beginning)."""
    here = mark(one, "started_at")
    newer, _ = page(episodes, "oldest", here, before + 1)
    older, _ = page(episodes, "newest", here, 1)
    start = mark(newer[before], "started_at") if len(newer) > before else ""
    return (newer[0].pk if newer else ""), (older[0].pk if older else ""), start


def mark(episode: Episode, column: str) -> str:
    """Where the page after this episode starts, when ordered by `column`."""
    value = getattr(episode, column)
    text = value.isoformat() if isinstance(value, datetime.datetime) else repr(value)
    return base64.urlsafe_b64encode(msgspec.json.encode([text, episode.pk])).decode().rstrip("=")


def _place(after: str, column: str) -> tuple[Any, str]:
    try:
        text, pk = msgspec.json.decode(base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)), type=tuple[str, str])
        if column != "started_at":
            return float(text), pk
        return datetime.datetime.fromisoformat(text).astimezone(datetime.UTC), pk  # a place out of all time overflows here
    except (ValueError, OverflowError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("invalid_field:after", "This is no place in the list. Begin at its start.") from error


def counts(where: list[int], found: filters.Filter) -> dict[str, Any]:
    """Episodes, hours and outcomes of all that match."""

    def count() -> dict[str, Any]:
        rows = chosen(where, found).order_by().values_list("outcome").annotate(Count("pk"), Sum("seconds"), Count("reviewed_at"))
        by = {outcome: (episodes, seconds, reviewed) for outcome, episodes, seconds, reviewed in rows}
        return {
            "episodes": sum(one[0] for one in by.values()),
            "seconds": sum(one[1] for one in by.values()),
            "reviewed": sum(one[2] for one in by.values()),
            "outcomes": {outcome: by[outcome][0] if outcome in by else 0 for outcome in Episode.OUTCOMES},
        }

    return cast("dict[str, Any]", _kept("counts", where, filters.text(found), count))


def groups(where: list[int], found: filters.Filter, by: By) -> list[dict[str, Any]]:
    """The largest groups: value, label, episodes, success, failure, seconds.  By person a shared episode counts for each."""

    def count() -> list[dict[str, Any]]:
        value = {"task": TASK, "person": F("drivers__uid"), "robot": F("robot_id"), "site": F("site_id"), "mix": F("mix")}[by]
        rows: Any = chosen(where, found).order_by().values(value=value).annotate(
            episodes=Count("pk"), all_seconds=Sum("seconds"),
            success=Count("pk", filter=Q(outcome="success")), failure=Count("pk", filter=Q(outcome="failure")),
        ).order_by("-episodes")  # fmt: skip
        largest = list(rows[:MOST_GROUPS])
        names = _names(by, [row["value"] for row in largest])
        return [_group(row, names.get(row["value"], row["value"])) for row in largest]

    return cast("list[dict[str, Any]]", _kept(f"groups-{by}", where, filters.text(found), count))


def _names(by: By, values: list[Any]) -> dict[Any, str]:
    """What people know the largest groups by: looked up for these few alone, instead of joined to every episode."""
    if by == "robot":
        return dict(Robot.objects.filter(pk__in=values).values_list("pk", "name"))
    if by == "site":
        return dict(Site.objects.filter(pk__in=values).values_list("pk", "name"))
    if by == "person":
        return {uid: name for uid, name in occurring.labels(EpisodePerson, "uid", "name").items() if uid in values}
    return {}


def _group(row: dict[str, Any], label: Any) -> dict[str, Any]:
    return {
        "value": str(row["value"] if row["value"] is not None else ""),
        "label": str(label or ""),
        "episodes": row["episodes"],
        "success": row["success"],
        "failure": row["failure"],
        "seconds": row["all_seconds"],
    }


def choices(where: list[int], person: Person) -> dict[str, Any]:
    """What the filters offer: values that occur at these sites, with their names."""
    offered = cast("dict[str, Any]", _kept("choices", where, "", lambda: _occurring(where)))
    datasets = Dataset.objects.for_person(person, roles_with("see")).present()
    frozen = DatasetVersion.objects.filter(dataset__in=datasets).values_list("dataset", "number")
    numbers: dict[str, list[int]] = {}
    for id, number in frozen:
        numbers.setdefault(id, []).append(number)
    return offered | {
        "datasets": [
            {"id": id, "name": name, "versions": sorted(numbers.get(id, []))} for id, name in datasets.values_list("pk", "name")
        ]
    }


def _occurring(where: list[int]) -> dict[str, Any]:
    people = occurring.labels(EpisodePerson, "uid", "name", where)
    tasks, failures, mixes, found = (
        occurring.values(Episode, name, where) for name in ("task", "failure", "mix", "finding_codes")
    )
    codes = {code for text in found for code in text.split("|") if code}
    return {
        "sites": _named(Site.objects.filter(pk__in=where).order_by("name").values_list("pk", "name")),
        "robots": _named(Robot.objects.filter(site__in=where).order_by("name").values_list("pk", "name")),
        "campaigns": _named(Campaign.objects.filter(site__in=where).exclude(state="draft").values_list("pk", "name")[:100]),
        "people": sorted(_named(people.items()), key=lambda one: one["name"]),
        "tasks": tasks[:200],
        "failures": failures[:100],
        "mixes": mixes[:50],
        "findings": sorted(codes),
        "tags": occurring.values(EpisodeTag, "tag", where)[:200],
    }


def _named(pairs: Any) -> list[dict[str, str]]:
    return [{"id": str(id), "name": name} for id, name in pairs]


def _kept(name: str, where: list[int], query: str, make: Callable[[], Any]) -> Any:
    """`make()`, or what it gave within the last `KEPT_S` for the same sites and filter; kept only when it took its time."""
    key = f"library:{name}:" + hashlib.sha256(msgspec.json.encode([where, query])).hexdigest()[:32]
    found = cache.get(key)
    if found is None:
        began_s = time.perf_counter()
        found = make()
        if time.perf_counter() - began_s > SLOW_S:
            cache.set(key, found, KEPT_S)
    return found
