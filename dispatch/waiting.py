"""Who waits for help now: one query a second, shared by the badges of all pages of a process."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from dispatch.models import HelpRequest
from fleet.fresh import Fresh


@dataclass(frozen=True)
class Waits:
    robot: str
    request: str
    reason: str
    opened_at: datetime.datetime
    taken_by: str


def read_waiting() -> tuple[Waits, ...]:
    rows = HelpRequest.objects.filter(state__in=("open", "taken")).select_related("run", "taken_by").order_by("opened_at")
    return tuple(
        Waits(
            row.run.robot_id,
            row.pk,
            row.reason,
            row.opened_at,
            row.taken_by.shown if row.taken_by and row.state == "taken" else "",
        )
        for row in rows
    )


waiting: Fresh[tuple[Waits, ...]] = Fresh(read_waiting, (), every_s=0.5)
