"""Privacy masks at the server: an administrator sets them, the log remembers, the robot gets them signed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from asgiref.sync import sync_to_async
from django.test import Client

from fleet import keys, relay
from fleet.models import AuditEntry, Robot
from protocol.permit import Signed
from robot.masks import verified
from tests.fleet.conftest import Lab
from tests.fleet.rig import RobotProgram

pytestmark = pytest.mark.django_db(transaction=True)
BOX = [[0.1, 0.1], [0.4, 0.1], [0.4, 0.5], [0.1, 0.5]]


def put(lab: Lab, cameras: dict[str, Any], version: int | None = None, role: str = "admin") -> Any:
    client = Client()
    client.force_login(lab.people[role], backend="django.contrib.auth.backends.ModelBackend")
    seen = Robot.objects.get(pk=lab.robot.pk).masks_version if version is None else version
    return client.put(f"/api/robots/{lab.robot.pk}/masks", {"version": seen, "cameras": cameras}, "application/json")


def test_masks_are_kept_and_the_log_says_what_was_hidden(lab: Lab) -> None:
    answer = put(lab, {"main": [BOX]}).json()
    assert [camera["regions"] for camera in answer["cameras"] if camera["name"] == "main"] == [[BOX]]
    entry = AuditEntry.objects.get(act="set privacy masks")
    assert (entry.actor, entry.detail["masks"], entry.detail["version"]) == ("admin", {"main": [BOX]}, answer["version"])


def test_the_version_rises_with_each_change_and_an_old_page_is_refused(lab: Lab) -> None:
    first = put(lab, {"main": [BOX]}).json()["version"]
    second = put(lab, {}).json()
    assert second["version"] > first
    stale = put(lab, {"main": [BOX]}, first)
    assert (stale.status_code, stale.json()["code"]) == (409, "stale_version")
    assert Robot.objects.get(pk=lab.robot.pk).masks == {}


@pytest.mark.parametrize(
    ("cameras", "code"),
    [
        ({"nowhere": [BOX]}, "unknown_camera"),
        ({"main": [BOX[:2]]}, "invalid_field"),
        ({"main": [[[0, 0], [1, 0], [1, 1.5]]]}, "invalid_field"),
        ({"main": [BOX] * 9}, "invalid_field"),
        ({"main": "all"}, "invalid_field"),
    ],
)
def test_what_is_no_region_of_a_camera_is_refused(lab: Lab, cameras: dict[str, Any], code: str) -> None:
    refused = put(lab, cameras)
    assert refused.status_code == 400 and refused.json()["code"].startswith(code)
    assert Robot.objects.get(pk=lab.robot.pk).masks_version == 0


async def test_a_robot_gets_its_masks_at_the_log_in_and_when_they_change(lab: Lab) -> None:
    robot = RobotProgram(lab.robot, lab.key)
    await robot.log_in()
    first = await robot.hear("masks")
    assert opened(lab, first).version == 0
    await sync_to_async(put)(lab, {"main": [BOX]})
    second = opened(lab, await robot.hear("masks"))
    assert second.version > 0
    assert second.cameras[0].regions == (tuple((x, y) for x, y in BOX),)


def opened(lab: Lab, message: dict[str, Any]) -> Any:
    """As the robot reads it, with the key that it pinned."""
    return verified(msgspec.convert(message["masks"], Signed), keys.public_key(), lab.robot.pk)


async def test_the_page_learns_which_masks_the_robot_applies(lab: Lab) -> None:
    robot = RobotProgram(lab.robot, lab.key)
    await robot.log_in()
    await robot.report(masks=7)
    client = Client()
    await sync_to_async(client.force_login)(lab.people["admin"], "django.contrib.auth.backends.ModelBackend")
    while (await sync_to_async(client.get)(f"/api/robots/{lab.robot.pk}/masks")).json()["in_force"] != 7:
        pass


async def test_each_camera_has_a_newest_picture_of_its_own(lab: Lab) -> None:
    robot = RobotProgram(lab.robot, lab.key)
    await robot.log_in()
    for camera in (0, 1):
        await robot.wire.send_to(bytes_data=bytes((1, camera)) + b"\xff\xd8" + bytes((camera,)))
    while await relay.snapshot(lab.robot.pk, 1) is None:
        pass
    assert await relay.snapshot(lab.robot.pk, 0) == b"\xff\xd8\x00"
    client = Client()
    await sync_to_async(client.force_login)(lab.people["viewer"], "django.contrib.auth.backends.ModelBackend")
    answer = await sync_to_async(client.get)(f"/api/robots/{lab.robot.pk}/snapshot.jpg?camera=1")
    assert answer.content == b"\xff\xd8\x01"
