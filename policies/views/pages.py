"""The pages of trainings and policies, pictures of samples, archives of policies."""

from __future__ import annotations

import asyncio
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from episodes import media
from episodes.api.access import person
from fleet import audit
from fleet.edge import NOT_FOUND, SIGN_IN, page_404, refusal
from fleet.models import Person
from policies.api.policies import find_policy, may_change
from policies.api.trainings import find_training
from policies.learning.folder import CALIBRATION
from policies.learning.zoo.describe import files_of
from policies.models import PolicyVersion
from policies.reading.trainings import picture
from protocol.errors import Refused

_PIECE = 256 * 1024
_BLOCK = 512  # of a tar file


@require_safe
@login_required
def trainings(request: HttpRequest) -> HttpResponse:
    return render(request, "policies/trainings.html")


@require_safe
@login_required
def compare(request: HttpRequest) -> HttpResponse:
    return render(request, "policies/compare.html")


@require_safe
@login_required
def training(request: HttpRequest, id: str) -> HttpResponse:
    try:
        found = find_training(person(request), id)
    except Refused:
        return page_404(request)
    return render(request, "policies/training.html", {"training": found.pk, "name": found.name})


@require_safe
@login_required
def policies(request: HttpRequest) -> HttpResponse:
    return render(request, "policies/policies.html")


@require_safe
@login_required
def policy(request: HttpRequest, id: str) -> HttpResponse:
    try:
        found = find_policy(person(request), id)
    except Refused:
        return page_404(request)
    return render(request, "policies/policy.html", {"policy": found.pk, "name": found.shown})


@require_safe
async def sample(request: HttpRequest, id: str, frame: int, camera: str) -> HttpResponseBase:
    who = await request.auser()
    if not isinstance(who, Person):
        return refusal(SIGN_IN)
    try:
        found = await sync_to_async(find_training)(who, id)
    except Refused as refused:
        return refusal(refused)
    path = picture(found, frame, camera)
    if not await asyncio.to_thread(path.exists):
        return refusal(NOT_FOUND)
    return await media.serve(request, path, "image/jpeg", f"{found.pk}.{frame}.{camera}")


@require_safe
async def archive(request: HttpRequest, id: str) -> HttpResponseBase:
    """The policy's folder as one tar file without compression, as an import takes it; who took it is noted."""
    who = await request.auser()
    if not isinstance(who, Person):
        return refusal(SIGN_IN)
    try:
        found = await sync_to_async(_exported)(who, id)
        entries = await asyncio.to_thread(_entries, found)
        if request.method == "GET":
            await sync_to_async(_note)(who, found)
    except Refused as refused:
        return refusal(refused)
    size = sum(len(_header(entry)) + -(-entry.size // _BLOCK) * _BLOCK for _, entry in entries) + 2 * _BLOCK
    headers = {
        "Content-Length": str(size),
        "Content-Disposition": f'attachment; filename="{_plain(found.name)}-{found.number}.tar"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-store",
    }
    return StreamingHttpResponse(_packed(entries), content_type="application/x-tar", headers=headers)


def _exported(who: Person, id: str) -> PolicyVersion:
    """Weights tell much of what they learnt from: who may see a policy and run it may not take them away."""
    found = find_policy(who, id)
    if not may_change(who, id):
        sentence = "Weights are taken away by engineers of the whole organisation only. Ask an administrator."
        raise Refused("forbidden", sentence)
    return found


def _note(who: Person, policy: PolicyVersion) -> None:
    audit.append(who.shown, "policy_exported", policy.pk, policy.organisation_id, name=policy.shown, sha256=policy.sha256)


def _plain(name: str) -> str:
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name.lower()).strip("-") or "policy"


def _entries(policy: PolicyVersion) -> list[tuple[Path, tarfile.TarInfo]]:
    """Every file that an import of it needs.  Refused: as by `files_of`, `policy_missing`."""
    found = []
    for name in (*files_of(policy.folder), CALIBRATION):
        path = policy.folder / name
        if not path.exists() and name == CALIBRATION:
            continue
        if not path.exists():
            raise Refused("policy_missing", f"{name} of {policy} is gone. Bring the policies back from a backup.")
        entry = tarfile.TarInfo(f"{_plain(policy.name)}-{policy.number}/{name}")
        entry.size, entry.mode, entry.mtime = path.stat().st_size, 0o644, int(policy.made_at.timestamp())
        found.append((path, entry))
    return found


def _header(entry: tarfile.TarInfo) -> bytes:
    """A long name takes several blocks."""
    return entry.tobuf(tarfile.GNU_FORMAT)


async def _packed(entries: list[tuple[Path, tarfile.TarInfo]]) -> AsyncIterator[bytes]:
    for path, entry in entries:
        yield _header(entry)
        file = await asyncio.to_thread(open, path, "rb")
        try:
            while piece := await asyncio.to_thread(file.read, _PIECE):
                yield piece
        finally:
            file.close()
        yield b"\0" * (-entry.size % _BLOCK)
    yield b"\0" * (2 * _BLOCK)
