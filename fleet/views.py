"""Pages of the fleet.  What they show live comes over sockets; these only say who may see them."""

from __future__ import annotations

import redis
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_safe

from fleet import relay
from fleet.api import administered_sites, person, robot_or_404
from fleet.edge import page_404
from fleet.models import Membership, Robot, Role
from protocol.errors import Refused


@login_required
@require_safe
def fleet(request: HttpRequest) -> HttpResponse:
    return render(request, "fleet/fleet.html")


@login_required
@require_safe
def new_robot(request: HttpRequest) -> HttpResponse:
    sites = administered_sites(person(request)).select_related("organisation")
    if not sites.exists():
        raise PermissionDenied("Only administrators add robots.")
    server = f"{request.scheme}://{request.get_host()}"
    return render(request, "fleet/new_robot.html", {"sites": sites, "server": server})


@login_required
@require_safe
def masks(request: HttpRequest, robot: str) -> HttpResponse:
    try:
        row = robot_or_404(request, robot, "administer")
    except Refused as refused:
        if refused.code == "forbidden":
            raise PermissionDenied(refused.sentence) from refused
        return page_404(request)
    return render(request, "fleet/masks.html", {"robot": row})


@login_required
@require_safe
def audit_log(request: HttpRequest) -> HttpResponse:
    if not Membership.objects.filter(person=person(request), role=Role.ADMIN, site=None).exists():
        raise PermissionDenied("Only administrators of an organisation read its audit log.")
    return render(request, "fleet/audit.html")


@require_GET
def healthz(request: HttpRequest) -> JsonResponse:
    """200 with database, redis and robots; 503 naming what fails.  Robots that are offline are not a failure of the site."""
    database, known = _database()
    answers, online = _redis(known)
    well = database == "ok" and answers == "ok"
    body = {"database": database, "redis": answers, "robots": {"known": len(known), "online": online}}
    return JsonResponse(body, status=200 if well else 503)


def _database() -> tuple[str, list[str]]:
    try:
        connection.ensure_connection()
        return "ok", list(Robot.objects.working().values_list("pk", flat=True))
    except Error as error:
        return f"failed: {type(error).__name__}", []


def _redis(robots: list[str]) -> tuple[str, int]:
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1) as client:
            client.ping()
            return "ok", int(client.exists(*(relay.key("state", robot) for robot in robots))) if robots else 0  # type: ignore[arg-type]
    except (redis.RedisError, OSError) as error:
        return f"failed: {type(error).__name__}", 0
