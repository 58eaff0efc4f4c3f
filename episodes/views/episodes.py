"""The pages of episodes, and their files for the player."""

from __future__ import annotations

import asyncio
from pathlib import Path

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from episodes import media, storage
from episodes.api.access import find, person
from episodes.models import Episode
from fleet.edge import NOT_FOUND, SIGN_IN, page_404, refusal
from fleet.models import Person
from protocol.episode_folder import video_path
from protocol.errors import Refused


@require_safe
@login_required
def episodes(request: HttpRequest) -> HttpResponse:
    return render(request, "episodes/list.html")


@require_safe
@login_required
def player(request: HttpRequest, id: str) -> HttpResponse:
    try:
        episode = find(person(request), id)
    except Refused:
        return page_404(request)
    return render(request, "episodes/player.html", {"episode": episode.pk, "number": episode.number})


@require_safe
async def video(request: HttpRequest, id: str, camera: str) -> HttpResponseBase:
    episode = await _found(request, id)
    if not isinstance(episode, Episode):
        return episode
    if camera not in episode.meta["cameras"]:
        return refusal(NOT_FOUND)
    name = video_path(camera)
    sha256 = episode.meta["files"][name]["sha256"]
    source = await asyncio.to_thread(storage.source, id, name)
    try:
        return await media.serve(request, source, "video/mp4", sha256[:32])
    except Refused as refused:  # the object store does not answer
        return refusal(refused)


@require_safe
async def columns(request: HttpRequest, id: str) -> HttpResponseBase:
    return await _derived(request, id, storage.COLUMNS, "application/octet-stream")


@require_safe
async def poster(request: HttpRequest, id: str) -> HttpResponseBase:
    return await _derived(request, id, storage.POSTER, "image/jpeg")


@require_safe
async def strip(request: HttpRequest, id: str) -> HttpResponseBase:
    return await _derived(request, id, storage.STRIP, "image/jpeg")


async def _derived(request: HttpRequest, id: str, name: str, kind: str) -> HttpResponseBase:
    episode = await _found(request, id)
    if not isinstance(episode, Episode):
        return episode
    path: Path = storage.derived(id) / name
    return await media.serve(request, path, kind, f"{id}-{episode.fence}-{name}")


async def _found(request: HttpRequest, id: str) -> Episode | HttpResponse:
    who = await request.auser()
    if not isinstance(who, Person):
        return refusal(SIGN_IN)
    try:
        return await sync_to_async(find)(who, id)
    except Refused as refused:
        return refusal(refused)
