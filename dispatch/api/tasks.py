"""The JSON API of tasks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from ninja import Query, Router

from dispatch import guard, reading
from dispatch.api.access import find_run, find_task, robots_at, sight, tasks
from dispatch.models import Run
from dispatch.schemas import Check, Choices, RunDetail, TaskAgain, TaskNew, TaskPage, TaskRow, TaskState, Verdict
from dispatch.services import tasks as services
from fleet.access import robots_for, roles_with
from fleet.api import person, robot_or_404
from fleet.edge import limit_rate, not_found
from fleet.models import Person, is_id
from policies.models import PolicyVersion
from protocol.errors import Refused

router = Router(tags=["tasks"])
SIZE = 50


@router.get("tasks", response=TaskPage)
def list_tasks(
    request: HttpRequest, state: TaskState | None = None, before: Annotated[str, Query(max_length=40)] = ""
) -> dict[str, Any]:
    who = person(request)
    found = tasks(who).prefetch_related("runs__robot", "runs__policy", "runs__started_by", "runs__task")
    if state:
        found = found.filter(state=state)
    if before:
        found = found.filter(made_at__lt=_moment(before))
    page = list(found[: SIZE + 1])
    return {
        "items": reading.task_rows(page[:SIZE]),
        "may_start": bool(robots_at(who, "run")),
        "next": page[SIZE - 1].made_at.isoformat() if len(page) > SIZE else "",
    }


def _moment(text: str) -> datetime:
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Refused("invalid_field:before", "before is not a moment with its time zone.")
    return found


@router.get("tasks/choices", response=Choices)
def choices(request: HttpRequest) -> dict[str, Any]:
    """What a new task may be given to, and what stands in the way of the others."""
    seen = sight(request)
    policies = _policies(seen.person).filter(withdrawn_reason="").exclude(stage="retired").order_by("name", "-number")
    robots = robots_for(seen.person).working().select_related("site").order_by("name")
    return reading.choices(list(policies), list(robots), seen)


def _policies(who: Person) -> Any:
    return PolicyVersion.objects.for_person(who, roles_with("see"))


def _policy(who: Person, id: str) -> PolicyVersion:
    found: PolicyVersion | None = _policies(who).filter(pk=id).first() if is_id(id) else None
    if found is None:
        raise not_found()
    return found


@router.post("tasks/check", response=Verdict)
def check(request: HttpRequest, body: Check) -> dict[str, Any]:
    """What the sentence would be understood as.  Nothing is kept, nothing moves."""
    who = person(request)
    limit_rate("check-sentence", str(who.pk), 300, 60)
    policy = _policy(who, body.policy)
    nothing: dict[str, Any] = {"skill": "", "target": "", "parts": [], "refusal": None}
    try:
        found = guard.understand(body.sentence, services.knows(policy))
    except Refused as refusal:
        said = {"code": refusal.code, "sentence": refusal.sentence, "candidates": refusal.detail.get("candidates", [])}
        return nothing | {"refusal": said}
    parts = [{"first": part.first, "last": part.last, "kind": part.kind, "name": part.name} for part in found.parts]
    return {"skill": found.goal.skill, "target": found.goal.target, "parts": parts, "refusal": None}


@router.post("tasks", response=RunDetail)
def make_task(request: HttpRequest, body: TaskNew) -> dict[str, Any]:
    who = person(request)
    robot = robot_or_404(request, body.robot, "run")
    return _detail(request, services.start(who, body.sentence, robot, _policy(who, body.policy)))


@router.get("tasks/{id}", response=TaskRow)
def one_task(request: HttpRequest, id: str) -> dict[str, Any]:
    (row,) = reading.task_rows([find_task(person(request), id)])
    return row


@router.post("tasks/{id}/runs", response=RunDetail)
def try_again(request: HttpRequest, id: str, body: TaskAgain) -> dict[str, Any]:
    who = person(request)
    task = find_task(who, id, "run")
    robot = robot_or_404(request, body.robot, "run")
    if robot.site_id != task.site_id:
        raise Refused("other_site", f"This task belongs to {task.site}. Choose a robot there.")
    return _detail(request, services.again(task, body.version, who, robot, _policy(who, body.policy)))


def _detail(request: HttpRequest, run: Run) -> dict[str, Any]:
    return reading.run_detail(find_run(person(request), run.pk), sight(request))
