"""Uploads: resumed, checked, confirmed; refused with a code and nothing changed."""

from __future__ import annotations

import datetime
import os
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.utils import timezone

from episodes import jobs, storage, tokens
from episodes.models import Episode, Upload, UploadFile
from episodes.services import room
from fleet.models import AuditEntry, Robot
from protocol.episode_folder import META, check_folder
from protocol.errors import Refused
from tests.episodes.rig import RobotClient, World, announced, manifest, recorded

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)


@pytest.fixture
def episode(tmp_path: Path, here: World) -> Path:
    return recorded(tmp_path / "robot", here.robot.pk)


def refusal(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def test_an_episode_in_pieces_is_confirmed_by_its_checksums(here: World, episode: Path) -> None:
    robot = RobotClient(here.robot)
    state = robot.start(episode).json()
    assert (state["state"], state["confirmed"]) == ("receiving", None)
    assert set(state["offsets"].values()) == {0}
    for path, file in manifest(episode).items():
        raw = (episode / path).read_bytes()
        for offset in range(0, file.bytes, 700):
            answer = robot.put(episode.name, path, offset, raw[offset : offset + 700])
            assert answer.json() == {"path": path, "offset": min(offset + 700, file.bytes)}
    done = robot.complete(episode.name).json()
    assert done["state"] == "kept"
    assert done["confirmed"] == {path: file.sha256 for path, file in manifest(episode).items()}
    assert check_folder(storage.folder(episode.name)).rows == 40
    row = Episode.objects.get(pk=episode.name)
    assert (row.number, row.rows, row.outcome, row.status) == (1, 40, "success", "received")
    assert row.organisation.name == "Lab"
    assert AuditEntry.objects.filter(act="episode_received", subject=episode.name).count() == 1


def test_announcing_again_goes_on_where_it_was_and_completing_twice_makes_one_episode(here: World, episode: Path) -> None:
    robot = RobotClient(here.robot)
    robot.start(episode)
    raw = (episode / "frames.parquet").read_bytes()
    robot.put(episode.name, "frames.parquet", 0, raw[:500])
    assert robot.start(episode).json()["offsets"]["frames.parquet"] == 500
    assert robot.put(episode.name, "frames.parquet", 500, raw[500:]).status_code == 200
    for path in set(manifest(episode)) - {"frames.parquet", "events.jsonl"}:
        robot.put(episode.name, path, 0, (episode / path).read_bytes())
    first, second = robot.complete(episode.name).json(), robot.complete(episode.name).json()
    assert first == second
    assert robot.start(episode).json()["confirmed"] == first["confirmed"]
    assert Episode.objects.count() == 1


def test_other_files_under_the_same_id_are_refused(here: World, episode: Path) -> None:
    robot = RobotClient(here.robot)
    robot.start(episode)
    changed = msgspec.to_builtins(manifest(episode))
    changed["events.jsonl"]["sha256"] = "0" * 64
    assert refusal(robot.start(episode, changed)) == (409, "other_manifest")


def test_a_piece_at_the_wrong_place_is_told_the_right_one(here: World, episode: Path) -> None:
    robot = RobotClient(here.robot)
    robot.start(episode)
    raw = (episode / META).read_bytes()
    robot.put(episode.name, META, 0, raw[:100])
    again = robot.put(episode.name, META, 0, raw[:100])
    assert refusal(again) == (409, "wrong_offset")
    assert again.json()["detail"]["offset"] == 100
    assert refusal(robot.put(episode.name, META, 200, raw[200:])) == (409, "wrong_offset")


def test_a_piece_that_arrived_damaged_is_not_kept(here: World, episode: Path) -> None:
    robot = RobotClient(here.robot)
    robot.start(episode)
    raw = (episode / META).read_bytes()
    assert refusal(robot.put(episode.name, META, 0, raw[:99] + b"?", sha256="0" * 64)) == (422, "wrong_hash")
    assert UploadFile.objects.get(path=META).offset == 0


def test_bytes_that_changed_on_the_servers_disk_are_asked_for_again(here: World, episode: Path) -> None:
    robot = RobotClient(here.robot)
    robot.start(episode)
    robot.put_all(episode)
    stored = storage.incoming(episode.name) / "video" / "wrist.mp4"
    raw = bytearray(stored.read_bytes())
    raw[100] ^= 1
    stored.write_bytes(raw)
    assert refusal(robot.complete(episode.name)) == (422, "wrong_hash")
    assert robot.start(episode).json()["offsets"]["video/wrist.mp4"] == 0
    robot.put(episode.name, "video/wrist.mp4", 0, (episode / "video" / "wrist.mp4").read_bytes())
    assert robot.complete(episode.name).json()["state"] == "kept"


def test_an_incomplete_upload_says_what_is_missing(here: World, episode: Path) -> None:
    robot = RobotClient(here.robot)
    robot.start(episode)
    answer = robot.complete(episode.name)
    assert refusal(answer) == (409, "incomplete")
    assert "frames.parquet" in answer.json()["sentence"]
    assert Episode.objects.count() == 0


def test_a_server_killed_after_the_move_finishes_when_asked_again(here: World, episode: Path) -> None:
    robot = RobotClient(here.robot)
    robot.start(episode)
    robot.put_all(episode)
    storage.touch(episode.name, "events.jsonl")
    storage.keep(episode.name)  # the rename happened, the row did not
    assert robot.complete(episode.name).json()["state"] == "kept"
    assert Episode.objects.count() == 1


@pytest.mark.parametrize("moved", [False, True])
def test_a_file_that_is_not_on_the_disk_any_more_is_asked_for_again(here: World, episode: Path, moved: bool) -> None:
    robot = RobotClient(here.robot)
    robot.start(episode)
    robot.put_all(episode)
    if moved:  # and killed before the row was written
        storage.touch(episode.name, "events.jsonl")
        storage.keep(episode.name)
    (storage.place if moved else storage.incoming)(episode.name).joinpath("frames.parquet").unlink()
    answer = robot.complete(episode.name)
    assert refusal(answer) == (422, "wrong_hash")
    assert answer.json()["detail"] == {"path": "frames.parquet", "offset": 0}
    robot.put(episode.name, "frames.parquet", 0, (episode / "frames.parquet").read_bytes())
    assert robot.complete(episode.name).status_code == 200
    check_folder(storage.folder(episode.name))


def test_the_name_of_a_new_file_is_on_the_disk_before_it_counts(
    here: World, episode: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    robot, synced, real = RobotClient(here.robot), [], os.fsync
    robot.start(episode)
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.readlink(f"/proc/self/fd/{fd}")) or real(fd))
    robot.put(episode.name, "video/scene.mp4", 0, (episode / "video" / "scene.mp4").read_bytes()[:10])
    folder = storage.incoming(episode.name)
    assert synced == [str(folder / "video"), str(folder), str(folder.parent)]
    robot.put(episode.name, "video/scene.mp4", 10, (episode / "video" / "scene.mp4").read_bytes()[10:20])
    assert len(synced) == 3


def test_an_upload_that_nobody_goes_on_with_takes_no_room(here: World, tmp_path: Path) -> None:
    away, slow, young = (announced(recorded(tmp_path / "robot", here.robot.pk, 20), here.robot) for _ in range(3))
    long_ago = timezone.now() - 15 * DAY
    Upload.objects.exclude(pk=young.pk).update(started_at=long_ago)
    for path in storage.incoming(away.pk).rglob("*"):
        os.utime(path, (long_ago.timestamp(), long_ago.timestamp()))
    size = room.used()
    jobs.keep_no_longer()
    assert room.used() * 3 == pytest.approx(size * 2, rel=0.1)
    assert set(away.offsets().values()) == {0} and not storage.is_there(away.pk)
    assert storage.is_there(slow.pk) and storage.is_there(young.pk)
    robot = RobotClient(here.robot)
    folder = next((tmp_path / "robot").rglob(away.pk))
    assert refusal(robot.put(away.pk, "frames.parquet", 10, b"x")) == (409, "wrong_offset")
    robot.put_all(folder)
    assert robot.complete(away.pk).status_code == 200


def test_what_kills_left_half_made_is_removed_after_a_day(here: World, episode: Path) -> None:
    robot = RobotClient(here.robot)
    robot.start(episode)
    robot.put_all(episode)
    robot.complete(episode.name)
    media, old = storage.place(episode.name).parents[2], timezone.now().timestamp() - 2 * DAY.total_seconds()
    beside = storage.place(episode.name).parent
    left = [media / ".importing-a", beside / ".fetch-b-1", beside / f".gone-{episode.name}", media / "derived" / ".gone-d"]
    left = [*left, storage.incoming(episode.name)]
    for path in left:
        path.mkdir(parents=True)
        (path / "frames.parquet").touch()
        os.utime(path / "frames.parquet", (old, old))
        os.utime(path, (old, old))
    working = beside / ".fetch-e-2"
    working.mkdir()
    jobs.keep_no_longer()
    assert not any(path.exists() for path in left)
    assert working.exists() and storage.place(episode.name).exists()


@pytest.mark.parametrize(
    "path", ["../evil", "/etc/passwd", "video/../../evil.mp4", "video/a/b.mp4", "video/.mp4", "notes.txt", "video/x.mp4/y"]
)
def test_no_other_file_name_is_ever_taken(here: World, episode: Path, path: str) -> None:
    robot = RobotClient(here.robot)
    files = msgspec.to_builtins(manifest(episode))
    assert refusal(robot.start(episode, {**files, path: files[META]})) == (400, "file_name")
    assert Upload.objects.count() == 0
    robot.start(episode)
    assert refusal(robot.put(episode.name, path, 0, b"x")) == (400, "file_name")


def test_pieces_are_limited_and_end_within_their_file(here: World, episode: Path) -> None:
    robot = RobotClient(here.robot)
    robot.start(episode)
    size = manifest(episode)[META].bytes
    assert refusal(robot.put(episode.name, META, 0, b"x" * (size + 1))) == (413, "too_large")
    assert refusal(robot.put(episode.name, META, 0, b"x" * (2 * 1024 * 1024 + 1))) == (413, "too_large")
    assert UploadFile.objects.get(path=META).offset == 0


def test_a_full_disk_answers_507_and_the_upload_goes_on_later(here: World, episode: Path, settings: Any) -> None:
    robot = RobotClient(here.robot)
    robot.start(episode)
    settings.REINS_MEDIA_RESERVE_MB = 10**9
    answer = robot.put(episode.name, META, 0, b"x")
    assert refusal(answer) == (507, "storage_full")
    assert answer.json()["detail"]["remaining_bytes"] == 0
    settings.REINS_MEDIA_RESERVE_MB = 1
    robot.put_all(episode)
    assert robot.complete(episode.name).json()["state"] == "kept"


def test_a_quota_counts_what_is_kept_and_what_is_coming(here: World, tmp_path: Path, settings: Any) -> None:
    settings.REINS_MEDIA_QUOTA_MB = 1
    files = {META: {"bytes": 2 * 1024 * 1024, "sha256": "0" * 64}}
    answer = RobotClient(here.robot).start(tmp_path / ("a" * 32), files)
    assert refusal(answer) == (507, "storage_full")
    assert answer.json()["detail"]["remaining_bytes"] == 1024 * 1024


def test_another_robots_upload_is_not_there(here: World, episode: Path) -> None:
    RobotClient(here.robot).start(episode)
    other = RobotClient(here.other_robot)
    assert refusal(other.put(episode.name, META, 0, b"x")) == (404, "not_found")
    assert refusal(other.complete(episode.name)) == (404, "not_found")
    assert refusal(other.start(episode)) == (404, "not_found")


@pytest.mark.parametrize("token", ["", "nonsense", "a:b:c"])
def test_without_a_token_of_ours_nothing_is_taken(here: World, episode: Path, token: str) -> None:
    assert RobotClient(here.robot, token).start(episode).status_code == 401
    assert Upload.objects.count() == 0


def test_a_revoked_robots_token_is_dead_at_once(here: World, episode: Path) -> None:
    robot = RobotClient(here.robot)
    here.robot.revoked_at = here.robot.enrolled_at
    here.robot.save()
    assert refusal(robot.start(episode)) == (401, "token_invalid")


def test_a_token_is_dead_when_the_robot_has_another_key(here: World, episode: Path) -> None:
    robot = RobotClient(here.robot)
    Robot.objects.filter(pk=here.robot.pk).update(public_key="another")
    assert refusal(robot.start(episode)) == (401, "token_invalid")


def test_nothing_is_taken_from_a_robot_that_is_held(here: World, episode: Path) -> None:
    robot = RobotClient(here.robot)
    Robot.objects.filter(pk=here.robot.pk).update(held_reason="Its key is in use twice.")
    assert refusal(robot.start(episode)) == (409, "robot_held")
    assert Upload.objects.count() == 0
    Robot.objects.filter(pk=here.robot.pk).update(held_reason="")
    assert robot.start(episode).status_code == 200


def test_a_token_expires(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    token = tokens.mint(here.robot)
    monkeypatch.setattr(tokens, "VALID_S", -1)
    with pytest.raises(Refused, match="expired"):
        tokens.check(token)


def test_an_episode_of_another_robot_is_refused_for_good(here: World, tmp_path: Path) -> None:
    episode = recorded(tmp_path / "robot", "somebody-else")
    robot = RobotClient(here.robot)
    robot.start(episode)
    robot.put_all(episode)
    assert refusal(robot.complete(episode.name)) == (422, "episode_refused")
    assert Upload.objects.get().state == "refused"
    assert not storage.incoming(episode.name).exists()
    assert Episode.objects.count() == 0


def test_rows_that_do_not_match_the_frames_are_refused(here: World, episode: Path, tmp_path: Path) -> None:
    """Row 58 of the bad inputs: the video of a longer episode under a shorter one's table."""
    longer = recorded(tmp_path / "longer", here.robot.pk, 50)
    shutil.copy(longer / "video" / "scene.mp4", episode / "video" / "scene.mp4")
    meta = msgspec.json.decode((episode / META).read_bytes())
    raw = (episode / "video" / "scene.mp4").read_bytes()
    import hashlib

    meta["files"]["video/scene.mp4"] = {"bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}
    (episode / META).write_bytes(msgspec.json.encode(meta))
    robot = RobotClient(here.robot)
    robot.start(episode)
    robot.put_all(episode)
    answer = robot.complete(episode.name)
    assert refusal(answer) == (422, "episode_refused")
    assert "50 frames for 40 rows" in answer.json()["sentence"]


def test_unknown_fields_and_wrong_kinds_are_named(here: World, episode: Path) -> None:
    robot = RobotClient(here.robot)
    body = {"episode": episode.name, "files": {}, "extra": 1}
    answer = robot.client.post("/api/uploads", body, "application/json", headers=robot.headers)
    assert refusal(answer) == (400, "unknown_field:extra")
    answer = robot.client.post("/api/uploads", "x", "text/plain", headers=robot.headers)
    assert refusal(answer) == (415, "content_type")
    robot.start(episode)
    address = f"/api/uploads/{episode.name}/pieces?path={META}&offset=0"
    assert refusal(robot.client.put(address, b"x", "text/plain", headers=robot.headers)) == (415, "content_type")
    assert refusal(robot.put(episode.name, META, -1, b"x"))[0] == 400
