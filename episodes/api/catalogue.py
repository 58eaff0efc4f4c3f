"""The JSON API of the library: find among all episodes, see what they add up to, label many at once."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router

from episodes import filters
from episodes.api.access import person, rows
from episodes.models import BulkChange, Episode, SavedFilter
from episodes.reading import library
from episodes.reading.episodes import strip
from episodes.schemas.catalogue import Choices, Counts, Group, Ids, Label, Labelled, LibraryPage, NewFilter, Saved, Undo
from episodes.services import bulk
from episodes.services.datasets import MOST_EPISODES
from fleet.edge import not_found
from protocol.errors import Refused

router = Router(tags=["library"])
MOST_SAVED = 50
_NOT_FILTERS = ("sort", "after", "size", "by")


@router.get("library", response=LibraryPage)
def find_episodes(
    request: HttpRequest,
    sort: library.Sort = "newest",
    after: Annotated[str, Query(max_length=200)] = "",
    size: Annotated[int, Query(ge=1, le=200)] = 60,
) -> dict[str, Any]:
    who, found = person(request), filters.read(request.GET, _NOT_FILTERS)
    episodes, following = library.page(library.chosen(library.sites(who), found), sort, after, size)
    shown = zip(rows(who, episodes), episodes, strict=True)
    items = [row | {"task": episode.task, "strip": strip(episode)} for row, episode in shown]
    return {"items": items, "next": following, "query": filters.text(found)}


@router.get("library/counts", response=Counts)
def count_episodes(request: HttpRequest) -> dict[str, Any]:
    return library.counts(library.sites(person(request)), filters.read(request.GET, _NOT_FILTERS))


@router.get("library/groups", response=list[Group])
def group_episodes(request: HttpRequest, by: library.By) -> list[dict[str, Any]]:
    return library.groups(library.sites(person(request)), filters.read(request.GET, _NOT_FILTERS), by)


@router.get("library/choices", response=Choices)
def filter_choices(request: HttpRequest) -> dict[str, Any]:
    who = person(request)
    may = {"may_label": bool(library.sites(who, "review")), "may_curate": bool(library.sites(who, "curate"))}
    return library.choices(library.sites(who), who) | may


@router.get("library/ids", response=Ids)
def all_ids(request: HttpRequest) -> dict[str, Any]:
    found = library.chosen(library.sites(person(request)), filters.read(request.GET, _NOT_FILTERS))
    ids = list(found.order_by("-started_at", "-pk").values_list("pk", flat=True)[: MOST_EPISODES + 1])
    if len(ids) > MOST_EPISODES:
        raise Refused("too_many", f"More than {MOST_EPISODES} match. Narrow the filter first.")
    return {"ids": ids}


@router.post("library/label", response=Labelled)
def label_episodes(request: HttpRequest, body: Label) -> dict[str, Any]:
    who, ids = person(request), set(body.ids)
    seen = Episode.objects.filter(pk__in=ids, site__in=library.sites(who))
    if seen.count() != len(ids):
        raise not_found()
    mine = seen.filter(site__in=library.sites(who, "review"))
    if mine.count() != len(ids):
        raise Refused("forbidden", "Your role does not allow this for all of these episodes. Ask an administrator.")
    values = body.dict(include={"outcome", "failure", "quality"}, exclude_none=True)
    if not (values or body.add_tags or body.remove_tags):
        raise Refused("nothing_to_change", "Name an outcome, a quality or a tag.")
    return _labelled(bulk.label(mine, values, body.add_tags, body.remove_tags, who))


@router.post("library/undo", response=Labelled)
def undo_label(request: HttpRequest, body: Undo) -> dict[str, Any]:
    change = BulkChange.objects.filter(pk=body.undo, person=person(request)).first()
    if change is None:
        raise not_found()
    allowed = Episode.objects.filter(pk__in=change.before, site__in=library.sites(person(request), "review"))
    if allowed.count() != len(change.before):
        raise Refused("forbidden", "Your role does not allow this for all of these episodes any more.")
    return _labelled(bulk.undo(change, person(request)))


def _labelled(done: bulk.Done) -> dict[str, Any]:
    skipped = [{"id": id, "sentence": sentence} for id, sentence in done.skipped.items()]
    return {"changed": done.changed, "skipped": skipped, "undo": done.undo}


@router.get("library/filters", response=list[Saved])
def saved_filters(request: HttpRequest) -> Any:
    return SavedFilter.objects.filter(person=person(request))


@router.post("library/filters", response=list[Saved])
def save_filter(request: HttpRequest, body: NewFilter) -> Any:
    """Under a name that is there already it takes the place of that one."""
    mine = SavedFilter.objects.filter(person=person(request))
    name = " ".join(body.name.split())
    if mine.exclude(name=name).count() >= MOST_SAVED:
        raise Refused("too_many", f"You keep {MOST_SAVED} filters already. Remove one first.")
    query = filters.text(filters.read(body.query, _NOT_FILTERS))
    SavedFilter.objects.update_or_create(person=person(request), name=name, defaults={"query": query})
    return mine


@router.delete("library/filters/{id}", response=list[Saved])
def forget_filter(request: HttpRequest, id: str) -> Any:
    mine = SavedFilter.objects.filter(person=person(request))
    if not mine.filter(pk=id).delete()[0]:
        raise not_found()
    return mine
