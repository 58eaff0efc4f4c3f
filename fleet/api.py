"""The fleet's JSON API.  Robots one may not see do not exist here."""

from __future__ import annotations

import csv
import hashlib
import io
from typing import Annotated, Any, Literal

import redis.exceptions
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from ninja import Field, Query, Router
from pydantic import StringConstraints

from fleet import relay, robots
from fleet.access import Ability, access, robots_for
from fleet.edge import Strict, limit_rate, not_found, once, signed_in
from fleet.models import AuditEntry, Membership, Person, Robot, Role, Site, is_id
from protocol.errors import Refused

router = Router()
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]


class Enrolment(Strict):
    code: str = Field(max_length=40)
    public_key: str = Field(max_length=64)
    embodiment: str = Field(max_length=200_000)
    program: str = Field(max_length=40)
    protocol: int


class CodeWanted(Strict):
    site: int = Field(ge=1, lt=2**63)
    name: Name


class Accepted(Strict):
    """`hash`: of the offered description that the administrator has seen."""

    hash: str = Field(pattern=r"^[0-9a-f]{64}$")


class Rename(Strict):
    name: Name
    version: int


def person(request: HttpRequest) -> Person:
    assert isinstance(request.user, Person)
    return request.user


def robot_or_404(request: HttpRequest, id: str, ability: Ability = "see") -> Robot:
    """404 for robots one may not see, so that their existence does not leak; 403 where only the right is missing."""
    robot = robots_for(person(request)).select_related("site").filter(pk=id).first() if is_id(id) else None
    if robot is None:
        raise not_found()
    if not robots_for(person(request), ability).filter(pk=id).exists():
        raise Refused("forbidden", f"Your role does not allow this at {robot.site}. Ask an administrator.")
    return robot


def shown(robot: Robot) -> dict[str, Any]:
    return {
        "id": robot.pk, "name": robot.name, "site": robot.site.name, "kind": robot.kind, "program": robot.program,
        "version": robot.version, "enrolled_at": robot.enrolled_at, "last_seen": robot.last_seen,
        "held_reason": robot.held_reason,
        "offered": {key: robot.embodiment_offered.get(key, "") for key in ("hash", "differs")},
    }  # fmt: skip


@router.post("robots/enrol", auth=None)
def enrol(request: HttpRequest, body: Enrolment) -> dict[str, str]:
    guesses = ("enrol", request.META.get("REMOTE_ADDR", ""), 20, 60)
    limit_rate(*guesses, weight=0)
    try:
        robot = robots.enrol(body.code, body.public_key, body.embodiment, body.program, body.protocol)
    except Refused as refusal:
        if refusal.code.startswith("code_"):
            limit_rate(*guesses)
        raise
    return {"robot": robot.pk, "name": robot.name, "server_key": robots.server_key()}


@router.get("robots")
def list_robots(request: HttpRequest) -> list[dict[str, Any]]:
    return [shown(robot) for robot in robots_for(person(request)).working().select_related("site")]


@router.get("robots/{id}")
def one_robot(request: HttpRequest, id: str) -> dict[str, Any]:
    return shown(robot_or_404(request, id))


@router.patch("robots/{id}")
def rename(request: HttpRequest, id: str, body: Rename) -> dict[str, Any]:
    return shown(robots.rename(person(request), robot_or_404(request, id, "administer"), body.name, body.version))


@router.post("robots/{id}/revoke")
def revoke(request: HttpRequest, id: str) -> dict[str, Any]:
    robot = robot_or_404(request, id, "administer")
    robots.revoke(person(request), robot)
    return {"id": robot.pk, "revoked": True}


@router.post("robots/{id}/release-hold")
def release_hold(request: HttpRequest, id: str) -> dict[str, Any]:
    robot = robot_or_404(request, id, "administer")
    robots.release(person(request), robot)
    return {"id": robot.pk, "held_reason": ""}


@router.post("robots/{id}/accept-embodiment")
def accept_embodiment(request: HttpRequest, id: str, body: Accepted) -> dict[str, Any]:
    """The robot that describes itself otherwise than when it was enrolled may log in again."""
    robot = robot_or_404(request, id, "administer")
    robots.accept_embodiment(person(request), robot, body.hash)
    return shown(robot)


@router.post("robots/{id}/rotate")
def rotate(request: HttpRequest, id: str) -> dict[str, Any]:
    """A code that gives the robot a new key; the old key works until the code is used."""
    row, code = robots.make_rotation_code(person(request), robot_or_404(request, id, "administer"))
    return {"id": row.pk, "code": code, "expires_at": row.expires_at.isoformat(), "name": row.name}


@router.get("robots/{id}/snapshot.jpg", auth=signed_in)
async def snapshot(request: HttpRequest, id: str, camera: Annotated[int | None, Query(ge=0, le=255)] = None) -> HttpResponse:
    """The newest small picture, at most 10 s old, of the camera with this number.  Asked for often: it asks no database."""
    if not await access.may(request.auth.uid, id, "see"):  # type: ignore[attr-defined]
        raise not_found()
    try:
        if camera is not None:  # asked by a page that shows one camera; lists ask through their socket
            await relay.want_snapshots([id])
        jpeg = await relay.snapshot(id, camera)
    except (redis.exceptions.RedisError, OSError):
        jpeg = None
    if jpeg is None:
        raise Refused("not_found", "There is no picture of the last 10 seconds.")
    tag = f'"{hashlib.sha256(jpeg).hexdigest()[:16]}"'
    same = request.headers.get("If-None-Match") == tag
    response = HttpResponse(status=304) if same else HttpResponse(jpeg, content_type="image/jpeg")
    response["ETag"] = tag
    response["Cache-Control"] = "private, no-cache"
    return response


@router.post("enrolment-codes")
def make_code(request: HttpRequest, body: CodeWanted) -> dict[str, Any]:
    """The code is in this answer and nowhere else."""
    who = person(request)
    site = administered_sites(who).filter(pk=body.site).first()
    if site is None:
        raise _no_site(who, body.site)
    limit_rate("codes", str(who.pk), 60, 60)

    def make() -> dict[str, Any]:
        row, code = robots.make_code(who, site, body.name)
        return {"id": row.pk, "code": code, "expires_at": row.expires_at.isoformat(), "name": row.name}

    return once(request, make)


def _no_site(who: Person, site: int) -> Refused:
    """Sites of organisations one has no role in do not exist."""
    if not known_sites(who).filter(pk=site).exists():
        return not_found()
    return Refused("forbidden", "You do not administer this site. Ask an administrator.")


@router.get("enrolment-codes/{id}")
def code_state(request: HttpRequest, id: int) -> dict[str, Any]:
    """Whether the robot has come; for the page that waits for it."""
    from fleet.models import EnrolmentCode

    row = EnrolmentCode.objects.filter(pk=id).first() if id < 2**63 else None
    if row is None:
        raise not_found()
    if not administered_sites(person(request)).filter(pk=row.site_id).exists():
        raise _no_site(person(request), row.site_id)
    return {"id": row.pk, "name": row.name, "used": row.used_at is not None, "robot": row.robot_id}


@router.get("audit")
def audit_log(
    request: HttpRequest,
    page: Annotated[int, Query(ge=1)] = 1,
    page_size: Annotated[int, Query(ge=1, le=200)] = 50,
    actor: str = "",
    subject: str = "",
    act: str = "",
    format: Literal["json", "csv"] = "json",
) -> Any:
    who = person(request)
    organisations = Membership.objects.filter(person=who, role=Role.ADMIN, site=None).values("organisation")
    if not organisations.exists():
        raise Refused("forbidden", "Only administrators of an organisation read its audit log.")
    rows = AuditEntry.objects.filter(organisation__in=organisations)
    rows = rows.filter(actor__icontains=actor, subject__icontains=subject, act__icontains=act)
    if format == "csv":
        return _csv(rows[:50_000])
    chosen = Paginator(rows, page_size).get_page(page)
    return {
        "page": chosen.number,
        "pages": chosen.paginator.num_pages,
        "entries": [
            {"number": e.number, "at": e.at, "actor": e.actor, "act": e.act, "subject": e.subject, "detail": e.detail}
            for e in chosen
        ],
    }


def _csv(rows: Any) -> HttpResponse:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("number", "at", "actor", "act", "subject", "detail", "chain"))
    for entry in rows:
        cells = (entry.actor, entry.act, entry.subject, str(entry.detail))
        writer.writerow((entry.number, entry.at.isoformat(), *(_plain(cell) for cell in cells), entry.chain))
    response = HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="audit.csv"'
    return response


def _plain(cell: str) -> str:
    """Spreadsheets run cells that begin like a formula."""
    return f"'{cell}" if cell[:1] in "=+-@\t\r" else cell


def administered_sites(who: Person) -> Any:
    return _sites(Membership.objects.filter(person=who, role=Role.ADMIN))


def known_sites(who: Person) -> Any:
    """Sites at which the person has any role."""
    return _sites(Membership.objects.filter(person=who))


def _sites(memberships: Any) -> Any:
    everywhere = memberships.filter(site=None).values("organisation")
    here = memberships.exclude(site=None).values("site")
    return Site.objects.filter(organisation__in=everywhere) | Site.objects.filter(pk__in=here)
