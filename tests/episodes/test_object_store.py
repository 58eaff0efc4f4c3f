"""Episodes in an object store, over the real S3 protocol: pushed and proven, played by ranges, fetched, removed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from config.environment import object_store
from episodes import jobs, objects, storage
from episodes.backup.site import back_up
from episodes.models import Episode
from episodes.services import datasets, erasing, forgetting
from protocol.episode import FileHash
from protocol.episode_folder import check_folder
from protocol.errors import Refused
from tests.episodes.rig import World, body_of, received, recorded, signed_in
from tests.episodes.test_retention import frozen

pytestmark = pytest.mark.django_db
BUCKET = "episodes"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    made = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    made.start()
    host, port = made.get_host_and_port()
    yield f"http://{host}:{port}"
    made.stop()


@pytest.fixture(autouse=True)
def bucket(server: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in {
        "REINS_S3_ENDPOINT": server,
        "REINS_S3_REGION": "us-east-1",
        "REINS_S3_ADDRESSING": "path",
        "REINS_S3_PREFIX": "lab/kept",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }.items():
        monkeypatch.setenv(name, value)
    settings.REINS_S3_BUCKET = BUCKET
    settings.STORAGES = object_store(BUCKET)
    made = boto3.resource("s3", endpoint_url=server, region_name="us-east-1").Bucket(BUCKET)
    made.create()
    made.Versioning().enable()
    yield made
    made.object_versions.delete()
    made.delete()


def episode(here: World, tmp_path: Path) -> Episode:
    return received(recorded(tmp_path / "robot", here.robot.pk, 20), here.robot)


def only_there(made: Episode) -> None:
    """It was pushed, and the disk needed the room."""
    jobs.push_to_store()
    assert objects.make_room(storage.place(made.pk).parent.parent, 0, time.time() + 7200) >= 1
    assert not storage.place(made.pk).exists()


def test_a_kept_episode_is_pushed_and_proven(here: World, tmp_path: Path, bucket: Any) -> None:
    made = episode(here, tmp_path)
    jobs.push_to_store()
    made.refresh_from_db()
    assert made.stored_at is not None
    names = {one.key.split(f"{made.pk}/")[1] for one in bucket.objects.filter(Prefix="lab/kept/")}
    assert names == {"episode.json", "frames.parquet", "events.jsonl", "video/scene.mp4", "video/wrist.mp4"}
    pushed_at = made.stored_at
    jobs.push_to_store()
    made.refresh_from_db()
    assert made.stored_at == pushed_at


def test_the_player_reads_ranges_without_fetching_the_episode(here: World, tmp_path: Path) -> None:
    made = episode(here, tmp_path)
    raw = (storage.place(made.pk) / "video" / "scene.mp4").read_bytes()
    only_there(made)
    client = signed_in(here.mina)
    address = f"/episodes/{made.pk}/video/scene.mp4"
    part = client.get(address, headers={"Range": "bytes=100-299"})
    assert (part.status_code, part["Content-Range"]) == (206, f"bytes 100-299/{len(raw)}")
    assert body_of(part) == raw[100:300]
    assert body_of(client.get(address)) == raw
    assert client.get(address, headers={"Range": f"bytes={len(raw)}-"}).status_code == 416
    assert client.get(f"/api/episodes/{made.pk}/events").status_code == 200
    assert not storage.place(made.pk).exists()


def test_whoever_needs_the_files_gets_them_back_whole(here: World, tmp_path: Path) -> None:
    made = episode(here, tmp_path)
    version = frozen(here, made)
    only_there(made)
    assert datasets.verify(version) == []
    check_folder(storage.place(made.pk))


def test_a_draft_is_looked_at_without_fetching_its_episodes(here: World, tmp_path: Path) -> None:
    made = episode(here, tmp_path)
    dataset = datasets.make(here.mina, here.site.organisation, None, "Lifts")
    datasets.pick(dataset, {made.pk: "added"}, here.mina)
    only_there(made)
    assert [one.id for one in datasets.manifest_of(dataset).episodes] == [made.pk]
    assert not storage.place(made.pk).exists()


def test_other_bytes_from_the_store_are_named_and_not_used(here: World, tmp_path: Path, bucket: Any) -> None:
    made = episode(here, tmp_path)
    only_there(made)
    name = next(one.key for one in bucket.objects.all() if one.key.endswith("frames.parquet"))
    raw = bytearray(bucket.Object(name).get()["Body"].read())
    raw[50] ^= 1
    bucket.put_object(Key=name, Body=bytes(raw))
    with pytest.raises(Refused, match="episode_damaged") as refused:
        storage.folder(made.pk)
    assert "frames.parquet" in refused.value.sentence
    assert not storage.place(made.pk).exists()


def test_a_folder_in_use_or_not_pushed_stays_on_the_disk(here: World, tmp_path: Path) -> None:
    made = episode(here, tmp_path)
    root = storage.place(made.pk).parent.parent
    assert objects.make_room(root, 0, time.time() + 7200) == 0
    jobs.push_to_store()
    assert objects.make_room(root, 0) == 0
    assert storage.place(made.pk).exists()


def test_a_deleted_episode_leaves_no_version_of_any_object(here: World, tmp_path: Path, bucket: Any) -> None:
    made, other = episode(here, tmp_path), episode(here, tmp_path)
    jobs.push_to_store()
    only_there(made)
    erasing.erase(made.pk, "test")
    left = {version.object_key for version in bucket.object_versions.all()}
    assert left and all(other.pk in name for name in left)
    assert not storage.is_there(made.pk)


def test_what_goes_while_it_is_pushed_does_not_stay_there(
    here: World, tmp_path: Path, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, push = episode(here, tmp_path), objects.push

    def forgotten_meanwhile(id: str, folder: Path) -> None:
        push(id, folder)
        erasing.tombstone(id, "test")

    monkeypatch.setattr(objects, "push", forgotten_meanwhile)
    jobs.push_to_store()
    assert Episode.objects.get(pk=made.pk).stored_at is None
    assert list(bucket.object_versions.all()) == []


def test_what_goes_between_two_files_that_are_pushed_does_not_stay_there(
    here: World, tmp_path: Path, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, other = episode(here, tmp_path), episode(here, tmp_path)
    other.drivers.update(uid="p2")
    store = type(objects._store())
    save, saved = store.save, []

    def forgotten_after_the_first(self: Any, name: str, *args: Any, **options: Any) -> str:
        saved.append(name)
        if len(saved) == 2:
            assert forgetting.run(forgetting.ask("p1", here.site.organisation, "They asked for it.", "Ada"))
        return str(save(self, name, *args, **options))

    monkeypatch.setattr(store, "save", forgotten_after_the_first)
    jobs.push_to_store()
    left = {version.object_key for version in bucket.object_versions.all()}
    assert left and all(other.pk in name for name in left)
    assert not storage.is_there(made.pk)


def test_one_that_differs_or_is_missing_holds_up_no_other(
    here: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    missing, differs, last = (episode(here, tmp_path) for _ in range(3))
    shutil.rmtree(storage.place(missing.pk))
    read_back = objects._hash
    monkeypatch.setattr(objects, "_MOST", 1)
    monkeypatch.setattr(objects, "_hash", lambda name: FileHash(0, "") if differs.pk in name else read_back(name))
    jobs.push_to_store()
    stored = Episode.objects.exclude(stored_at=None)
    assert list(stored.all()) == [last]
    assert differs.pk in caplog.text and missing.pk in caplog.text
    monkeypatch.setattr(objects, "_hash", read_back)
    jobs.push_to_store()
    assert set(stored.all()) == {differs, last}


def test_what_goes_while_it_is_fetched_does_not_stay_here(here: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, decode = episode(here, tmp_path), objects.decode_meta
    only_there(made)

    def forgotten_meanwhile(raw: bytes) -> Any:
        erasing.erase(made.pk, "test")
        return decode(raw)

    monkeypatch.setattr(objects, "decode_meta", forgotten_meanwhile)
    with pytest.raises(FileNotFoundError):
        storage.folder(made.pk)
    assert not storage.is_there(made.pk) and not list(storage.place(made.pk).parent.iterdir())


def test_a_store_that_is_away_loses_nothing_and_says_so(
    here: World, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = episode(here, tmp_path)
    only_there(made)
    monkeypatch.setenv("REINS_S3_ENDPOINT", "http://127.0.0.1:9")
    settings.STORAGES = object_store(BUCKET)
    answer = signed_in(here.mina).get(f"/episodes/{made.pk}/video/scene.mp4")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    later = episode(here, tmp_path)
    jobs.push_to_store()
    later.refresh_from_db()
    assert later.stored_at is None and storage.place(later.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_a_backup_holds_what_lies_in_the_store_alone(here: World, tmp_path: Path, settings: Any) -> None:
    settings.REINS_DATA_DIR = tmp_path
    made = episode(here, tmp_path)
    only_there(made)
    found = back_up(tmp_path / "site.backup")
    shutil.rmtree(storage.place(made.pk))
    assert found.files >= 5


def test_forgetting_reaches_the_store(here: World, tmp_path: Path, bucket: Any) -> None:
    only_there(episode(here, tmp_path))
    forgetting.run(forgetting.ask("p1", here.site.organisation, "They asked for it.", "Ada"))
    assert list(bucket.object_versions.all()) == []
