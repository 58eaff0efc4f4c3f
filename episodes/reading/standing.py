"""How campaigns stand, counted from their episodes, and how that looks as JSON (`schemas/campaigns.py`).  Changes nothing."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q
from django.db.models.fields.json import KeyTransform
from django.urls import reverse
from django.utils import timezone

from episodes.data.balance import RATE_DAYS, Forecast, Standing, forecast
from episodes.models import Campaign, CampaignPrompt, CampaignSeat, Episode, EpisodeQuerySet
from fleet.models import Robot

_FIELDS = ("name", "state", "due", "version", "countdown_s", "reset_s", "only_success")


@dataclass(frozen=True)
class Standings:
    """Of one campaign.  What a prompt has beyond its goal does not make up for another."""

    prompts: list[Standing]

    @property
    def goal(self) -> int:
        return sum(one.goal for one in self.prompts)

    @property
    def have(self) -> int:
        return sum(min(one.goal, one.have) for one in self.prompts)

    @property
    def coming(self) -> int:
        return sum(min(max(0, one.goal - one.have), one.coming) for one in self.prompts)

    @property
    def missing(self) -> int:
        """Without what is on its way: until it has arrived it does not count."""
        return self.goal - self.have


@dataclass(frozen=True)
class Turn:
    """`prompt`: to show next, None when there is none.  `arrived`: episodes that were asked about and are here."""

    prompt: str | None
    arrived: list[str]
    standings: Standings


def counting(campaign: Campaign) -> EpisodeQuerySet:
    """The episodes that count towards its goals."""
    found = Episode.objects.counting().filter(campaign=campaign)
    return found.filter(outcome="success") if campaign.only_success else found


def of(campaign: Campaign, coming: Iterable[str] = (), robot: Robot | None = None) -> Standings:
    """`coming`: prompt ids of takes on their way; `robot`: the one that asks, whose own seat keeps nobody away."""
    have = dict(counting(campaign).order_by().values_list("prompt").annotate(Count("pk")))
    on_way = Counter(coming)
    seats = CampaignSeat.objects.taken().filter(prompt__campaign=campaign).exclude(robot=robot)
    busy = set(seats.values_list("prompt", flat=True))
    goals = campaign.prompts.values_list("pk", "goal")
    return Standings([Standing(id, goal, have.get(id, 0), on_way[id], id in busy) for id, goal in goals])


def outlook(campaign: Campaign, recent: int, missing: int) -> Forecast:
    """When it will be done at the rate of the last days."""
    if campaign.opened_at is None:
        return Forecast(0.0, None, None)
    return forecast(recent, missing, campaign.opened_at, timezone.now(), campaign.due)


class Tally:
    """Takes that count of many campaigns, by two queries: of all time by prompt, of the last days by campaign."""

    def __init__(self, campaigns: Sequence[Campaign]) -> None:
        strict = {campaign.pk for campaign in campaigns if campaign.only_success}
        every = Episode.objects.counting().filter(campaign__in=[campaign.pk for campaign in campaigns]).order_by()
        recent = every.filter(received_at__gt=timezone.now() - datetime.timedelta(days=RATE_DAYS))
        self._have: Counter[str] = Counter()
        self._recent: Counter[str] = Counter()
        for campaign, prompt, outcome, n in every.values_list("campaign", "prompt", "outcome").annotate(Count("pk")):
            self._have[prompt] += n if outcome == "success" or campaign not in strict else 0
        for campaign, outcome, n in recent.values_list("campaign", "outcome").annotate(Count("pk")):
            self._recent[campaign] += n if outcome == "success" or campaign not in strict else 0

    def standings(self, campaign: Campaign) -> Standings:
        return Standings([Standing(prompt.pk, prompt.goal, self._have[prompt.pk]) for prompt in campaign.prompts.all()])

    def recent(self, campaign: Campaign) -> int:
        return self._recent[campaign.pk]


# -- as JSON ---------------------------------------------------------------------------------------


def rows(campaigns: Sequence[Campaign], may_plan: set[str]) -> list[dict[str, Any]]:
    """Each a `CampaignRow`; `may_plan`: ids."""
    tally = Tally(campaigns)
    return [row(campaign, tally, campaign.pk in may_plan) for campaign in campaigns]


def row(campaign: Campaign, tally: Tally, may_plan: bool) -> dict[str, Any]:
    """`CampaignRow`."""
    standings = tally.standings(campaign)
    seen = outlook(campaign, tally.recent(campaign), standings.missing)
    return {name: getattr(campaign, name) for name in _FIELDS} | {
        "id": campaign.pk,
        "url": reverse("campaigns:one", args=[campaign.pk]),
        "site": {"id": str(campaign.site.pk), "name": campaign.site.name},
        "robots": [{"id": robot.pk, "name": robot.name} for robot in campaign.robots.all()],
        "goal": standings.goal,
        "have": standings.have,
        "per_day": round(seen.per_day, 1),
        "done_at": seen.done_at,
        "late": seen.late,
        "may_plan": may_plan and campaign.state != "closed",
    }


def detail(campaign: Campaign, may_plan: bool) -> dict[str, Any]:
    """`CampaignDetail`."""
    tally = Tally([campaign])
    have = {one.id: one.have for one in tally.standings(campaign).prompts}
    every = Episode.objects.filter(campaign=campaign)
    lost = every.aggregate(
        failures=Count("pk", filter=Q(outcome="failure", removed_at=None)),
        removed=Count("pk", filter=~Q(removed_at=None)),
        refused=Count("pk", filter=Q(removed_at=None, status="rejected")),
    )
    return {
        **row(campaign, tally, may_plan),
        **lost,
        "prompts": [prompt_json(prompt, have[prompt.pk]) for prompt in campaign.prompts.all()],
        "cells": cells(campaign),
        "seats": seats(campaign),
    }


def prompt_json(prompt: CampaignPrompt, have: int, coming: int = 0) -> dict[str, Any]:
    """`CampaignPromptRow`."""
    names = {name: getattr(prompt, name) for name in ("instruction", "reset", "goal")}
    return {"id": prompt.pk, **names, "have": have, "coming": coming}


def cells(campaign: Campaign) -> list[dict[str, Any]]:
    """`CampaignCell`: how many takes that count each person made of each prompt on each robot."""
    episodes = counting(campaign).order_by().annotate(people=KeyTransform("people", "meta"))
    counted: Counter[tuple[str, str, str, str, str]] = Counter()
    for prompt, robot, name, people in episodes.values_list("prompt", "robot", "robot__name", "people"):
        counted[(prompt, robot, name, *driver(people))] += 1
    return [
        {"prompt": prompt, "robot": {"id": robot, "name": name}, "person": {"id": id, "name": shown}, "have": have}
        for (prompt, robot, name, id, shown), have in sorted(counted.items(), key=lambda pair: pair[0][2:])
    ]


def driver(people: Sequence[dict[str, Any]] | None) -> tuple[str, str]:
    """(id, name) of who drove most of an episode; empty where nobody did."""
    most = max(people or (), key=lambda person: int(person["frames"]), default=None)
    return (str(most["id"]), str(most["name"])) if most else ("", "")


def seats(campaign: Campaign) -> list[dict[str, Any]]:
    """`CampaignSeatRow`: who is at it now."""
    taken = CampaignSeat.objects.taken().filter(prompt__campaign=campaign).select_related("robot", "person")
    return [
        {
            "robot": {"id": seat.robot_id, "name": seat.robot.name},
            "person": {"id": seat.person.uid, "name": seat.person.shown},
            "prompt": seat.prompt_id,
        }
        for seat in taken.order_by("robot__name")
    ]


def turn(campaign: Campaign, now: Turn) -> dict[str, Any]:
    """`CampaignTurn`."""
    standings = {one.id: one for one in now.standings.prompts}
    prompts = [prompt_json(row, standings[row.pk].have, standings[row.pk].coming) for row in campaign.prompts.all()]
    return {name: getattr(campaign, name) for name in ("name", "state", "due", "countdown_s", "reset_s")} | {
        "id": campaign.pk,
        "prompt": now.prompt,
        "prompts": prompts,
        "goal": now.standings.goal,
        "have": now.standings.have,
        "coming": now.standings.coming,
        "arrived": now.arrived,
    }
