"""The run that each robot is at, as every robot's socket needs it: read from the database at most once a second."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.utils import timezone

from dispatch.kinds import pictures_of
from dispatch.models import Run
from fleet.fresh import Fresh

TOLD_FOR = datetime.timedelta(seconds=60)  # a robot that was away is told so long that its run is over


@dataclass(frozen=True)
class OpenRun:
    """One robot's run and the order that it has not answered; `asker` (uid) is the person whose order that is."""

    id: str
    fence: int
    phase: str
    order: str
    detail: dict[str, Any]
    ordered_at: datetime.datetime
    asker: str
    sentence: str
    skill: str
    target: str
    policy: str
    policy_name: str
    pictures: dict[str, tuple[int, int]]


def read_open() -> dict[str, OpenRun]:
    """By robot.  A run that has ended is among them while the robot still has to hear of it."""
    unheard = Q(phase="ended", order="end", ended_at__gt=timezone.now() - TOLD_FOR)
    rows = Run.objects.filter(~Q(phase="ended") | unheard).select_related("task", "policy", "robot", "order_by", "started_by")
    found: dict[str, OpenRun] = {}
    for row in rows.order_by("fence"):  # the newest of a robot stays
        if row.phase != "ended" or row.robot_id not in found:
            found[row.robot_id] = of(row)
    return found


def of(row: Run) -> OpenRun:
    person = row.order_by or row.started_by
    return OpenRun(
        id=row.pk, fence=row.fence, phase=row.phase, order=row.order, detail=row.order_detail, ordered_at=row.ordered_at,
        asker=person.uid if person else "", sentence=row.task.sentence, skill=row.task.skill, target=row.task.target,
        policy=row.policy_id, policy_name=row.policy.shown, pictures=pictures_of(row.policy, row.robot),
    )  # fmt: skip


runs: Fresh[dict[str, OpenRun]] = Fresh(read_open, {})


async def run_of(robot: str, id: str = "", sure: bool = False) -> OpenRun | None:
    """The robot's run, at most a second old; with `id` that one, which may be newer; with `sure` none only when there is none."""
    found = (await runs.get()).get(robot)
    if (sure and found is None) or (id and (found is None or found.id != id)):
        runs.forget()
        found = (await runs.get()).get(robot)
    return found if found is not None and id in ("", found.id) else None
