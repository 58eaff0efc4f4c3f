"""What people ask of a run: go on, end, their word on how it went.  Permission was checked by the caller."""

from __future__ import annotations

import datetime
from typing import Any, Literal

from django.db import transaction
from django.utils import timezone

from dispatch import open_runs, orders
from dispatch.models import HelpRequest, Run, Task
from fleet import audit
from fleet.models import Person
from protocol.errors import Refused
from protocol.permit import LEASE_TTL_S

Word = Literal["success", "failure", "cancelled"]
DOUBT_OFF_S = 5.0  # after an answer to a doubt: so long it does not ask again


def resume(run: Run, person: Person, doubt_off_s: float) -> None:
    """Refused: `run_ended`, `run_ending`, `run_moves`, `still_taken`, `robot_offline`, what else keeps a robot from moving."""
    if run.phase == "ended":
        raise Refused("run_ended", "This run has ended. Start the task again.")
    if run.order == "end":
        raise Refused("run_ending", "Somebody has ended this run; the robot has not answered yet. Start the task again after it.")
    if run.phase not in ("holding", "taken"):
        raise Refused("run_moves", "It has not stopped, so there is nothing to go on from.")
    state = orders.states([run.robot_id]).get(run.robot_id)
    if state is None:
        raise Refused("robot_offline", f"{run.robot.name} is not connected. It waits where it is.")
    if state.stops:
        raise Refused("stopped", "A remote stop is latched. Look at the robot, then clear it.", sources=list(state.stops))
    if state.lease is not None and state.lease.kind == "human":
        raise Refused("still_taken", f"{state.lease.name} drives it. Hand it back first.")
    with transaction.atomic():
        if not run.ask("resume", person, {"doubt_off_s": doubt_off_s}):
            raise Refused("run_moves", "The run went on or ended meanwhile. Look at it again.")
        for request in HelpRequest.objects.filter(run=run, state="open", answer="took_over"):  # handed back: nobody is called
            request.become("taken", taken_by=person, taken_at=timezone.now())
        _note(person, "run_resumed", run, doubt_off_s=doubt_off_s)
        send(run)


def end(run: Run, person: Person, result: Word, reason: str = "") -> None:
    """The robot is told until it has answered.  One that has been away for longer than a lease lives cannot be moving for this
    run any more: for us it is over at once, and the robot hears of it when it is back.  Refused: `run_ended`."""
    if run.phase == "ended":
        raise Refused("run_ended", "This run has ended already.", result=run.result)
    away = run.robot_id not in orders.states([run.robot_id]) and lapsed(run)
    with transaction.atomic():
        if not run.ask("end", person, {"result": result, "reason": reason[:200]}):
            raise Refused("run_ended", "This run has ended already.", result=run.result)
        _note(person, "run_ended_by_person", run, result=result, reason=reason[:200])
        if away:
            finish(
                run,
                result=result,
                judge="person",
                reason="robot_lost",
                sentence="The robot was not reached. It may stand anywhere.",
            )
        send(run)


def lapsed(run: Run) -> bool:
    """Whether its robot has said nothing for longer than a lease lives."""
    seen = run.robot.last_seen
    return seen is None or timezone.now() - seen > datetime.timedelta(seconds=LEASE_TTL_S)


def finish(run: Run, **values: Any) -> bool:
    """The end of a run, whoever says so: its task ends with it, and nobody is asked for help any more."""
    if not run.enter("ended", ended_at=timezone.now(), **values):
        return False
    task = run.task
    task.become(Task.ENDS.get(run.result, "failed"))
    for request in HelpRequest.objects.filter(run=run, state__in=("open", "taken")):
        request.become("ended", answer=request.answer or ("took_over" if request.state == "taken" else "end"))
    open_runs.runs.forget()
    return True


def judge(run: Run, version: int, person: Person, word: Literal["success", "failure"]) -> None:
    """A person's word on a run that has ended.  Refused: `run_open`, `stale_version`."""
    run.check_seen(version)
    if run.phase != "ended":
        raise Refused("run_open", "It has not ended. End it with your word instead.")
    with transaction.atomic():
        before = run.result
        changed = Run.objects.filter(pk=run.pk, version=version).update(result=word, judge="person", version=version + 1)
        run.refresh_from_db()
        if not changed:
            run.check_seen(version)
        newest = run.task.runs.order_by("-started_at").first()
        if newest is not None and newest.pk == run.pk:
            run.task.become(Task.ENDS.get(word, "failed"))
        _note(person, "run_judged", run, result=word, before=before)


def send(run: Run) -> None:
    """Tells the robot as soon as it is written down."""

    def now() -> None:
        open_runs.runs.forget()
        orders.send_now(run.robot_id, open_runs.of(run))

    transaction.on_commit(now)


def take_back(id: str) -> None:
    """An order that the robot has not answered in time: a start is over, and so is an end of what it never said to have begun; a
    going on is not asked any more."""
    with transaction.atomic():
        run = Run.objects.select_for_update().select_related("task", "robot", "policy").get(pk=id)
        now = timezone.now()
        if run.order == "start" and run.phase == "ordered" and now - run.ordered_at > orders.START_FOR:
            sentence = "The robot did not answer in 20 s. It may be away, or its program too old to run policies."
            Run.objects.filter(pk=id).update(order="end", order_detail={"result": "cancelled", "reason": "unanswered"})
            run.refresh_from_db()
            finish(run, result="refused", reason="unanswered", sentence=sentence)
        elif run.order == "end" and run.phase == "ordered" and now - run.ordered_at > orders.START_FOR:
            sentence = "The robot never said that it began. It may be away, or its program too old to run policies."
            finish(
                run, result=run.order_detail.get("result", "cancelled"), judge="person", reason="unanswered", sentence=sentence
            )
        elif run.order == "resume" and now - run.ordered_at > orders.RESUME_FOR:
            Run.objects.filter(pk=id, order="resume").update(order="", sentence="It did not go on when it was asked to.")
            for request in HelpRequest.objects.filter(run=run, state="taken", answer="took_over"):  # who drove has let go
                request.become("open", taken_by=None, taken_at=None)
    open_runs.runs.forget()


def take_back_unanswered() -> int:
    """All whose robot says nothing at all; how many there were."""
    late = timezone.now() - orders.START_FOR
    found = list(
        Run.objects.filter(phase="ordered", order__in=("start", "end"), ordered_at__lt=late).values_list("pk", flat=True)
    )
    for id in found:
        take_back(id)
    return len(found)


def _note(person: Person, act: str, run: Run, **detail: Any) -> None:
    audit.append(person.shown, act, run.robot.name, run.task.organisation_id, run=run.pk, **detail)
