"""Files that are made to harm whoever reads them are refused when they arrive: a code, a sentence, nothing kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from episodes import storage
from episodes.data.faults.copy import Copy, open_copy, write_copy
from episodes.models import Episode
from tests.episodes.moving import enormous, moving
from tests.episodes.rig import RobotClient, World

pytestmark = pytest.mark.django_db


def no_footer(copy: Copy) -> None:
    copy.raw["frames.parquet"] = (copy.source / "frames.parquet").read_bytes()[:-200]


def no_table(copy: Copy) -> None:
    copy.raw["frames.parquet"] = b"PAR1" + b"\xff" * 64 + b"PAR1"


def fewer_pictures(copy: Copy) -> None:
    copy.pictures("wrist").pop()


def of_65535_squared(copy: Copy) -> None:
    copy.raw["video/scene.mp4"] = enormous((copy.source / "video" / "scene.mp4").read_bytes())


def playlist(copy: Copy) -> None:
    copy.raw["video/scene.mp4"] = b"#EXTM3U\n#EXTINF:5,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n"


def list_of_a_good_one(copy: Copy) -> None:
    copy.raw["video/scene.mp4"] = b"ffconcat version 1.0\nfile wrist.mp4\n"


@pytest.mark.parametrize("harm", [no_footer, no_table, fewer_pictures, of_65535_squared, playlist, list_of_a_good_one])
def test_a_robot_that_brings_such_files_is_told_why_nothing_is_kept(
    here: World, tmp_path: Path, harm: Callable[[Copy], None]
) -> None:
    """Rows 55, 58 and 59 of the bad inputs."""
    copy = open_copy(moving(tmp_path / "robot", here.robot.pk, rows=20))
    harm(copy)
    folder = write_copy(copy, tmp_path)
    robot = RobotClient(here.robot)
    assert robot.start(folder).status_code == 200
    robot.put_all(folder)
    answer = robot.complete(folder.name)
    assert (answer.status_code, answer.json()["code"]) == (422, "episode_refused")
    assert answer.json()["sentence"].endswith(".")
    assert not Episode.objects.exists()
    assert not storage.folder(folder.name).exists()
    assert not storage.incoming(folder.name).exists()


@pytest.mark.parametrize("rate", ["0", "-1", "1e9", "1e400", "NaN"])
def test_a_rate_that_cannot_be_is_refused(here: World, tmp_path: Path, rate: str) -> None:
    """Row 57 of the bad inputs."""
    folder = write_copy(open_copy(moving(tmp_path / "robot", here.robot.pk, rows=20)), tmp_path)
    raw = (folder / "episode.json").read_bytes()
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    (folder / "episode.json").write_bytes(raw.replace(b'"record_hz": 30.0', b'"record_hz": ' + rate.encode()))
    claimed = {
        name: {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for name, path in files.items()
    }
    robot = RobotClient(here.robot)
    assert robot.start(folder, claimed).status_code == 200
    for name, path in files.items():
        if path.stat().st_size:
            assert robot.put(folder.name, name, 0, path.read_bytes()).status_code == 200
    answer = robot.complete(folder.name)
    assert (answer.status_code, answer.json()["code"]) == (422, "episode_refused")
    assert not Episode.objects.exists()
