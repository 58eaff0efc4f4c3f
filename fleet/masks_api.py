"""The JSON API of privacy masks, for administrators."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import redis.exceptions
from asgiref.sync import async_to_sync
from django.http import HttpRequest
from ninja import Field, Router

from fleet import masks, relay
from fleet.api import person, robot_or_404
from fleet.edge import Strict
from fleet.models import Robot
from protocol.masks import MAX_CAMERAS, MAX_POINTS, MAX_REGIONS, Region

router = Router(tags=["privacy"])
Share = Annotated[float, Field(ge=0, le=1)]
Corners = Annotated[list[tuple[Share, Share]], Field(min_length=3, max_length=MAX_POINTS)]
Regions = Annotated[list[Corners], Field(max_length=MAX_REGIONS)]


class MasksWanted(Strict):
    """`cameras`: regions by camera, each a list of corners [x, y] as shares of the picture; `version` is the one seen."""

    version: int = Field(ge=0, lt=2**62)
    cameras: dict[str, Regions] = Field(max_length=MAX_CAMERAS)


@router.get("robots/{id}/masks")
def robot_masks(request: HttpRequest, id: str) -> dict[str, Any]:
    return _shown(robot_or_404(request, id, "administer"))


@router.put("robots/{id}/masks")
def set_masks(request: HttpRequest, id: str, body: MasksWanted) -> dict[str, Any]:
    """They are in force on the robot within seconds; one that is offline gets them before anything else."""
    robot = robot_or_404(request, id, "administer")
    wanted = msgspec.convert(body.cameras, dict[str, tuple[Region, ...]])
    return _shown(masks.change(person(request), robot, body.version, wanted))


def _shown(robot: Robot) -> dict[str, Any]:
    """`in_force` is the version that the robot says it applies now, None while it is not connected."""
    try:
        told = async_to_sync(relay.states)([robot.pk]).get(robot.pk)
    except (redis.exceptions.RedisError, OSError):
        told = None
    return {
        "robot": robot.pk,
        "name": robot.name,
        "version": robot.masks_version,
        "in_force": told.state.masks if told is not None and told.online and told.state is not None else None,
        "cameras": [camera | {"regions": robot.masks.get(camera["name"], [])} for camera in masks.cameras_of(robot)],
    }
