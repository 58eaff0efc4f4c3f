"""Who may see and change which tasks, runs and requests: as at the robot's site."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from dispatch.models import HelpRequest, Run, Task
from dispatch.reading import Sight
from fleet.access import Ability, robots_for, roles_with
from fleet.api import person
from fleet.edge import not_found
from fleet.models import Membership, Person, is_id
from protocol.errors import Refused


def sight(request: HttpRequest) -> Sight:
    who = person(request)
    curates = Membership.objects.filter(person=who, role__in=roles_with("curate")).exists()
    return Sight(who, robots_at(who, "run"), robots_at(who, "drive"), curates)


def robots_at(who: Person, ability: Ability) -> frozenset[str]:
    return frozenset(robots_for(who, ability).values_list("pk", flat=True))


def tasks(who: Person, ability: Ability = "see") -> QuerySet[Any]:
    return Task.objects.for_person(who, roles_with(ability)).select_related("site", "made_by", "organisation")


def runs(who: Person, ability: Ability = "see") -> QuerySet[Any]:
    known = ("task__organisation", "robot__site", "policy", "started_by", "site")
    return Run.objects.for_person(who, roles_with(ability)).select_related(*known)


def requests(who: Person, ability: Ability = "see") -> QuerySet[Any]:
    known = ("run__task", "run__robot", "run__policy", "run__started_by", "run__site", "taken_by", "site")
    return HelpRequest.objects.for_person(who, roles_with(ability)).select_related(*known)


def find(found: Any, allowed: Any, id: str) -> Any:
    """404 for what one may not see, 403 where only the right is missing."""
    row = found.filter(pk=id).first() if is_id(id) else None
    if row is None:
        raise not_found()
    if allowed is not None and not allowed.filter(pk=id).exists():
        raise Refused("forbidden", f"Your role does not allow this at {row.site}. Ask an administrator.")
    return row


def find_task(who: Person, id: str, ability: Ability = "see") -> Task:
    task: Task = find(tasks(who), tasks(who, ability) if ability != "see" else None, id)
    return task


def find_run(who: Person, id: str, ability: Ability = "see") -> Run:
    run: Run = find(runs(who), runs(who, ability) if ability != "see" else None, id)
    return run


def find_request(who: Person, id: str, ability: Ability = "see") -> HelpRequest:
    request: HelpRequest = find(requests(who), requests(who, ability) if ability != "see" else None, id)
    return request
