"""Row 63: what an organisation may keep.  507 says what is left, and nothing that was sent is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from episodes.models import UploadFile
from episodes.services import room
from fleet.models import Organisation
from protocol.episode_folder import check_folder
from tests.episodes.rig import RobotClient, World, received, recorded

pytestmark = pytest.mark.django_db


def quota(here: World, mb: int) -> Organisation:
    organisation = here.site.organisation
    Organisation.objects.filter(pk=organisation.pk).update(quota_mb=mb)
    organisation.refresh_from_db()
    return organisation


def fill(here: World, left: int) -> None:
    """So many bytes are left of a quota of 1 MiB."""
    organisation = quota(here, 1)
    episode = organisation.episodes.get()
    episode.size_bytes = room.MIB - left
    episode.save()


def test_row_63_a_full_quota_answers_507_with_what_remains(here: World, tmp_path: Path) -> None:
    received(recorded(tmp_path / "robot", here.robot.pk, 20), here.robot)
    fill(here, 100)
    answer = RobotClient(here.robot).start(recorded(tmp_path / "robot", here.robot.pk, 20))
    assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
    assert answer.json()["detail"] == {"remaining_bytes": 100}
    assert "tries again" in answer.json()["sentence"]


def test_row_63_an_upload_goes_on_where_it_was_when_there_is_room_again(here: World, tmp_path: Path) -> None:
    received(recorded(tmp_path / "robot", here.robot.pk, 20), here.robot)
    folder = recorded(tmp_path / "robot", here.robot.pk, 20)
    robot = RobotClient(here.robot)
    assert robot.start(folder).status_code == 200
    raw = (folder / "frames.parquet").read_bytes()
    assert robot.put(folder.name, "frames.parquet", 0, raw[:100]).status_code == 200
    fill(here, 100)
    assert robot.put(folder.name, "frames.parquet", 100, raw[100:]).status_code == 507
    assert UploadFile.objects.get(upload=folder.name, path="frames.parquet").offset == 100
    quota(here, 0)
    assert robot.put(folder.name, "frames.parquet", 100, raw[100:]).status_code == 200
    for path in ("video/scene.mp4", "video/wrist.mp4", "episode.json"):
        assert robot.put(folder.name, path, 0, (folder / path).read_bytes()).status_code == 200
    answer: Any = robot.complete(folder.name)
    assert answer.json()["state"] == "kept"
    check_folder(folder)


def test_another_organisation_is_not_held_up(here: World, tmp_path: Path) -> None:
    received(recorded(tmp_path / "robot", here.robot.pk, 20), here.robot)
    fill(here, 0)
    assert RobotClient(here.other_robot).start(recorded(tmp_path / "o", here.other_robot.pk, 20)).status_code == 200
