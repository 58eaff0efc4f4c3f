"""The JSON API of trainings: begin one, watch it learn, end it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from episodes.api.access import person
from episodes.api.datasets import find_dataset, find_version
from episodes.models import DatasetVersion
from fleet.access import Ability, roles_with
from fleet.edge import not_found
from fleet.models import Person, is_id
from policies.api.policies import find_policy, seen_by
from policies.models import Training
from policies.reading import trainings as reading
from policies.schemas.policies import Place
from policies.schemas.trainings import Choices, Curves, NewTraining, Samples, TrainingDetail, TrainingRow
from policies.services import recipes
from policies.services import trainings as services
from protocol.errors import Refused

router = Router(tags=["trainings"])
MOST_ENDED = 100
MOST_CHOICES = 200


def find_training(who: Person, id: str, ability: Ability = "see") -> Training:
    """404 for what one may not see, 403 where only the right is missing."""
    found: Training | None = reading.visible(who, roles_with("see")).filter(pk=id).first() if is_id(id) else None
    if found is None:
        raise not_found()
    if ability != "see" and not Training.objects.for_person(who, roles_with(ability)).filter(pk=id).exists():
        raise Refused("forbidden", "Your role does not allow training on this dataset. Ask an administrator.")
    return found


@router.get("trainings", response=list[TrainingRow])
def list_trainings(request: HttpRequest) -> list[dict[str, Any]]:
    who = person(request)
    seen = reading.visible(who, roles_with("see"))
    ended = seen.exclude(state__in=("queued", "running")).order_by("-ended_at")[:MOST_ENDED]
    mine = set(Training.objects.for_person(who, roles_with("train")).open().values_list("pk", flat=True))
    return reading.rows_of([*seen.open(), *ended], mine)


@router.post("trainings", response=TrainingDetail)
def begin_training(request: HttpRequest, body: NewTraining) -> dict[str, Any]:
    who = person(request)
    version = find_version(find_dataset(who, body.dataset, "train"), body.version)
    base = find_policy(who, body.base) if body.base else None
    if base is not None and base.organisation_id != version.dataset.organisation_id:
        raise not_found()
    changes = body.dict(include=set(recipes.CHANGED))
    training = services.ask(version, base, body.recipe, body.name, changes, body.head, who)
    return _detail(who, training.pk)


@router.get("trainings/choices", response=Choices)
def choices(request: HttpRequest) -> dict[str, Any]:
    """What one may begin; nothing where one may begin none."""
    who = person(request)
    versions = (
        DatasetVersion.objects.described()
        .filter(state="frozen", dataset__in=Training.datasets_for(who, roles_with("train")))
        .order_by("-frozen_at")[:MOST_CHOICES]
    )
    return {
        "versions": [
            {"dataset": v.dataset_id, "version": v.number, "shown": str(v), "episodes": v.episodes, "kind": ""} for v in versions
        ],
        "bases": [
            {"id": p.pk, "shown": p.shown, "stage": p.stage, "kinds": p.kinds}
            for p in seen_by(who).usable().order_by("-made_at")[:MOST_CHOICES]
        ],
        "recipes": [
            {
                "name": r.name,
                "purpose": r.purpose,
                "needs_base": r.needs_base,
                "head": r.config.model.head,
                "learn": {name: getattr(r.config.learn, name) for name in recipes.CHANGED},
            }
            for r in recipes.recipes()
        ],
    }


@router.get("trainings/{id}", response=TrainingDetail)
def one_training(request: HttpRequest, id: str) -> dict[str, Any]:
    return _detail(person(request), id)


@router.get("trainings/{id}/curves", response=Curves)
def curves(request: HttpRequest, id: str, after: Place = 0) -> dict[str, Any]:
    return reading.curves(find_training(person(request), id), after)


@router.get("trainings/{id}/samples", response=Samples)
def samples(request: HttpRequest, id: str) -> dict[str, Any]:
    return reading.samples(find_training(person(request), id))


@router.post("trainings/{id}/cancel", response=TrainingDetail)
def cancel_training(request: HttpRequest, id: str) -> dict[str, Any]:
    who = person(request)
    services.cancel(find_training(who, id, "train"), who)
    return _detail(who, id)


def _detail(who: Person, id: str) -> dict[str, Any]:
    training = find_training(who, id)
    may = Training.objects.for_person(who, roles_with("train")).filter(pk=id).exists()
    return reading.detail(training, may, reading.visible(who, roles_with("see")))
