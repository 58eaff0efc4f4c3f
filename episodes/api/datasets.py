"""The JSON API of datasets: make, choose, freeze, compare."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest
from django.urls import reverse
from ninja import Query, Router

from episodes.api.access import find, person, rows, sent
from episodes.data.manifest import Manifest
from episodes.models import Dataset, DatasetVersion, VersionEpisode
from episodes.reading import datasets as reading
from episodes.reading import library
from episodes.reading.episodes import strip
from episodes.schemas.datasets import (
    Changes,
    DatasetChange,
    DatasetDetail,
    DatasetRow,
    DraftPage,
    Freeze,
    Lineage,
    Membership,
    NewDataset,
    Picked,
    Picks,
    VersionRow,
)
from episodes.services import datasets as services
from fleet.access import Ability, roles_with
from fleet.edge import not_found
from fleet.models import Membership as Role
from fleet.models import Organisation, Person, Site, is_id
from protocol.errors import Refused

router = Router(tags=["datasets"])


def find_dataset(who: Person, id: str, ability: Ability = "see") -> Dataset:
    """404 for what one may not see, 403 where only the right is missing."""
    seen = Dataset.objects.for_person(who, roles_with("see")).select_related("organisation", "site", "made_by")
    dataset = seen.filter(pk=id).first() if is_id(id) else None
    if dataset is None:
        raise not_found()
    if ability != "see" and not Dataset.objects.for_person(who, roles_with(ability)).filter(pk=id).exists():
        raise Refused("forbidden", "Your role does not allow this for this dataset. Ask an administrator.")
    return dataset


def find_version(dataset: Dataset, number: int) -> DatasetVersion:
    found = dataset.versions.described().filter(number=number).first()
    if found is None:
        raise not_found()
    return found


@router.get("datasets", response=list[DatasetRow])
def list_datasets(request: HttpRequest, removed: bool = False) -> list[dict[str, Any]]:
    found = Dataset.objects.for_person(person(request), roles_with("see")).select_related("organisation", "site", "made_by")
    return [reading.head(dataset) for dataset in (found.exclude(removed_at=None) if removed else found.present())]


@router.post("datasets", response=DatasetDetail)
def make_dataset(request: HttpRequest, body: NewDataset) -> dict[str, Any]:
    who = person(request)
    organisation, site = _place(who, body)
    values = body.dict(include={"description", "follows", "query"})
    return _detail(who, services.make(who, organisation, site, " ".join(body.name.split()), **values))


def _place(who: Person, body: NewDataset) -> tuple[Organisation, Site | None]:
    """Where the new dataset belongs; `Refused("forbidden")`, `Refused("which_organisation")`, `Refused("which_site")`."""
    roles = Role.objects.filter(person=who, role__in=roles_with("curate"))
    if body.site is not None:
        site = Site.objects.select_related("organisation").filter(pk=body.site).first()
        if site is None or site.pk not in library.sites(who):
            raise not_found()
        if site.pk not in library.sites(who, "curate"):
            raise Refused("forbidden", "Your role does not allow datasets at this site. Ask an administrator.")
        return site.organisation, site
    whole = list(Organisation.objects.filter(pk__in=roles.filter(site=None).values("organisation")).order_by("name"))
    wanted = [one for one in whole if body.organisation in (None, one.pk)]
    if not wanted:
        here = library.sites(who, "curate")
        if here:
            raise Refused("which_site", "Your role is for some sites only. Name the site of the dataset.", sites=here)
        raise Refused("forbidden", "Your role does not allow datasets. Ask an administrator.")
    if len(wanted) > 1:
        raise Refused(
            "which_organisation", "You belong to several organisations. Name the one.", organisations=[o.pk for o in wanted]
        )
    return wanted[0], None


@router.get("datasets/{id}", response=DatasetDetail)
def one_dataset(request: HttpRequest, id: str) -> dict[str, Any]:
    return _detail(person(request), find_dataset(person(request), id))


@router.patch("datasets/{id}", response=DatasetDetail)
def change_dataset(request: HttpRequest, id: str, body: DatasetChange) -> dict[str, Any]:
    dataset = find_dataset(person(request), id, "curate")
    services.change(dataset, body.version, sent(body, "a name or a filter"), person(request))
    return _detail(person(request), dataset)


@router.delete("datasets/{id}", response=DatasetDetail)
def remove_dataset(request: HttpRequest, id: str, version: int) -> dict[str, Any]:
    dataset = find_dataset(person(request), id, "curate")
    services.remove(dataset, version, person(request))
    return _detail(person(request), dataset)


@router.post("datasets/{id}/restore", response=DatasetDetail)
def restore_dataset(request: HttpRequest, id: str) -> dict[str, Any]:
    dataset = find_dataset(person(request), id, "curate")
    services.restore(dataset, person(request))
    return _detail(person(request), dataset)


@router.post("datasets/{id}/picks", response=Picked)
def pick_episodes(request: HttpRequest, id: str, body: Picks) -> dict[str, Any]:
    dataset = find_dataset(person(request), id, "curate")
    undo = services.pick(dataset, dict(body.picks), person(request))
    return {"picked": len(undo), "episodes": services.draft(dataset).count(), "undo": undo}


@router.get("datasets/{id}/draft", response=DraftPage)
def draft_episodes(
    request: HttpRequest,
    id: str,
    after: Annotated[str, Query(max_length=200)] = "",
    size: Annotated[int, Query(ge=1, le=200)] = 60,
    taken_out: bool = False,
) -> dict[str, Any]:
    """What the draft holds now; with `taken_out` what a hand took out of it."""
    dataset = find_dataset(person(request), id)
    picks = dict(dataset.picks.values_list("episode_id", "kind"))
    gone = [id for id, kind in picks.items() if kind == "removed"]
    members = services.choosable(dataset).filter(pk__in=gone) if taken_out else services.draft(dataset)
    episodes, following = library.page(members, "newest", after, size)
    shown = zip(rows(person(request), episodes), episodes, strict=True)
    more = [row | {"task": one.task, "strip": strip(one), "picked": picks.get(one.pk, "")} for row, one in shown]
    return {"items": more, "next": following}


@router.post("datasets/{id}/versions", response=VersionRow)
def freeze_draft(request: HttpRequest, id: str, body: Freeze) -> dict[str, Any]:
    dataset = find_dataset(person(request), id, "curate")
    if dataset.version != body.version:
        raise Refused(
            "stale_version", "Somebody changed this dataset meanwhile. Look at it again, then freeze.",
            current={"version": dataset.version, "query": dataset.query},
        )  # fmt: skip
    return reading.version_row(services.freeze(dataset, body.reason.strip(), person(request)))


@router.get("datasets/{id}/versions/{number}", response=Lineage)
def one_version(request: HttpRequest, id: str, number: int) -> dict[str, Any]:
    return reading.lineage(find_version(find_dataset(person(request), id), number))


@router.get("datasets/{id}/changes", response=Changes)
def changes(request: HttpRequest, id: str, before: str, after: str) -> dict[str, Any]:
    dataset = find_dataset(person(request), id)
    return reading.changes(_content(dataset, before), _content(dataset, after))


@router.get("datasets/{id}/statistics", response=dict[str, Any])
def statistics(request: HttpRequest, id: str, of: str = "draft") -> dict[str, Any]:
    return reading.statistics_of(_content(find_dataset(person(request), id), of))


def _content(dataset: Dataset, name: str) -> Manifest:
    """The manifest of "draft" or of a version's number."""
    if name == "draft":
        return services.manifest_of(dataset)
    if not name.isdecimal() or len(name) > 6:
        raise Refused("invalid_field:of", "Name a version by its number, or say draft.")
    return find_version(dataset, int(name)).content()


@router.get("episodes/{id}/datasets", response=list[Membership])
def datasets_of_episode(request: HttpRequest, id: str) -> list[dict[str, Any]]:
    who = person(request)
    episode = find(who, id)
    seen = {dataset.pk: dataset for dataset in Dataset.objects.for_person(who, roles_with("see")).present()}
    numbers: dict[str, list[int]] = {}
    inside = VersionEpisode.objects.filter(episode=episode.pk, version__dataset__in=seen).order_by("version__number")
    for owner, number in inside.values_list("version__dataset", "version__number"):
        numbers.setdefault(owner, []).append(number)
    found = []
    for id, dataset in seen.items():
        draft = services.draft(dataset).filter(pk=episode.pk).exists()
        if draft or id in numbers:
            url = reverse("datasets:one", args=[id])
            found.append({"dataset": id, "name": dataset.name, "url": url, "numbers": numbers.get(id, []), "draft": draft})
    return found


def _detail(who: Person, dataset: Dataset) -> dict[str, Any]:
    may = Dataset.objects.for_person(who, roles_with("curate")).filter(pk=dataset.pk).exists()
    return reading.detail(dataset, may)
