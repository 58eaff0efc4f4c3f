"""The pages of campaigns."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from episodes.api.access import person
from episodes.api.campaigns import find
from fleet.edge import page_404
from protocol.errors import Refused


@require_safe
@login_required
def campaigns(request: HttpRequest) -> HttpResponse:
    return render(request, "episodes/campaigns.html")


@require_safe
@login_required
def campaign(request: HttpRequest, id: str) -> HttpResponse:
    try:
        found = find(person(request), id)
    except Refused:
        return page_404(request)
    return render(request, "episodes/campaign.html", {"campaign": found})
