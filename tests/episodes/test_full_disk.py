"""F20: a real full disk on the server (a small tmpfs) answers 507; the upload goes on when there is room."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from episodes import storage
from episodes.models import UploadFile
from protocol.episode_folder import check_folder
from tests.episodes.rig import RobotClient, manifest, recorded, world

pytestmark = pytest.mark.django_db


@pytest.fixture
def small_media(media: Path, settings: Any) -> Iterator[Path]:
    """1 MiB, none of it held back, so that the system itself says that it is full."""
    media.mkdir()
    settings.REINS_MEDIA_RESERVE_MB = 0
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(media)], check=True)
    try:
        yield media
    finally:
        subprocess.run(["umount", "-l", str(media)], check=True)


def test_a_piece_that_the_disk_has_no_room_for_changes_nothing(
    small_media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = world()
    episode = recorded(tmp_path / "robot", here.robot.pk)
    robot = RobotClient(here.robot)
    assert robot.start(episode).status_code == 200
    monkeypatch.setattr(storage, "free_bytes", lambda: 10**9)  # filled by others after we looked
    others = small_media / "others"
    with open(others, "wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        while True:
            file.write(bytes(4096))
    raw = (episode / "video" / "scene.mp4").read_bytes()
    answer = robot.put(episode.name, "video/scene.mp4", 0, raw)
    assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
    assert UploadFile.objects.get(path="video/scene.mp4").offset == 0
    others.unlink()
    robot.put_all(episode)
    assert robot.complete(episode.name).json()["confirmed"] == {p: f.sha256 for p, f in manifest(episode).items()}
    check_folder(storage.folder(episode.name))
