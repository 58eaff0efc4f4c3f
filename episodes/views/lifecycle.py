"""The page of data and privacy: how long is kept, what has to go."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from episodes.api.access import person
from episodes.api.lifecycle import administered


@login_required
@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    if not administered(person(request)):
        raise PermissionDenied("Only administrators of an organisation see what it keeps.")
    return render(request, "episodes/privacy.html")
