"""What people do about a run that asks: say that they come, answer it, say whether it was right to ask."""

from __future__ import annotations

import datetime

from django.db import transaction
from django.utils import timezone

from dispatch import places
from dispatch.models import HelpRequest
from dispatch.services import runs
from fleet import audit
from fleet.models import Person
from protocol.errors import Refused

KEPT = datetime.timedelta(days=7)  # pictures of a request, after its end


def take(request: HelpRequest, version: int, person: Person) -> None:
    """This person looks after it; the robot is told nothing.  Refused: `stale_version`, `help_closed`, `help_taken`."""
    _check(request, version)
    if request.state == "taken" and request.taken_by_id != person.pk:
        name = request.taken_by.shown if request.taken_by else "Somebody"
        raise Refused("help_taken", f"{name} looks after it.")
    with transaction.atomic():
        if request.become("taken", taken_by=person, taken_at=timezone.now()):
            _note(person, "help_taken", request)


def give_back(request: HelpRequest, version: int, person: Person) -> None:
    """It waits for somebody again.  Refused: `stale_version`, `help_closed`."""
    _check(request, version)
    with transaction.atomic():
        if request.become("open", taken_by=None, taken_at=None):
            _note(person, "help_given_back", request)


def go_on(request: HelpRequest, version: int, person: Person, doubt_off_s: float | None = None) -> None:
    """The answer that all is well.  The request is closed by the robot's own word that it moves.  Over a doubt it means that what
    the robot sees now is no reason to ask.

    Refused: `stale_version`, `help_closed`, what `runs.resume` refuses.
    """
    _check(request, version)
    if doubt_off_s is None:
        doubt_off_s = runs.DOUBT_OFF_S if request.run.reason == "doubt" else 0.0
    with transaction.atomic():
        _answer(request, version, "go_on")
        runs.resume(request.run, person, doubt_off_s)
        _note(person, "help_answered", request, answer="go_on")
    request.refresh_from_db()


def end(request: HelpRequest, version: int, person: Person, result: runs.Word) -> None:
    """The answer that it cannot be done.  Refused: `stale_version`, `help_closed`, `run_ended`."""
    _check(request, version)
    with transaction.atomic():
        _answer(request, version, "end")
        runs.end(request.run, person, result)
        _note(person, "help_answered", request, answer="end", result=result)
    request.refresh_from_db()


def say_needless(request: HelpRequest, person: Person, needless: bool) -> None:
    """Whether it need not have asked: how good its limit is, in people's own words."""
    with transaction.atomic():
        HelpRequest.objects.filter(pk=request.pk).update(needless=needless)
        _note(person, "help_judged", request, needless=needless)
    request.refresh_from_db()


def forget_clips(older: datetime.timedelta = KEPT) -> int:
    """Takes away the pictures of requests that were closed so long ago; the recording of the run has them too."""
    old = HelpRequest.objects.filter(closed_at__lt=timezone.now() - older, pictures__gt=0)
    for request in (found := list(old)):
        places.clip(request.run_id, request.pk).unlink(missing_ok=True)
    HelpRequest.objects.filter(pk__in=[request.pk for request in found]).update(pictures=0)
    return len(found)


def _check(request: HelpRequest, version: int) -> None:
    if request.state in ("answered", "ended"):
        raise Refused("help_closed", "This request is over.", state=request.state)
    if request.version != version:
        current = {"version": request.version, "state": request.state}
        raise Refused("stale_version", "Somebody looks after it meanwhile. Look at it again.", current=current)


def _answer(request: HelpRequest, version: int, answer: str) -> None:
    """Of two who answer at once one is heard; the other looks again."""
    if not HelpRequest.objects.filter(pk=request.pk, version=version).update(answer=answer, version=version + 1):
        request.refresh_from_db()
        _check(request, version)


def _note(person: Person, act: str, request: HelpRequest, **detail: object) -> None:
    run = request.run
    audit.append(person.shown, act, run.robot.name, run.task.organisation_id, run=run.pk, request=request.pk, **detail)
