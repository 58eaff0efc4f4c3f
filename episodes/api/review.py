"""The JSON API of reviewing, for people by their session."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router

from episodes import filters
from episodes.api.access import detail, find, person, sent, unseen_by
from episodes.models import Episode, Mark
from episodes.reading import episodes as reading
from episodes.reading import library
from episodes.schemas.episodes import EpisodeDetail
from episodes.schemas.review import (
    Beside,
    InstructionShown,
    Kinds,
    KindsChange,
    MarkChange,
    MarkMade,
    MarkShown,
    NextReview,
    Reviews,
    SecondLook,
)
from episodes.services import marks, review, taxonomy
from fleet.access import roles_with
from fleet.edge import not_found
from fleet.models import Membership, Organisation
from protocol.errors import Refused

router = Router(tags=["review"])


@router.get("reviews/next", response=NextReview)
def next_review(request: HttpRequest, after: Annotated[str, Query(max_length=32)] = "") -> dict[str, Any]:
    who = person(request)
    seen = find(who, after) if after else None
    among = library.chosen(library.sites(who, "review"), filters.read(request.GET, ("after",)))
    found, left = review.next_to_review(among, who, seen)
    return {"url": reading.page(found), "id": found.pk, "left": left} if found else {"url": "", "id": "", "left": left}


@router.get("episodes/{id}/beside", response=Beside)
def episodes_beside(request: HttpRequest, id: str) -> dict[str, Any]:
    who = person(request)
    among = library.chosen(library.sites(who), filters.read(request.GET))
    newer, older, after = library.beside(among, find(who, id))
    return {"newer": newer, "older": older, "after": after}


@router.get("episodes/{id}/reviews", response=Reviews)
def episode_reviews(request: HttpRequest, id: str) -> dict[str, Any]:
    who = person(request)
    episode = find(who, id)
    return reading.reviews(episode, who, bool(unseen_by(who, [episode])))


@router.post("episodes/{id}/reviews", response=EpisodeDetail)
def second_look(request: HttpRequest, id: str, body: SecondLook) -> dict[str, Any]:
    episode = find(person(request), id, "review")
    review.second(episode, body.version, body.dict(exclude={"version"}), person(request))
    return detail(person(request), episode)


@router.get("episodes/{id}/marks", response=list[MarkShown])
def episode_marks(request: HttpRequest, id: str) -> list[dict[str, Any]]:
    return [reading.mark(mark) for mark in find(person(request), id).marks.select_related("person")]


@router.post("episodes/{id}/marks", response=MarkShown)
def add_mark(request: HttpRequest, id: str, body: MarkMade) -> dict[str, Any]:
    episode = find(person(request), id, "review")
    return reading.mark(marks.add(episode, body.dict(), person(request)))


@router.patch("episodes/{id}/marks/{mark}", response=MarkShown)
def change_mark(request: HttpRequest, id: str, mark: int, body: MarkChange) -> dict[str, Any]:
    values = sent(body, "the name of the mark")
    found = _mark(find(person(request), id, "review"), mark)
    marks.change(found, body.version, values, person(request))
    return reading.mark(found)


@router.delete("episodes/{id}/marks/{mark}", response={204: None})
def remove_mark(request: HttpRequest, id: str, mark: int) -> tuple[int, None]:
    marks.remove(_mark(find(person(request), id, "review"), mark), person(request))
    return 204, None


@router.get("episodes/{id}/instructions", response=list[InstructionShown])
def episode_instructions(request: HttpRequest, id: str) -> list[dict[str, Any]]:
    return reading.instructions(find(person(request), id))


@router.get("organisations/{id}/failure-kinds", response=Kinds)
def failure_kinds(request: HttpRequest, id: int) -> dict[str, Any]:
    kinds, version = taxonomy.failures(_organisation(request, id, "see").pk)
    return {"kinds": kinds, "version": version}


@router.put("organisations/{id}/failure-kinds", response=Kinds)
def change_failure_kinds(request: HttpRequest, id: int, body: KindsChange) -> dict[str, Any]:
    wanted = [(kind.name, kind.was) for kind in body.kinds]
    kinds, version = taxonomy.replace(_organisation(request, id, "curate"), body.version, wanted, person(request))
    return {"kinds": kinds, "version": version}


def _mark(episode: Episode, id: int) -> Mark:
    found = episode.marks.select_related("person", "episode").filter(pk=id).first() if abs(id) < 2**63 else None
    if found is None:
        raise not_found()
    return found


def _organisation(request: HttpRequest, id: int, ability: Any) -> Organisation:
    """404 for whoever belongs to no or one site of it, 403 where only the right is missing."""
    memberships = Membership.objects.filter(person=person(request), organisation=id if abs(id) < 2**31 else None, site=None)
    found = memberships.select_related("organisation").first()
    if found is None:
        raise not_found()
    if not memberships.filter(role__in=roles_with(ability)).exists():
        raise Refused("forbidden", f"Your role does not allow this at {found.organisation}. Ask an administrator.")
    return found.organisation
