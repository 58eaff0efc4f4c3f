"""The cockpit's page; everything live in it comes over the socket and the peer connection."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from fleet.access import robots_for
from fleet.api import person
from fleet.models import is_id


@login_required
@require_safe
def cockpit(request: HttpRequest, robot: str) -> HttpResponse:
    if not is_id(robot):
        raise Http404
    row = get_object_or_404(robots_for(person(request)).working().select_related("site"), pk=robot)
    return render(request, "teleop/cockpit.html", {"robot": row})
