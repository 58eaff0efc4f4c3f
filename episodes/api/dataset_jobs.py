"""The JSON API of long work on dataset versions: begin an export or a proof, look how far it is, end it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from episodes.api.access import person
from episodes.api.datasets import find_dataset, find_version
from episodes.models import DatasetJob
from episodes.reading import datasets as reading
from episodes.schemas.datasets import Job, NewJob
from episodes.services import dataset_jobs as services
from fleet.edge import not_found

router = Router(tags=["datasets"])


@router.get("datasets/{id}/jobs", response=list[Job])
def list_jobs(request: HttpRequest, id: str) -> list[dict[str, Any]]:
    return [reading.job(job) for job in reading.jobs_of(find_dataset(person(request), id))]


@router.post("datasets/{id}/versions/{number}/jobs", response=Job)
def begin_job(request: HttpRequest, id: str, number: int, body: NewJob) -> dict[str, Any]:
    version = find_version(find_dataset(person(request), id, "curate"), number)
    return reading.job(services.ask(version, body.kind, person(request)))


@router.post("datasets/{id}/jobs/{job}/cancel", response=Job)
def cancel_job(request: HttpRequest, id: str, job: str) -> dict[str, Any]:
    dataset = find_dataset(person(request), id, "curate")
    found = DatasetJob.objects.select_related("version__dataset").filter(pk=job, version__dataset=dataset).first()
    if found is None:
        raise not_found()
    return reading.job(services.cancel(found, person(request)))
