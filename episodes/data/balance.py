"""Which prompt of a campaign comes next, and when the campaign will be done.  Pure: no rows, no clock."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

RATE_DAYS = 3.0  # the present rate is that of so many days
LEAST_H = 1.0  # a campaign that was just opened has no rate yet; this keeps the first takes from promising too much


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a prompt is: takes that count, takes on their way from a robot, and whether somebody else is at it now."""

    id: str
    goal: int
    have: int
    coming: int = 0
    busy: bool = False

    @property
    def missing(self) -> int:
        return max(0, self.goal - self.have - self.coming)

    @property
    def share(self) -> float:
        """Of the goal; what is on its way included, and the take that somebody else is busy with."""
        return (self.have + self.coming + self.busy) / self.goal


def furthest_behind(prompts: Sequence[Standing]) -> str | None:
    """The prompt to show next: the smallest share of its goal, the first of equals; None when nothing is missing.

    One that somebody else is at is taken only when every other goal is reached.
    """
    missing = [prompt for prompt in prompts if prompt.missing]
    free = [prompt for prompt in missing if not prompt.busy] or missing
    return min(free, key=lambda prompt: prompt.share).id if free else None


@dataclass(frozen=True, slots=True)
class Forecast:
    """`per_day`: takes that counted, over the last `RATE_DAYS` or since the campaign was opened.

    `done_at` is None without a rate; `late` is None without a last day or without a rate.
    """

    per_day: float
    done_at: datetime.datetime | None
    late: bool | None


def forecast(
    recent: int, missing: int, opened_at: datetime.datetime, now: datetime.datetime, due: datetime.date | None
) -> Forecast:
    """`recent`: takes within `RATE_DAYS`; nights and pauses are part of the rate.  `due` ends with that day, UTC."""
    since = now - opened_at
    window = min(max(since, datetime.timedelta(hours=LEAST_H)), datetime.timedelta(days=RATE_DAYS))
    per_day = recent / (window / datetime.timedelta(days=1))
    end = due and datetime.datetime.combine(due + datetime.timedelta(days=1), datetime.time(), datetime.UTC)
    days = missing / per_day if per_day else float("inf")
    if not missing:
        return Forecast(per_day, None, None)
    if days > 3650:
        return Forecast(per_day, None, True if end and now >= end else None)
    done_at = now + datetime.timedelta(days=days)
    return Forecast(per_day, done_at, done_at > end if end else None)
