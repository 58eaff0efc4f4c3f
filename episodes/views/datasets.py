"""The pages of datasets, and the archives that people download."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from episodes import media, storage
from episodes.api.access import person
from episodes.api.datasets import find_dataset
from episodes.models import DatasetJob
from fleet.edge import NOT_FOUND, SIGN_IN, page_404, refusal
from fleet.models import Person
from protocol.errors import Refused


@require_safe
@login_required
def datasets(request: HttpRequest) -> HttpResponse:
    return render(request, "datasets/list.html")


@require_safe
@login_required
def dataset(request: HttpRequest, id: str) -> HttpResponse:
    try:
        found = find_dataset(person(request), id)
    except Refused:
        return page_404(request)
    return render(request, "datasets/one.html", {"dataset": found.pk, "name": found.name})


@require_safe
async def archive(request: HttpRequest, id: str, job: str) -> HttpResponseBase:
    """The whole archive, or any range of it, so that a download that broke off goes on."""
    who = await request.auser()
    if not isinstance(who, Person):
        return refusal(SIGN_IN)
    try:
        found = await sync_to_async(_find)(who, id, job)
    except Refused as refused:
        return refusal(refused)
    if found is None:
        return refusal(NOT_FOUND)
    response = await media.serve(
        request, storage.export(found.pk), "application/x-tar", str(found.result["sha256"])[:32], whole_ranges=True
    )
    response["Content-Disposition"] = f'attachment; filename="{found.result["name"]}"'
    return response


def _find(who: Person, id: str, job: str) -> DatasetJob | None:
    dataset = find_dataset(who, id)
    return DatasetJob.objects.filter(pk=job, version__dataset=dataset, kind="export", state="done").first()
