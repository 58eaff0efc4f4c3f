"""The JSON API by which robots bring episodes, by a bearer token."""

from __future__ import annotations

from typing import Annotated, Any, cast

from django.http import HttpRequest
from ninja import Query, Router
from ninja.security import HttpBearer

from episodes import tokens
from episodes.reading import episodes as reading
from episodes.schemas.episodes import PieceKept, UploadStart, UploadState
from episodes.services import uploads as services
from fleet.models import Robot
from protocol.episode import FileHash
from protocol.errors import Refused

router = Router(tags=["uploads"])


class RobotToken(HttpBearer):
    """`request.auth` is then the robot."""

    def authenticate(self, request: HttpRequest, token: str) -> Robot:
        return tokens.check(token)


robot_only = RobotToken()


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
