"""Datasets as the page sees them: choosing, freezing, comparing, statistics, long work and its archive."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from episodes import storage
from episodes.models import DatasetJob, DatasetVersion, Episode
from episodes.services import dataset_jobs, datasets, erasing
from episodes.services.dataset_jobs import MIB
from fleet.models import AuditEntry, Membership
from protocol import episode_folder
from protocol.errors import Refused
from tests.episodes.rig import World, body_of, received, recorded, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def mina(here: World, tmp_path: Path) -> Client:
    Membership.objects.create(person=here.mina, organisation=here.site.organisation, role="reviewer")
    for number, text in enumerate(["Lift the cube", "Lift the ball", "Wipe the mat"]):
        received(recorded(tmp_path / str(number), here.robot.pk, 10 + number, text), here.robot)
    return signed_in(here.mina)


def post(client: Client, address: str, body: dict[str, Any], status: int = 200) -> Any:
    response = client.post(address, body, "application/json")
    assert response.status_code == status, response.content
    return response.json()


def made(mina: Client, **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = post(mina, "/api/datasets", {"name": "tabletop", "follows": True, **more})
    return answer


def test_from_a_filter_to_a_frozen_version_and_what_changed_since(mina: Client) -> None:
    dataset = made(mina, query="search=lift")
    api = f"/api/datasets/{dataset['id']}"
    assert (dataset["episodes"], dataset["history"], dataset["may_curate"]) == (2, [], True)
    version = post(mina, f"{api}/versions", {"version": 1, "reason": "to start with"})
    assert (version["number"], version["episodes"], version["parent"], version["frozen_by"]) == (1, 2, None, "Mina")
    wipe = Episode.objects.get(instruction="Wipe the mat").pk
    picked = post(mina, f"{api}/picks", {"picks": {wipe: "added"}})
    assert (picked["episodes"], picked["undo"]) == (3, {wipe: ""})
    found = mina.get(f"{api}/changes?before=1&after=draft").json()
    assert [one["instruction"] for one in found["added"]["items"]] == ["Wipe the mat"]
    assert (found["same"], found["removed"]["total"], found["rows_before"], found["rows_after"]) == (False, 0, 21, 33)
    second = post(mina, f"{api}/versions", {"version": 1})
    assert (second["number"], second["parent"]) == (2, 1)
    assert post(mina, f"{api}/versions", {"version": 1})["digest"] == second["digest"]
    assert mina.get(f"{api}/changes?before=2&after=draft").json()["same"]
    lineage = mina.get(f"{api}/versions/1").json()
    assert lineage["robots"] == [{"name": "kestrel-1", "episodes": 2}]
    assert lineage["people"] == [{"name": "Mina", "episodes": 2}]
    assert [child["number"] for child in lineage["children"]] == [2]
    (membership,) = mina.get(f"/api/episodes/{wipe}/datasets").json()
    assert (membership["numbers"], membership["draft"]) == ([2], True)


def test_the_list_counts_a_draft_anew_after_a_pick(mina: Client, django_capture_on_commit_callbacks: Any) -> None:
    dataset = made(mina, query="search=lift")
    assert [row["episodes"] for row in mina.get("/api/datasets").json()] == [2]
    wipe = Episode.objects.get(instruction="Wipe the mat").pk
    with django_capture_on_commit_callbacks(execute=True):
        post(mina, f"/api/datasets/{dataset['id']}/picks", {"picks": {wipe: "added"}})
    assert [row["episodes"] for row in mina.get("/api/datasets").json()] == [3]


def test_the_draft_shows_what_was_picked_and_what_taken_out(mina: Client) -> None:
    dataset = made(mina)
    api = f"/api/datasets/{dataset['id']}"
    ids = {episode.instruction: episode.pk for episode in Episode.objects.all()}
    post(mina, f"{api}/picks", {"picks": {ids["Wipe the mat"]: "removed", ids["Lift the cube"]: "added"}})
    shown = mina.get(f"{api}/draft").json()["items"]
    assert {(row["instruction"], row["picked"]) for row in shown} == {("Lift the cube", "added"), ("Lift the ball", "")}
    gone = mina.get(f"{api}/draft?taken_out=true").json()["items"]
    assert [(row["instruction"], row["picked"]) for row in gone] == [("Wipe the mat", "removed")]


def test_a_change_on_an_old_version_of_the_row_is_refused(mina: Client) -> None:
    dataset = made(mina)
    api = f"/api/datasets/{dataset['id']}"
    changed = mina.patch(api, {"version": 1, "validation_share": 0.25, "seed": 7}, "application/json").json()
    assert (changed["version"], changed["validation_share"]) == (2, 0.25)
    for response in (
        mina.patch(api, {"version": 1, "name": "mine"}, "application/json"),
        mina.post(f"{api}/versions", {"version": 1}, "application/json"),
        mina.delete(f"{api}?version=1"),
    ):
        assert (response.status_code, response.json()["code"]) == (409, "stale_version")
    for body in ({"validation_share": 0.95}, {"weights": {"x": -1}}, {"query": "colour=red"}, {"owner": "me"}):
        assert mina.patch(api, {"version": 2, **body}, "application/json").status_code == 400
    assert post(mina, "/api/datasets", {"name": "tabletop"}, 409)["code"] == "name_taken"
    assert mina.delete(f"{api}?version=2").json()["removed"]
    assert mina.get("/api/datasets").json() == []
    assert not post(mina, f"{api}/restore", {})["removed"]


def test_who_only_looks_may_not_change_and_others_find_nothing(here: World, mina: Client) -> None:
    dataset = made(mina)
    api = f"/api/datasets/{dataset['id']}"
    vera, otto = signed_in(here.vera), signed_in(here.otto)
    assert vera.get(api).json()["may_curate"] is False
    assert post(vera, f"{api}/versions", {"version": 1}, 403)["code"] == "forbidden"
    assert post(vera, "/api/datasets", {"name": "mine"}, 403)["code"] == "forbidden"
    assert otto.get(api).status_code == otto.get(f"/datasets/{dataset['id']}/").status_code == 404
    assert post(otto, f"{api}/versions", {"version": 1}, 404)["code"] == "not_found"
    assert otto.get("/api/datasets").json() == []


def test_statistics_tell_tasks_joints_cameras_and_near_duplicates(mina: Client) -> None:
    dataset = made(mina)
    found = mina.get(f"/api/datasets/{dataset['id']}/statistics").json()
    assert (found["episodes"], found["rows"], found["sampled"]) == (3, 33, 3)
    assert {task["name"]: task["episodes"] for task in found["tasks"]} == {
        "Lift the cube": 1, "Lift the ball": 1, "Wipe the mat": 1,
    }  # fmt: skip
    assert [column["name"] for column in found["state"]] == ["q0", "q1", "q2"]
    assert sum(found["state"][0]["counts"]) == 33
    assert found["state"][1]["mean"] == pytest.approx(0.5)
    assert [camera["name"] for camera in found["cameras"]] == ["scene", "wrist"]
    assert found["coverage"] is None  # this robot does not say where its hand is
    assert sum(found["splits"].values()) == 3


def test_a_proof_is_done_in_steps_and_names_the_damage(here: World, mina: Client) -> None:
    dataset = made(mina)
    api = f"/api/datasets/{dataset['id']}"
    post(mina, f"{api}/versions", {"version": 1})
    asked = post(mina, f"{api}/versions/1/jobs", {"kind": "verify"})
    assert post(mina, f"{api}/versions/1/jobs", {"kind": "verify"})["id"] == asked["id"]
    job = DatasetJob.objects.get()
    fence = job.claim("here:1")
    assert fence == 1 and job.claim("there:2") is None
    id = Episode.objects.get(number=2).pk
    path = storage.folder(id) / "video" / "scene.mp4"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    dataset_jobs.work(job, fence)
    (done,) = mina.get(f"{api}/jobs").json()
    assert (done["state"], done["result"]["damaged_files"]) == ("done", 1)
    assert done["result"]["damages"][0]["path"] == "video/scene.mp4"


def test_work_that_was_cancelled_or_taken_over_changes_nothing_more(here: World, mina: Client) -> None:
    dataset = made(mina)
    api = f"/api/datasets/{dataset['id']}"
    post(mina, f"{api}/versions", {"version": 1})
    asked = post(mina, f"{api}/versions/1/jobs", {"kind": "verify"})
    assert post(mina, f"{api}/jobs/{asked['id']}/cancel", {})["state"] == "cancelled"
    assert post(mina, f"{api}/jobs/{asked['id']}/cancel", {}, 409)["code"] == "job_ended"
    job = DatasetJob.objects.get(pk=post(mina, f"{api}/versions/1/jobs", {"kind": "verify"})["id"])
    old = job.claim("here:1")
    DatasetJob.objects.filter(pk=job.pk).update(heartbeat=timezone.now() - timedelta(seconds=20))
    new = DatasetJob.objects.get(pk=job.pk).claim("there:2")
    assert old is not None and new == old + 1
    dataset_jobs.work(job, old)
    assert not job.end(old, "done")
    job.refresh_from_db()
    assert (job.state, job.owner) == ("running", "there:2")
    assert post(mina, f"{api}/jobs/{job.pk}/cancel", {})["state"] == "running"
    dataset_jobs.work(job, new)
    assert mina.get(f"{api}/jobs").json()[0]["state"] == "cancelled"
    assert AuditEntry.objects.filter(act="dataset_verify_cancelled").count() == 2


def test_an_archive_is_served_in_ranges_and_expires(here: World, mina: Client) -> None:
    dataset = made(mina)
    api = f"/api/datasets/{dataset['id']}"
    post(mina, f"{api}/versions", {"version": 1})
    version = DatasetVersion.objects.get()
    result = {"name": "tabletop-v1.tar", "sha256": "a" * 64, "bytes": 3_000_000}
    job = DatasetJob.objects.create(version=version, kind="export", state="done", ended_at=timezone.now(), result=result)
    raw = bytes(range(250)) * 12_000
    storage.export(job.pk).write_bytes(raw)
    (shown,) = mina.get(f"{api}/jobs").json()
    whole = mina.get(shown["url"])
    assert body_of(whole) == raw
    assert whole["Content-Disposition"] == 'attachment; filename="tabletop-v1.tar"'
    rest = mina.get(shown["url"], headers={"Range": "bytes=100-", "If-Range": whole["ETag"]})
    assert (rest.status_code, body_of(rest)) == (206, raw[100:])
    assert signed_in(here.otto).get(shown["url"]).status_code == 404
    assert Client().get(shown["url"]).status_code == 401
    assert dataset_jobs.expire() == 0
    DatasetJob.objects.update(ended_at=timezone.now() - timedelta(days=8))
    assert dataset_jobs.expire() == 1
    assert mina.get(shown["url"]).status_code == 404
    assert mina.get(f"{api}/jobs").json()[0]["state"] == "expired"


def test_an_export_is_an_archive_of_a_lerobot_dataset(here: World, mina: Client, tmp_path: Path) -> None:
    dataset = made(mina)
    api = f"/api/datasets/{dataset['id']}"
    version = post(mina, f"{api}/versions", {"version": 1})
    asked = post(mina, f"{api}/versions/1/jobs", {"kind": "export"})
    job = DatasetJob.objects.get(pk=asked["id"])
    fence = job.claim("here:1")
    assert fence is not None
    dataset_jobs.work(job, fence)
    (done,) = mina.get(f"{api}/jobs").json()
    assert (done["state"], done["problem"]) == ("done", "")
    archive = tmp_path / "got.tar"
    archive.write_bytes(body_of(mina.get(done["url"])))
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == done["result"]["sha256"]
    with tarfile.open(archive) as tar:
        names = set(tar.getnames())
        assert {entry.uname for entry in tar.getmembers()} == {""}
    root = f"tabletop-v1-{version['digest'][:8]}"
    assert f"{root}/meta/info.json" in names
    assert all(name.startswith(f"{root}/") for name in names)
    assert post(mina, f"{api}/versions/1/jobs", {"kind": "export"})["id"] == asked["id"]


def test_the_heart_beats_while_one_large_file_is_packed_and_read_back(
    mina: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However large an archive is: silent work would be begun again, for ever."""
    dataset = made(mina)
    post(mina, f"/api/datasets/{dataset['id']}/versions", {"version": 1})
    job = DatasetJob.objects.create(version=DatasetVersion.objects.get(), kind="export")
    fence = job.claim("here:1")
    assert fence is not None
    folder, archive = tmp_path / "tabletop", tmp_path / "archive.tar"
    folder.mkdir()
    (folder / "video.mp4").write_bytes(bytes(24 * MIB))
    beats = list[str]()
    beat = DatasetJob.beat

    def counted(job: DatasetJob, fence: int, **progress: Any) -> bool:
        beats.append(progress.get("step", beats[-1] if beats else ""))
        return beat(job, fence, **progress)

    monkeypatch.setattr(DatasetJob, "beat", counted)
    monkeypatch.setattr(dataset_jobs, "SYNC_EVERY", 4 * MIB)
    sha256 = dataset_jobs._pack(folder, archive, fence, dataset_jobs.Heart(job, fence, count().__next__))
    assert sha256 == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert all(beats.count(step) >= 12 for step in ("Packing", "Reading the archive back"))
    with tarfile.open(archive) as tar:
        assert [(entry.name, entry.size) for entry in tar] == [("tabletop/video.mp4", 24 * MIB)]
    assert not list(tmp_path.glob("*.partial"))


def export_of(mina: Client) -> tuple[DatasetJob, int]:
    """An export that is claimed and not begun."""
    dataset = made(mina)
    post(mina, f"/api/datasets/{dataset['id']}/versions", {"version": 1})
    job = DatasetJob.objects.create(version=DatasetVersion.objects.get(), kind="export")
    return job, job.claim("here:1") or 0


def is_heard(monkeypatch: pytest.MonkeyPatch, step: str, then: Callable[[], object]) -> None:
    """Does `then` when an export comes to that step."""
    steps = dataset_jobs.Heart.step

    def reached(heart: dataset_jobs.Heart, words: str, total: int) -> None:
        steps(heart, words, total)
        if words == step:
            then()

    monkeypatch.setattr(dataset_jobs.Heart, "step", reached)


@pytest.mark.parametrize("step", ["Writing the LeRobot dataset", "Packing", "Reading the archive back", "Keeping the archive"])
def test_an_export_that_is_cancelled_leaves_no_file(mina: Client, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """At whatever step, the last one too."""
    job, fence = export_of(mina)
    is_heard(monkeypatch, step, lambda: job.ask_to_end("Mina"))
    monkeypatch.setattr(dataset_jobs, "BEAT_S", 0.0)
    dataset_jobs.work(job, fence)
    job.refresh_from_db()
    assert job.state == "cancelled"
    assert storage.exports() == set()


def test_an_export_that_fails_leaves_no_file(mina: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    job, fence = export_of(mina)

    def no_room() -> None:
        assert storage.exports() == {job.pk}
        raise Refused("storage_full", "The disk is full.")

    is_heard(monkeypatch, "Packing", no_room)
    dataset_jobs.work(job, fence)
    job.refresh_from_db()
    assert (job.state, job.problem) == ("failed", "The disk is full.")
    assert storage.exports() == set()


def test_whoever_lost_the_work_does_not_touch_the_files_of_whoever_has_it(mina: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    job, old = export_of(mina)

    def taken_over() -> None:
        DatasetJob.objects.update(heartbeat=timezone.now() - timedelta(seconds=20))
        assert DatasetJob.objects.get().claim("there:2") == old + 1
        storage.export(job.pk).with_suffix(f".{old + 1}.partial").write_bytes(b"theirs")

    is_heard(monkeypatch, "Reading the archive back", taken_over)
    dataset_jobs.work(job, old)
    assert storage.export(job.pk).with_suffix(f".{old + 1}.partial").read_bytes() == b"theirs"
    assert not storage.export(job.pk).exists()
    assert DatasetJob.objects.get().state == "running"


def test_what_a_kill_left_of_ended_work_goes_in_a_round(mina: Client) -> None:
    job, _ = export_of(mina)
    kept, ended, unknown = job.pk, "e" * 32, "f" * 32
    DatasetJob.objects.create(pk=ended, version=job.version, kind="export", state="cancelled")
    for id in (kept, ended, unknown):
        storage.export(id).with_suffix(".1.partial").write_bytes(b"half")
        storage.export(id).with_suffix("").mkdir()
    assert dataset_jobs.expire() == 2
    assert storage.exports() == {kept}


def test_archives_of_a_version_that_must_go_go_with_it(mina: Client) -> None:
    job, fence = export_of(mina)
    dataset_jobs.work(job, fence)
    assert storage.export(job.pk).exists()
    erasing.drop_exports([job.version], "Ada")
    assert storage.exports() == set()
    job.refresh_from_db()
    assert job.state == "expired"


def test_the_heart_beats_while_one_episode_is_read(mina: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = made(mina)
    post(mina, f"/api/datasets/{dataset['id']}/versions", {"version": 1})
    heard: list[int] = []
    monkeypatch.setattr(episode_folder, "_PIECE", 1024)
    assert datasets.verify(DatasetVersion.objects.get(), heard.append) == []
    assert heard == sorted(heard) and heard[-1] == 3
    assert all(heard.count(number) > 5 for number in (0, 1, 2))


def test_damage_stops_an_export_and_is_named(here: World, mina: Client) -> None:
    dataset = made(mina)
    api = f"/api/datasets/{dataset['id']}"
    post(mina, f"{api}/versions", {"version": 1})
    post(mina, f"{api}/versions/1/jobs", {"kind": "export"})
    path = storage.folder(Episode.objects.get(number=1).pk) / "frames.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    job = DatasetJob.objects.get()
    dataset_jobs.work(job, job.claim("here:1") or 0)
    (failed,) = mina.get(f"{api}/jobs").json()
    assert failed["state"] == "failed"
    assert "frames.parquet" in failed["problem"]
    assert failed["url"] == ""
