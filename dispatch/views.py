"""The pages of tasks, runs and help; what is live in them comes from the API."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dispatch.api.access import find_request, find_run
from fleet.api import person
from fleet.edge import page_404
from protocol.errors import Refused


@require_safe
@login_required
def tasks(request: HttpRequest) -> HttpResponse:
    return render(request, "dispatch/tasks.html")


@require_safe
@login_required
def new_task(request: HttpRequest) -> HttpResponse:
    return render(request, "dispatch/new_task.html")


@require_safe
@login_required
def run(request: HttpRequest, id: str) -> HttpResponse:
    return _of(request, find_run, id, "dispatch/run.html")


@require_safe
@login_required
def help_queue(request: HttpRequest) -> HttpResponse:
    return render(request, "dispatch/help.html")


@require_safe
@login_required
def help_one(request: HttpRequest, id: str) -> HttpResponse:
    return _of(request, find_request, id, "dispatch/help_one.html")


def _of(request: HttpRequest, find: Any, id: str, template: str) -> HttpResponse:
    try:
        return render(request, template, {"row": find(person(request), id)})
    except Refused:
        return page_404(request)
