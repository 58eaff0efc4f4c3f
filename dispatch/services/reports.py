"""What a robot's word on a run changes: its phase, its end, and whether a person is needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from dispatch.models import HelpRequest, Run
from dispatch.services.runs import finish
from fleet import audit
from fleet.models import Person, is_id
from protocol.runs import RunReport

#: The lease ended without anybody's doing, and only a person gives it back.
LOST = ("server_lost", "deadman", "video_stale", "body_lost", "boot", "key_held")
#: It will not get further by itself, and asking again would not cure it; a late chunk passes.
ASKS = (
    "doubt", "no_progress", "policy_output", "policy_input", "policy_embodiment", "policy_damaged", "policy_unusable",
    "calibration_misfit", *LOST,
)  # fmt: skip
MOST_CHUNKS = 2**31 - 1  # as the column
RESUMING = "resuming"  # it was told to go on and looks


@dataclass(frozen=True)
class Taken:
    """What became of a report.  `request`: id of a help request that it has opened."""

    run: str
    request: str = ""


def take(id: str, report: RunReport, driver: str = "") -> Taken:
    """`driver`: uid of the person who holds the lease, where somebody does."""
    with transaction.atomic():
        run = Run.objects.select_for_update().select_related("task", "robot", "site").get(pk=id)
        if run.phase == "ended":
            if report.phase == "ended":  # it has heard of it
                Run.objects.filter(pk=id, order="end").update(order="")
            return Taken(id)
        values = _columns(run, report)
        if report.phase == "ended":
            _end(run, report, values)
            return Taken(id)
        before = run.phase, run.reason
        run.enter(report.phase, **values)
        return Taken(id, _help(run, report, driver, before))


def _columns(run: Run, report: RunReport) -> dict[str, Any]:
    values: dict[str, Any] = {
        "reason": _text(report.reason, 40), "sentence": _text(report.sentence, 300), "seconds": report.seconds,
        "chunks": min(report.step, MOST_CHUNKS), "episode": report.episode if is_id(report.episode) else run.episode,
    }  # fmt: skip
    if _answers(run, report):
        values |= {"order": "", "order_detail": {}}
    return values


def _text(said: str, most: int) -> str:
    """What a database can hold of a robot's words: without that the word itself would never be written down."""
    return said.replace("\0", "")[:most]


def _answers(run: Run, report: RunReport) -> bool:
    """Whether the robot's word answers what it was told.  Going on is said once for each time that somebody wants it: not again
    after a person has driven, nor over a new doubt."""
    if run.order == "start" or report.phase == "ended":
        return True
    let_go = run.phase == "taken" and report.reason in LOST  # how a person's lease ended is no answer to what came after
    asks_anew = report.reason in ASKS and (report.phase, report.reason) != (run.phase, run.reason) and not let_go
    return run.order == "resume" and (report.phase in ("moving", "taken") or report.reason == RESUMING or asks_anew)


def _end(run: Run, report: RunReport, values: dict[str, Any]) -> None:
    result = report.result or "interrupted"
    values |= _outrun(run, report)
    judge = report.judge or ("person" if run.order == "end" and result in ("success", "failure") else "")
    finish(run, **values, result=result, judge=judge)
    audit.append(
        f"robot {run.robot.name}", "run_ended", run.robot.name, run.task.organisation_id,
        run=run.pk, result=result, judge=judge, reason=values["reason"],
    )  # fmt: skip


def _outrun(run: Run, report: RunReport) -> dict[str, Any]:
    """What a robot that has begun more runs than this database knows says with its refusal: the next run gets a higher fence."""
    if report.reason != "fenced" or report.highest is None or report.highest < run.fence:
        return {}
    begun = f"{run.robot.name} has begun run {report.highest}, and this was run {run.fence}: the server has forgotten some."
    return {"highest": report.highest, "sentence": f"{begun} It counts on from there now. Start the task again."}


def _help(run: Run, report: RunReport, driver: str, before: tuple[str, str]) -> str:
    """Opens, takes or answers the run's help request; gives the id of one that is new.  `before`: the run's phase and reason."""
    request = HelpRequest.objects.filter(run=run, state__in=("open", "taken")).first()
    let_go = before[0] == "taken" and (report.reason in LOST or report.reason not in (*ASKS, RESUMING))
    if report.phase == "holding" and request is not None and let_go:
        _let_go(request, run)
    elif report.phase == "holding" and report.reason in ASKS:
        if request is None:
            return _open(run, report)
        if request.state == "taken" and not _waits_already(request, before, report.reason):
            request.become("open", taken_by=None, taken_at=None)
    elif request is not None and report.phase == "taken":
        _take(request, run, driver)
    elif request is not None and report.phase == "moving":
        request.become("answered", answer=request.answer or ("took_over" if request.state == "taken" else "go_on"))
    return ""


def _waits_already(request: HelpRequest, before: tuple[str, str], reason: str) -> bool:
    """Whether somebody looks after it still.  Else it was handed back, went on and asks again."""
    phase, why = before
    return phase == "holding" and (why == reason or (why in ASKS and not request.answer))


def _open(run: Run, report: RunReport) -> str:
    request = HelpRequest.objects.create(
        run=run, site=run.site, reason=report.reason, sentence=_text(report.sentence, 300), doubt=report.doubt,
        limit=report.limit, reasoning=msgspec.to_builtins(report.reasoning) if report.reasoning else None,
    )  # fmt: skip
    audit.append(
        f"robot {run.robot.name}", "help_asked", run.robot.name, run.task.organisation_id,
        run=run.pk, request=request.pk, reason=request.reason, doubt=report.doubt, limit=report.limit,
    )  # fmt: skip
    return request.pk


def _let_go(request: HelpRequest, run: Run) -> None:
    """Whoever drove does so no more.  It waits for somebody again, unless the policy was told meanwhile to go on."""
    if run.order == "resume" and request.state == "taken":
        HelpRequest.objects.filter(pk=request.pk, state="taken").update(answer="took_over", version=F("version") + 1)
    else:
        request.become("open", answer="took_over", taken_by=None, taken_at=None)


def _take(request: HelpRequest, run: Run, driver: str) -> None:
    person = Person.objects.filter(uid=driver).first() if driver else None
    if request.state == "taken":
        return
    if request.become("taken", taken_by=person, taken_at=timezone.now()):
        who = person.shown if person else "somebody"
        audit.append(who, "help_taken", run.robot.name, run.task.organisation_id, run=run.pk, request=request.pk)
