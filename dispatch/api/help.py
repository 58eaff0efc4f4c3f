"""The JSON API of help: the queue, one request with its clip, what people do about it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Router

from dispatch import places, reading
from dispatch.api.access import find_request, requests, sight
from dispatch.models import HelpRequest
from dispatch.schemas import Answer, HelpDetail, HelpQueue, HelpVerdict, Seen, Waiting
from dispatch.services import help as services
from dispatch.waiting import waiting
from episodes import media
from fleet.access import access
from fleet.api import person
from fleet.edge import signed_in
from fleet.models import Person

router = Router(tags=["help"])
CLOSED = 20


@router.get("help", response=HelpQueue)
def queue(request: HttpRequest) -> dict[str, Any]:
    """Those that wait, the most urgent first, and those that were done lately."""
    seen = sight(request)
    found = requests(seen.person)
    rows = reading.help_rows(list(found.filter(state__in=("open", "taken"))), seen)
    closed = found.filter(state__in=("answered", "ended"))
    today = timezone.now() - timedelta(hours=24)
    return {
        "open": sorted(rows, key=lambda row: (row["state"] != "open", -row["urgency"])),
        "closed": reading.help_rows(list(closed.order_by("-closed_at")[:CLOSED]), seen),
        "closed_today": closed.filter(closed_at__gt=today).count(),
    }


@router.get("help/waiting", response=Waiting, auth=signed_in)
async def who_waits(request: HttpRequest) -> dict[str, Any]:
    """For every page's badge: one query a second serves all."""
    rights = await access.robots(request.auth.uid)  # type: ignore[attr-defined]
    now = timezone.now()
    found = [one for one in await waiting.get() if one.robot in rights]
    rows = [
        {
            "robot": one.robot, "request": one.request, "reason": one.reason, "taken_by": one.taken_by,
            "waiting_s": round((now - one.opened_at).total_seconds(), 1),
        }
        for one in found
    ]  # fmt: skip
    return {"count": sum(not one.taken_by for one in found), "robots": rows}


@router.get("help/{id}", response=HelpDetail)
def one_request(request: HttpRequest, id: str) -> dict[str, Any]:
    return reading.help_detail(find_request(person(request), id), sight(request))


@router.get("help/{id}/clip", auth=signed_in)
async def clip(request: HttpRequest, id: str) -> HttpResponse:
    """The pictures that the policy was shown before it asked."""
    found = await sync_to_async(_seen)(request.auth.uid, id)  # type: ignore[attr-defined]
    return await media.serve(request, places.clip(found.run_id, found.pk), "application/octet-stream", found.pk)  # type: ignore[return-value]


def _seen(uid: str, id: str) -> HelpRequest:
    return find_request(Person.objects.get(uid=uid), id)


@router.post("help/{id}/take", response=HelpDetail)
def take(request: HttpRequest, id: str, body: Seen) -> dict[str, Any]:
    services.take(find_request(person(request), id, "run"), body.version, person(request))
    return one_request(request, id)


@router.post("help/{id}/give-back", response=HelpDetail)
def give_back(request: HttpRequest, id: str, body: Seen) -> dict[str, Any]:
    services.give_back(find_request(person(request), id, "run"), body.version, person(request))
    return one_request(request, id)


@router.post("help/{id}/answer", response=HelpDetail)
def answer(request: HttpRequest, id: str, body: Answer) -> dict[str, Any]:
    found = find_request(person(request), id, "run")
    if body.answer == "go_on":
        services.go_on(found, body.version, person(request), body.doubt_off_s)
    else:
        services.end(found, body.version, person(request), body.result)
    return one_request(request, id)


@router.post("help/{id}/verdict", response=HelpDetail)
def verdict(request: HttpRequest, id: str, body: HelpVerdict) -> dict[str, Any]:
    services.say_needless(find_request(person(request), id, "run"), person(request), body.needless)
    return one_request(request, id)
