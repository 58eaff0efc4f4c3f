"""How tasks, runs and requests look as JSON (`schemas.py`).  Reads rows, changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q
from django.urls import reverse
from django.utils import timezone

from dispatch import candidates, orders, places, traces
from dispatch.kinds import pictures_of
from dispatch.models import HelpRequest, Run, Task
from dispatch.services import tasks as services
from episodes.models import Episode
from episodes.reading import episodes as reading
from fleet.models import Person, Robot
from policies.models import PolicyVersion
from protocol.state import RobotState

URGENT = {"doubt": 1.5, "no_progress": 1.0}  # a doubt may be about what is in front of the arm now


@dataclass(frozen=True)
class Sight:
    """Who looks, and what they may do at which robots."""

    person: Person
    run: frozenset[str]
    drive: frozenset[str]
    curate: bool = False


def run_row(run: Run, states: dict[str, RobotState], asks: dict[str, str]) -> dict[str, Any]:
    """`RunRow`.  `asks`: open requests by run."""
    return {
        "id": run.pk, "url": reverse("dispatch:run", args=[run.pk]), "number": run.task.number, "sentence": run.task.sentence,
        "robot": {"id": run.robot_id, "name": run.robot.name}, "policy": {"id": run.policy_id, "name": run.policy.shown},
        "phase": run.phase, "reason": run.reason, "explanation": run.sentence, "result": run.result, "judge": run.judge,
        "seconds": run.seconds, "chunks": run.chunks, "started_at": run.started_at,
        "started_by": run.started_by.shown if run.started_by else "", "ended_at": run.ended_at, "waits": waits(run, states),
        "help": reverse("dispatch:help-one", args=[asks[run.pk]]) if run.pk in asks else "",
    }  # fmt: skip


def waits(run: Run, states: dict[str, RobotState]) -> str:
    """Why nothing happens, in a sentence."""
    if run.phase == "ended":
        return ""
    if run.robot_id not in states:
        return f"Waiting for {run.robot.name}: it is not connected. Nobody else gets this run while it may still move."
    words = {
        "start": f"Waiting for {run.robot.name} to take the order.",
        "resume": f"Waiting for {run.robot.name} to go on.",
        "end": f"Waiting for {run.robot.name} to end it.",
    }
    return words.get(run.order, "")


def open_requests(runs: Iterable[Run]) -> dict[str, str]:
    found = HelpRequest.objects.filter(run__in=[run.pk for run in runs], state__in=("open", "taken"))
    return dict(found.values_list("run", "pk"))


def task_rows(tasks: list[Task]) -> list[dict[str, Any]]:
    """`TaskRow` of each; their runs are prefetched."""
    runs = [run for task in tasks for run in task.runs.all()]
    states, asks = orders.states(list({run.robot_id for run in runs})), open_requests(runs)
    return [
        {
            "id": task.pk, "number": task.number, "sentence": task.sentence, "skill": task.skill, "target": task.target,
            "parts": task.parts, "state": task.state, "site": task.site.name, "version": task.version,
            "made_by": task.made_by.shown if task.made_by else "", "made_at": task.made_at,
            "runs": [run_row(run, states, asks) for run in task.runs.all()],
        }
        for task in tasks
    ]  # fmt: skip


def run_detail(run: Run, sight: Sight) -> dict[str, Any]:
    """`RunDetail`."""
    states = orders.states([run.robot_id])
    path = places.trace(run.pk)
    return run_row(run, states, open_requests([run])) | {
        "task": {"id": run.task_id, "name": run.task.sentence}, "version": run.version, "order": run.order, "fence": run.fence,
        "parts": run.task.parts, "cameras": pictures_of(run.policy, run.robot), "embodiment": run.robot.embodiment,
        "episode": episode_of(run, sight), "episode_id": run.episode, "may_run": run.robot_id in sight.run,
        "may_drive": run.robot_id in sight.drive, "cockpit": reverse("cockpit", args=[run.robot_id]),
        "newest": traces.last(path), "trace_bytes": path.stat().st_size if path.exists() else 0,
    }  # fmt: skip


def episode_of(run: Run, sight: Sight) -> dict[str, Any] | None:
    """`EpisodeOf`; None while it has not arrived."""
    found = Episode.objects.filter(pk=run.episode, robot=run.robot_id, removed_at=None).first() if run.episode else None
    if found is None:
        return None
    sizes = {camera["name"]: camera for camera in found.meta["embodiment"]["cameras"]}
    videos = [
        {
            "camera": name, "width": sizes[name]["width"], "height": sizes[name]["height"],
            "url": reverse("episodes:video", args=[found.pk, name]),
        }
        for name in found.meta["cameras"]
    ]  # fmt: skip
    return {
        "id": found.pk, "url": reading.page(found), "number": found.number, "status": found.status,
        "pilots": found.findings.get("pilots", {}), "videos": videos if found.playable else [],
        "columns_url": reverse("episodes:columns", args=[found.pk]), "started_ns": str(found.meta["started_ns"]),
        "seconds": found.seconds, "may_curate": sight.curate,
    }  # fmt: skip


# -- choosing ----------------------------------------------------------------------------------------------------------


def choices(policies: list[PolicyVersion], robots: list[Robot], sight: Sight) -> dict[str, Any]:
    """`Choices`."""
    counted = Run.objects.filter(policy__in=policies, phase="ended").values("policy")
    figures = {
        row["policy"]: (row["all"], row["good"])
        for row in counted.annotate(all=Count("pk"), good=Count("pk", filter=Q(result="success"))).order_by()
    }
    facts = services.facts(robots, set(sight.run))
    return {
        "policies": [_policy(policy, *figures.get(policy.pk, (0, 0))) for policy in policies],
        "robots": [_robot(robot, facts[robot.pk]) for robot in robots],
    }


def _policy(policy: PolicyVersion, runs: int, successes: int) -> dict[str, Any]:
    return {
        "id": policy.pk, "name": policy.shown, "stage": policy.stage, "skills": policy.skills, "things": policy.things,
        "kinds": policy.kinds, "limit": bool(policy.calibration), "organisation": policy.organisation_id, "runs": runs,
        "successes": successes, "why_not": candidates.why_not_policy(services.wanted(policy))[1],
    }  # fmt: skip


def _robot(robot: Robot, facts: candidates.Facts) -> dict[str, Any]:
    return {
        "id": robot.pk, "name": robot.name, "site": robot.site.name, "organisation": robot.site.organisation_id,
        "kind": facts.kind, "why_not": candidates.why_not_robot(facts, None)[1],
        "snapshot": f"/api/robots/{robot.pk}/snapshot.jpg",
    }  # fmt: skip


# -- help --------------------------------------------------------------------------------------------------------------


def urgency(reason: str, waiting_s: float) -> float:
    """What the queue is ordered by: seconds that somebody has waited, weighted by why."""
    return round(URGENT.get(reason, 1.0) * (30.0 + waiting_s), 1)


def help_rows(requests: list[HelpRequest], sight: Sight) -> list[dict[str, Any]]:
    """`HelpRow` of each."""
    runs = [request.run for request in requests]
    states, asks = orders.states(list({run.robot_id for run in runs})), open_requests(runs)
    return [_help_row(request, run_row(request.run, states, asks), sight) for request in requests]


def _help_row(request: HelpRequest, run: dict[str, Any], sight: Sight) -> dict[str, Any]:
    until = request.closed_at or timezone.now()
    waiting_s = max(0.0, ((request.taken_at or until) - request.opened_at).total_seconds())
    robot = request.run.robot_id
    return {
        "id": request.pk, "url": reverse("dispatch:help-one", args=[request.pk]), "state": request.state,
        "reason": request.reason, "explanation": request.sentence, "doubt": request.doubt, "limit": request.limit,
        "waiting_s": round(waiting_s, 1), "answer": request.answer, "version": request.version, "pictures": request.pictures,
        "taken_by": request.taken_by.shown if request.taken_by else "", "mine": request.taken_by_id == sight.person.pk,
        "closed_at": request.closed_at, "urgency": urgency(request.reason, waiting_s), "run": run,
        "took_s": (request.closed_at - request.opened_at).total_seconds() if request.closed_at else None,
        "cockpit": f"{reverse('cockpit', args=[robot])}?help={request.pk}", "may_run": robot in sight.run,
        "may_drive": robot in sight.drive,
    }  # fmt: skip


def help_detail(request: HelpRequest, sight: Sight) -> dict[str, Any]:
    """`HelpDetail`."""
    (row,) = help_rows([request], sight)
    return row | {
        "reasoning": request.reasoning, "candidates": list(request.run.policy.things), "needless": request.needless,
        "detail": run_detail(request.run, sight),
    }  # fmt: skip
