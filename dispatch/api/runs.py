"""The JSON API of runs: the row, what it does now, its trace, what the policy sees; going on, ending, judging."""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import Annotated, Any

import redis.exceptions
from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from dispatch import clips, newest, places, reading, traces
from dispatch.api.access import find_run, runs, sight
from dispatch.known import robot_of
from dispatch.models import Run
from dispatch.schemas import End, Judge, Resume, RunDetail
from dispatch.services import runs as services
from episodes.api.access import find as find_episode
from fleet import relay
from fleet.access import access
from fleet.api import person, robot_or_404
from fleet.edge import not_found, signed_in
from fleet.models import is_id
from protocol.errors import Refused

router = Router(tags=["runs"])
FRESH_S = 2.0  # an older picture is not what the policy sees


@router.get("robots/{id}/run", response=RunDetail | None)
def run_of_robot(request: HttpRequest, id: str) -> dict[str, Any] | None:
    """The run that has not ended."""
    robot = robot_or_404(request, id)
    found = runs(person(request)).filter(robot=robot).exclude(phase="ended").first()
    return reading.run_detail(found, sight(request)) if found else None


@router.get("episodes/{id}/run", response=RunDetail | None)
def run_of_episode(request: HttpRequest, id: str) -> dict[str, Any] | None:
    """The run that was recorded, where it was one."""
    episode = find_episode(person(request), id)
    found = runs(person(request)).filter(episode=episode.pk, robot=episode.robot_id).first()
    return reading.run_detail(found, sight(request)) if found else None


@router.get("runs/{id}", response=RunDetail)
def one_run(request: HttpRequest, id: str) -> dict[str, Any]:
    return reading.run_detail(find_run(person(request), id), sight(request))


@router.post("runs/{id}/resume", response=RunDetail)
def resume(request: HttpRequest, id: str, body: Resume) -> dict[str, Any]:
    run = find_run(person(request), id, "run")
    services.resume(run, person(request), body.doubt_off_s)
    return one_run(request, id)


@router.post("runs/{id}/end", response=RunDetail)
def end(request: HttpRequest, id: str, body: End) -> dict[str, Any]:
    run = find_run(person(request), id, "run")
    services.end(run, person(request), body.result, " ".join(body.reason.split()))
    return one_run(request, id)


@router.post("runs/{id}/judge", response=RunDetail)
def judge(request: HttpRequest, id: str, body: Judge) -> dict[str, Any]:
    run = find_run(person(request), id, "run")
    services.judge(run, body.version, person(request), body.result)
    return one_run(request, id)


# -- asked again and again: no query while the session and the run are known -------------------------------------------


async def _robot_seen(request: HttpRequest, id: str) -> str:
    """The run's robot; 404 unless the person may see it."""
    robot = await robot_of(id) if is_id(id) else ""
    if not robot or not await access.may(request.auth.uid, robot, "see"):  # type: ignore[attr-defined]
        raise not_found()
    return robot


@router.get("runs/{id}/live", auth=signed_in)
async def live(request: HttpRequest, id: str) -> HttpResponse:
    """Whether the robot is there, and the newest line of the trace; 304 while it is the one that the page has."""
    robot = await _robot_seen(request, id)
    raw = await newest.read(id) or b""
    online = bool(await relay.states([robot]))
    tag = f'"{_short(raw)}-{online:d}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if request.headers.get("If-None-Match") == tag:
        return HttpResponse(status=304, headers=headers)
    body = b'{"online":%s,"line":%s}' % (b"true" if online else b"false", raw.strip() or b"null")
    return HttpResponse(body, content_type="application/json", headers=headers)


@router.get("runs/{id}/trace", auth=signed_in)
async def trace(request: HttpRequest, id: str, at: Annotated[int, Query(ge=0, lt=2**40)] = 0) -> HttpResponse:
    """Lines from byte `at` on."""
    await _robot_seen(request, id)
    raw, following = await asyncio.to_thread(traces.piece, places.trace(id), at)
    headers = {"X-Next": str(following), "Cache-Control": "private, no-cache"}
    return HttpResponse(raw, content_type="application/x-ndjson", headers=headers)


@router.get("runs/{id}/picture.jpg", auth=signed_in)
async def picture(request: HttpRequest, id: str, camera: Annotated[str, Query(max_length=40)] = "") -> HttpResponse:
    """What the policy was shown last; while nobody asks it, the robot's own snapshot.  `X-Shown` says which."""
    robot = await _robot_seen(request, id)
    try:
        found = await clips.newest(robot)
        if found is not None and time.time_ns() - found[0] < FRESH_S * 1e9 and camera in found[1]:
            return _picture(request, found[1][camera], "policy", str(found[0]))
        await relay.want_snapshots([robot])
        jpeg = await relay.snapshot(robot, await _camera_number(id, camera))
    except (redis.exceptions.RedisError, OSError):
        jpeg = None
    if jpeg is None:
        raise Refused("not_found", "There is no picture of the last 10 seconds.")
    return _picture(request, jpeg, "snapshot", _short(jpeg))


async def _camera_number(id: str, camera: str) -> int | None:
    """Its place in the Embodiment."""

    def look() -> int | None:
        cameras = Run.objects.select_related("robot").get(pk=id).robot.embodiment.get("cameras", [])
        return next((number for number, one in enumerate(cameras) if one.get("name") == camera), None)

    return await sync_to_async(look)()


def _short(raw: bytes) -> str:
    return hashlib.blake2b(raw, digest_size=8).hexdigest()


def _picture(request: HttpRequest, jpeg: bytes, shown: str, tag: str) -> HttpResponse:
    headers = {"ETag": f'"{tag}"', "Cache-Control": "private, no-cache", "X-Shown": shown}
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return HttpResponse(status=304, headers=headers)
    return HttpResponse(jpeg, content_type="image/jpeg", headers=headers)
