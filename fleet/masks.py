"""Privacy masks as administrators set them; the robot applies them.  Permission is checked by the caller's edge."""

from __future__ import annotations

import time

import msgspec
from django.db import transaction

from fleet import audit, keys
from fleet.models import Person, Robot
from fleet.robots import roster
from protocol.errors import Refused
from protocol.masks import CameraMask, MaskSet, Region
from protocol.permit import Signed


def of(robot: Robot) -> MaskSet:
    cameras = tuple(CameraMask(camera, _regions(regions)) for camera, regions in robot.masks.items())
    return MaskSet(robot=robot.pk, version=robot.masks_version, cameras=cameras)


def signed(robot: Robot) -> Signed:
    """As the robot gets them: it takes masks from nobody but the server it was enrolled at."""
    return keys.sign(msgspec.json.encode(of(robot)))


def cameras_of(robot: Robot) -> list[dict[str, object]]:
    """Name, width and height in pixels, in the order of the Embodiment."""
    return [{key: camera[key] for key in ("name", "width", "height")} for camera in robot.embodiment.get("cameras", [])]


def change(person: Person, robot: Robot, version: int, wanted: dict[str, tuple[Region, ...]]) -> Robot:
    """Replaces all masks of a robot, for whoever saw `version`.

    Refused: `unknown_camera`, `masks_invalid`, `stale_version` with the current one.
    """
    known = {str(camera["name"]) for camera in cameras_of(robot)}
    if unknown := sorted(set(wanted) - known):
        raise Refused("unknown_camera", f"{robot.name} has no camera {unknown[0][:40]}. It has {', '.join(sorted(known))}.")
    kept = {camera: regions for camera, regions in wanted.items() if regions}
    after = max(version + 1, int(time.time()))  # higher also than what a robot knows from before a backup was restored
    cameras = tuple(CameraMask(camera, regions) for camera, regions in kept.items())
    MaskSet(robot=robot.pk, version=after, cameras=cameras).check()
    with transaction.atomic():
        row = Robot.objects.filter(pk=robot.pk, masks_version=version)
        changed = row.update(masks=msgspec.to_builtins(kept), masks_version=after)
        if changed:
            what = {"masks": msgspec.to_builtins(kept), "version": after}
            audit.append(person.username, "set privacy masks", robot.name, robot.site.organisation_id, **what)
    robot.refresh_from_db()
    if not changed:
        raise Refused("stale_version", "Somebody changed these masks meanwhile. Look at them again.", current=robot.masks_version)
    transaction.on_commit(roster.forget)
    return robot


def _regions(raw: list[list[list[float]]]) -> tuple[Region, ...]:
    return msgspec.convert(raw, tuple[Region, ...])
