"""The JSON API of episodes: for people by their session, for uploading robots by a bearer token."""

from __future__ import annotations

from typing import Annotated, Any, cast

from django.http import HttpRequest
from ninja import Query, Router
from ninja.security import HttpBearer

from episodes import reading, services, tokens
from episodes.models import Episode, EpisodeQuerySet
from episodes.schemas import (
    EpisodeChange,
    EpisodeDetail,
    EpisodeEvent,
    EpisodePage,
    Outcome,
    PieceKept,
    Status,
    UploadStart,
    UploadState,
)
from fleet.access import Ability, roles_with
from fleet.edge import not_found
from fleet.models import Person, Robot, is_id
from protocol.episode import FileHash
from protocol.errors import Refused

router = Router(tags=["episodes"])


class RobotToken(HttpBearer):
    """`request.auth` is then the robot."""

    def authenticate(self, request: HttpRequest, token: str) -> Robot:
        return tokens.check(token)


robot_only = RobotToken()

# -- people ------------------------------------------------------------------------------------------------------------


def person(request: HttpRequest) -> Person:
    return cast(Person, request.user)


def visible(who: Person, ability: Ability = "see") -> EpisodeQuerySet:
    found = Episode.objects.for_person(who, roles_with(ability))
    return found.select_related("robot", "site", "organisation")


def find(who: Person, id: str, ability: Ability = "see") -> Episode:
    """404 for what one may not see, 403 where only the right is missing."""
    episode = visible(who).filter(pk=id).first() if is_id(id) else None
    if episode is None:
        raise not_found()
    if ability != "see" and not visible(who, ability).filter(pk=id).exists():
        raise Refused("forbidden", f"Your role does not allow this at {episode.site}. Ask an administrator.")
    return episode


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
        "items": [reading.row(episode) for episode in chosen[first : first + page_size]],
        "total": chosen.count(),
        "page": page,
        "page_size": page_size,
        "counts": reading.counts(present),
        "robots": reading.robots(present),
    }


@router.get("episodes/{id}", response=EpisodeDetail)
def one_episode(request: HttpRequest, id: str) -> dict[str, Any]:
    return _detail(request, find(person(request), id))


@router.patch("episodes/{id}", response=EpisodeDetail)
def change_episode(request: HttpRequest, id: str, body: EpisodeChange) -> dict[str, Any]:
    episode = find(person(request), id, "review")
    values = body.dict(exclude={"version"}, exclude_none=True)
    if not values:
        raise Refused("nothing_to_change", "Name an outcome or an instruction.")
    services.change(episode, body.version, values, person(request))
    return _detail(request, episode)


@router.delete("episodes/{id}", response=EpisodeDetail)
def remove_episode(request: HttpRequest, id: str, version: int) -> dict[str, Any]:
    episode = find(person(request), id, "review")
    services.remove(episode, version, person(request))
    return _detail(request, episode)


@router.post("episodes/{id}/restore", response=EpisodeDetail)
def restore_episode(request: HttpRequest, id: str) -> dict[str, Any]:
    episode = find(person(request), id, "review")
    services.restore(episode, person(request))
    return _detail(request, episode)


@router.get("episodes/{id}/events", response=list[EpisodeEvent])
def episode_events(request: HttpRequest, id: str) -> list[dict[str, Any]]:
    return reading.events(find(person(request), id))


def _detail(request: HttpRequest, episode: Episode) -> dict[str, Any]:
    who = person(request)
    may_review = visible(who, "review").filter(pk=episode.pk).exists()
    return reading.detail(episode, visible(who).present(), may_review)


# -- robots ------------------------------------------------------------------------------------------------------------


@router.post("uploads", auth=robot_only, response=UploadState)
def start_upload(request: HttpRequest, body: UploadStart) -> dict[str, Any]:
    files = {path: FileHash(file.bytes, file.sha256) for path, file in body.files.items()}
    return reading.upload(services.start_upload(_robot(request), body.episode, files))


@router.get("uploads/{id}", auth=robot_only, response=UploadState)
def upload_state(request: HttpRequest, id: str) -> dict[str, Any]:
    return reading.upload(services.upload_of(_robot(request), id))


@router.put("uploads/{id}/pieces", auth=robot_only, response=PieceKept)
def put_piece(
    request: HttpRequest,
    id: str,
    path: Annotated[str, Query(max_length=60)],
    offset: Annotated[int, Query(ge=0, le=2**40)],
) -> dict[str, Any]:
    if request.content_type != "application/octet-stream":
        raise Refused("content_type", "Send the bytes with Content-Type application/octet-stream.")
    upload = services.upload_of(_robot(request), id)
    sha256 = request.headers.get("X-Piece-SHA256", "")
    return {"path": path, "offset": services.keep_piece(upload, path, offset, sha256, request.body)}


@router.post("uploads/{id}/complete", auth=robot_only, response=UploadState)
def complete_upload(request: HttpRequest, id: str) -> dict[str, Any]:
    return reading.upload(services.complete(services.upload_of(_robot(request), id)))


def _robot(request: HttpRequest) -> Robot:
    return cast(Robot, request.auth)  # type: ignore[attr-defined]
