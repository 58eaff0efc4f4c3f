"""The JSON API of episodes, for people by their session."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router

from episodes.api.access import detail, find, person, rows, sent, visible
from episodes.reading import episodes as reading
from episodes.schemas.episodes import EpisodeChange, EpisodeDetail, EpisodeEvent, EpisodePage, Outcome, Status
from episodes.services import episodes as services

router = Router(tags=["episodes"])


@router.get("episodes", response=EpisodePage)
def list_episodes(
    request: HttpRequest,
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    page_size: Annotated[int, Query(ge=1, le=200)] = 50,
    outcome: Outcome | None = None,
    status: Status | None = None,
    robot: Annotated[str, Query(max_length=32)] = "",
    search: Annotated[str, Query(max_length=200)] = "",
    removed: bool = False,
) -> dict[str, Any]:
    all_of_them = visible(person(request))
    present = all_of_them.exclude(removed_at=None) if removed else all_of_them.present()
    chosen = present.matching(search)
    for column, value in (("outcome", outcome), ("status", status), ("robot", robot)):
        if value:
            chosen = chosen.filter(**{column: value})
    first = (page - 1) * page_size
    return {
        "items": rows(person(request), chosen[first : first + page_size]),
        "total": chosen.count(),
        "page": page,
        "page_size": page_size,
        "counts": reading.counts(present),
        "robots": reading.robots(present),
    }


@router.get("episodes/{id}", response=EpisodeDetail)
def one_episode(request: HttpRequest, id: str) -> dict[str, Any]:
    return detail(person(request), find(person(request), id))


@router.patch("episodes/{id}", response=EpisodeDetail)
def change_episode(request: HttpRequest, id: str, body: EpisodeChange) -> dict[str, Any]:
    episode = find(person(request), id, "review")
    services.change(episode, body.version, sent(body, "an outcome or an instruction"), person(request))
    return detail(person(request), episode)


@router.delete("episodes/{id}", response=EpisodeDetail)
def remove_episode(request: HttpRequest, id: str, version: int) -> dict[str, Any]:
    episode = find(person(request), id, "review")
    services.remove(episode, version, person(request))
    return detail(person(request), episode)


@router.post("episodes/{id}/restore", response=EpisodeDetail)
def restore_episode(request: HttpRequest, id: str) -> dict[str, Any]:
    episode = find(person(request), id, "review")
    services.restore(episode, person(request))
    return detail(person(request), episode)


@router.get("episodes/{id}/events", response=list[EpisodeEvent])
def episode_events(request: HttpRequest, id: str) -> list[dict[str, Any]]:
    return reading.events(find(person(request), id))
