"""What people ask of tasks: check a sentence, begin a run of it, try it again.  Permission was checked by the caller."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max

from dispatch import candidates, guard, orders
from dispatch.kinds import kind_of
from dispatch.models import Run, Task
from dispatch.services.runs import send
from fleet import audit
from fleet.models import Organisation, Person, Robot
from policies.models import PolicyVersion
from policies.services import serving
from protocol.errors import Refused


def knows(policy: PolicyVersion) -> guard.Knows:
    return guard.Knows(tuple(policy.skills), tuple(policy.things))


def wanted(policy: PolicyVersion) -> candidates.Wanted:
    return candidates.Wanted(
        policy.shown, tuple(policy.kinds), tuple(policy.skills), tuple(policy.things), policy.withdrawn_reason, policy.stage
    )


def facts(robots: list[Robot], may: set[str]) -> dict[str, candidates.Facts]:
    """By id; `may`: ids of those at which the person may start runs."""
    states = orders.states([robot.pk for robot in robots])
    busy = dict(Run.objects.exclude(phase="ended").filter(robot__in=robots).values_list("robot", "task__sentence"))
    return {
        robot.pk: candidates.Facts(
            robot.name, kind_of(robot), states.get(robot.pk), robot.held_reason, busy.get(robot.pk, ""), robot.pk in may
        )
        for robot in robots
    }


def start(person: Person, sentence: str, robot: Robot, policy: PolicyVersion) -> Run:
    """A task and its first run.  Refused: what the guard refuses, and what stands in the robot's or the policy's way."""
    understood = _understood(person, sentence, robot, policy)
    _check_can(robot, policy)
    organisation = robot.site.organisation
    with transaction.atomic():
        Organisation.objects.select_for_update().get(pk=organisation.pk)
        number = (Task.objects.filter(organisation=organisation).aggregate(last=Max("number"))["last"] or 0) + 1
        task = Task.objects.create(
            organisation=organisation, site=robot.site, number=number, sentence=" ".join(sentence.split()),
            skill=understood.goal.skill, target=understood.goal.target, parts=[asdict(part) for part in understood.parts],
            made_by=person,
        )  # fmt: skip
        audit.append(person.shown, "task_made", task.pk, organisation.pk, number=number, sentence=task.sentence)
        run = _begin(task, person, robot, policy)
    send(run)
    return run


def again(task: Task, version: int, person: Person, robot: Robot, policy: PolicyVersion) -> Run:
    """One more attempt at a task whose last one is over.  Refused as `start`; `task_running`, `task_done`, `stale_version`."""
    if task.version != version:
        raise Refused(
            "stale_version", "Somebody changed this task meanwhile. Look at it again.", current={"version": task.version}
        )
    if task.state in ("running", "done"):
        sentence = "A run of it has not ended." if task.state == "running" else "It was done. Say it anew to have it done again."
        raise Refused(f"task_{task.state}", sentence)
    _understood(person, task.sentence, robot, policy)
    _check_can(robot, policy)
    with transaction.atomic():
        if not task.become("running"):
            raise Refused("task_running", "A run of it has not ended.")
        run = _begin(task, person, robot, policy)
    send(run)
    return run


def _understood(person: Person, sentence: str, robot: Robot, policy: PolicyVersion) -> guard.Understood:
    """What would change stops or limits is written down with the name of whoever asked."""
    try:
        return guard.understand(sentence, knows(policy))
    except Refused as refusal:
        if refusal.code == "not_a_task":
            said = sentence[: guard.LONGEST]
            audit.append(person.shown, "task_refused", robot.name, robot.site.organisation_id, sentence=said, code=refusal.code)
        raise


def _check_can(robot: Robot, policy: PolicyVersion) -> None:
    if policy.organisation_id != robot.site.organisation_id:
        raise Refused("policy_unknown", "This policy belongs to another organisation.")
    code, sentence = candidates.why_not_policy(wanted(policy))
    if not code:
        code, sentence = candidates.why_not_robot(facts([robot], {robot.pk})[robot.pk], tuple(policy.kinds))
    if code:
        raise Refused(code, f"{robot.name}: {sentence}" if code not in ("policy_withdrawn", "policy_retired") else sentence)


def _begin(task: Task, person: Person, robot: Robot, policy: PolicyVersion) -> Run:
    try:
        with transaction.atomic():
            run = Run.objects.create(
                task=task, site=robot.site, robot=robot, policy=policy, fence=Run.next_fence(robot), started_by=person,
                order_by=person,
            )  # fmt: skip
    except IntegrityError as error:  # somebody else was first
        raise Refused("robot_busy", f"{robot.name} is at another run. Wait until that has ended, or end it.") from error
    detail: dict[str, Any] = {"task": task.number, "sentence": task.sentence, "policy": policy.shown, "fence": run.fence}
    audit.append(person.shown, "run_started", robot.name, task.organisation_id, run=run.pk, **detail)
    transaction.on_commit(lambda: serving.expect(policy.pk))
    return run
