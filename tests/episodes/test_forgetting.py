"""A person's episodes go everywhere: files, rows, dataset versions, what a robot brings later.  A signed record stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from episodes import jobs, storage
from episodes.data import examine, gist
from episodes.data.manifest import Manifest
from episodes.models import BulkChange, DatasetVersion, Episode, Erasure, VersionEpisode
from episodes.services import datasets, erasing, forgetting, retention, uploads
from episodes.services import episodes as services
from fleet import audit
from fleet.models import AuditEntry, Organisation, Person
from protocol.episode_folder import META
from protocol.errors import Refused
from tests.episodes.rig import RobotClient, World, announced, received, recorded
from tests.episodes.test_retention import frozen

pytestmark = pytest.mark.django_db
UID = "p1"  # who drives in what the rig records


@pytest.fixture
def lab(here: World) -> Organisation:
    return here.site.organisation


def episode(here: World, tmp_path: Path) -> Episode:
    return received(recorded(tmp_path / "robot", here.robot.pk, 20), here.robot)


def somebody_elses(here: World, tmp_path: Path) -> Episode:
    made = episode(here, tmp_path)
    made.drivers.update(uid="p2")
    return made


def forget(lab: Organisation, **options: Any) -> Erasure:
    erasure = forgetting.ask(UID, lab, "They asked for it.", "Ada", **options)
    assert forgetting.run(erasure)
    erasure.refresh_from_db()
    return erasure


def test_everything_of_the_person_goes_and_nothing_of_others(here: World, lab: Organisation, tmp_path: Path) -> None:
    theirs, others = episode(here, tmp_path), somebody_elses(here, tmp_path)
    label = {"version": 1, "values": {"comment": "Mina was tired"}}
    BulkChange.objects.create(person=here.mina, before={theirs.pk: label, others.pk: label})
    found = forgetting.preview(UID, lab)
    assert (found.episodes, found.size_bytes) == (1, theirs.size_bytes)
    erasure = forget(lab)
    assert (erasure.state, erasure.done) == ("done", 1)
    assert not storage.is_there(theirs.pk) and storage.is_there(others.pk)
    row = Episode.objects.get(pk=theirs.pk)
    assert "Mina" not in json.dumps([row.meta, row.findings, row.instruction, row.comment, row.tags])
    assert list(Episode.objects.present()) == [others]
    assert not row.drivers.exists() and not hasattr(row, "signature")
    assert list(BulkChange.objects.get().before) == [others.pk]


def test_versions_that_held_it_are_withdrawn_their_hashes_stay(here: World, lab: Organisation, tmp_path: Path) -> None:
    theirs, others = episode(here, tmp_path), somebody_elses(here, tmp_path)
    both = frozen(here, theirs, others)
    digest = both.digest
    forget(lab)
    both.refresh_from_db()
    assert (both.state, both.digest, bytes(both.manifest)) == ("withdrawn", digest, b"")
    assert VersionEpisode.objects.filter(version=both).count() == 2
    for use in (datasets.verified, datasets.verify, lambda version: version.content()):
        with pytest.raises(Refused, match="version_withdrawn"):
            use(both)


@pytest.mark.parametrize("how", ["forgotten", "removed"])
def test_a_draft_whose_episodes_go_while_it_is_read_is_not_frozen(
    here: World, lab: Organisation, tmp_path: Path, monkeypatch: Any, how: str
) -> None:
    theirs, build = episode(here, tmp_path), datasets.build

    def meanwhile(*args: Any) -> Manifest:
        made = build(*args)
        forget(lab) if how == "forgotten" else services.remove(theirs, theirs.version, here.mina)
        return made

    monkeypatch.setattr(datasets, "build", meanwhile)
    with pytest.raises(Refused, match="draft_changed") as refused:
        frozen(here, theirs)
    assert refused.value.detail == {"episodes": [theirs.pk]}
    assert not DatasetVersion.objects.exists()


def test_what_had_used_a_version_is_listed(here: World, lab: Organisation, tmp_path: Path, settings: Any) -> None:
    version = frozen(here, episode(here, tmp_path))
    settings.REINS_VERSION_USERS = (f"{__name__}.users",)
    assert forgetting.preview(UID, lab).users == users([version.pk])
    assert forgetting.verify(*signed(forget(lab)))["policies"] == users([version.pk])


def users(versions: list[int]) -> list[dict[str, str]]:
    return [{"kind": "policy", "id": str(version), "name": "lift-act 3"} for version in versions]


def signed(erasure: Erasure) -> tuple[str, str]:
    return erasure.record, erasure.signature


def test_the_record_proves_what_went_and_names_nobody(here: World, lab: Organisation, tmp_path: Path) -> None:
    theirs = episode(here, tmp_path)
    sha256 = theirs.meta["files"]["video/scene.mp4"]["sha256"]
    record, signature = signed(forget(lab))
    said = forgetting.verify(record, signature)
    assert said["episodes"][0]["files"]["video/scene.mp4"] == sha256 and META in said["episodes"][0]["files"]
    assert UID not in record.replace(said["server_key"], "") and "Mina" not in record
    for wrong in (record.replace(theirs.pk, "0" * 32), record + " "):
        with pytest.raises(Refused, match="signature_invalid"):
            forgetting.verify(wrong, signature)


def test_an_episode_that_comes_later_from_a_robot_is_not_taken(here: World, lab: Organisation, tmp_path: Path) -> None:
    late = recorded(tmp_path / "robot", here.robot.pk, 20)
    episode(here, tmp_path)
    forget(lab)
    robot = RobotClient(here.robot)
    robot.start(late)
    robot.put_all(late)
    answer = robot.complete(late.name)
    assert (answer.status_code, answer.json()["code"]) == (410, "episode_forgotten")
    assert not storage.is_there(late.name)
    assert not Episode.objects.filter(pk=late.name).exists()


@pytest.mark.parametrize("writes", [(examine, "_columns"), (gist, "_numbers")])
def test_what_is_written_of_it_while_it_goes_does_not_stay(
    here: World, lab: Organisation, tmp_path: Path, monkeypatch: Any, writes: tuple[Any, str]
) -> None:
    theirs = received(recorded(tmp_path / "robot", here.robot.pk, 20), here.robot, checked=False)
    others = received(recorded(tmp_path / "robot", here.robot.pk, 20), here.robot, checked=False)
    others.drivers.update(uid="p2")
    real, once = getattr(*writes), []

    def meanwhile(*args: Any) -> Any:
        if not once:
            once.append(forget(lab))
        return real(*args)

    monkeypatch.setattr(*writes, meanwhile)
    for made in (theirs, others):
        jobs.check_episode(made.pk)
    assert once and not storage.is_there(theirs.pk)
    assert {path.name for path in storage.derived(others.pk).iterdir()} > {storage.COLUMNS, storage.STRIP}


def test_an_upload_that_becomes_whole_at_that_moment_is_not_taken(
    here: World, lab: Organisation, tmp_path: Path, monkeypatch: Any
) -> None:
    episode(here, tmp_path)
    upload, keep = announced(recorded(tmp_path / "robot", here.robot.pk, 20), here.robot), storage.keep

    def meanwhile(id: str) -> None:
        forget(lab)
        keep(id)

    monkeypatch.setattr(storage, "keep", meanwhile)
    with pytest.raises(Refused, match="episode_forgotten"):
        uploads.complete(upload)
    assert not storage.is_there(upload.pk) and not forgetting.episodes_of(UID, lab).exists()
    with pytest.raises(Refused, match="episode_forgotten"):
        uploads.complete(upload)


def test_what_has_arrived_of_their_other_uploads_goes(here: World, lab: Organisation, tmp_path: Path) -> None:
    theirs, others, unknown = (announced(recorded(tmp_path / "robot", here.robot.pk, 20), here.robot) for _ in range(3))
    described = storage.incoming(others.pk) / META
    described.write_bytes(described.read_bytes().replace(b'"p1"', b'"p2"'))
    (storage.incoming(unknown.pk) / META).unlink()
    forget(lab)
    assert not storage.is_there(theirs.pk) and storage.is_there(others.pk)
    with pytest.raises(Refused, match="episode_forgotten"):
        uploads.complete(theirs)
    assert storage.is_there(unknown.pk)  # whose it is shows when it is described, and then it is not taken


def test_what_a_kill_left_of_it_is_found_within_a_day(here: World, lab: Organisation, tmp_path: Path, caplog: Any) -> None:
    theirs = episode(here, tmp_path)
    fetched = storage.place(theirs.pk).with_name(f".fetch-{theirs.pk}-1-1")
    fetched.mkdir()
    forget(lab)
    assert not fetched.exists()
    storage.derived(theirs.pk).mkdir(parents=True)
    jobs.keep_no_longer()
    assert not storage.is_there(theirs.pk) and theirs.pk in caplog.text


def test_a_kill_amid_it_is_gone_on_with(here: World, lab: Organisation, tmp_path: Path, monkeypatch: Any) -> None:
    first, second = episode(here, tmp_path), episode(here, tmp_path)
    version = frozen(here, first, second)
    erasure = forgetting.ask(UID, lab, "They asked for it.", "Ada")

    def killed(*_: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(erasing, "erase_files", killed)
        forgetting.run(erasure)
    assert not forgetting.run(Erasure.objects.get())  # its heart beat a moment ago
    Erasure.objects.update(heartbeat=None)
    jobs.erasures()
    erasure.refresh_from_db()
    assert erasure.state == "done" and not storage.is_there(first.pk) and not storage.is_there(second.pk)
    assert forgetting.verify(*signed(erasure))["dataset_versions"][0]["sha256"] == version.digest


def test_the_account_goes_too_when_asked(here: World, lab: Organisation, tmp_path: Path) -> None:
    made = episode(here, tmp_path)
    made.drivers.update(uid=here.mina.uid)
    forgetting.run(forgetting.ask(here.mina.uid, lab, "They asked for it.", "Ada", account=True))
    person = Person.objects.get(pk=here.mina.pk)
    assert (person.first_name, person.email, person.is_active, person.memberships.count()) == ("", "", False, 0)
    assert person.username.startswith("deleted-")


def test_an_account_of_two_organisations_is_not_one_of_thems_to_delete(here: World, lab: Organisation) -> None:
    with pytest.raises(Refused, match="account_shared"):
        forgetting.ask(here.otto.uid, lab, "They asked for it.", "Ada", account=True)


@pytest.mark.parametrize("reason", ["", "   ", "two\nlines"])
def test_it_is_not_begun_without_a_reason_nor_twice(here: World, lab: Organisation, reason: str) -> None:
    with pytest.raises(Refused, match="reason_missing"):
        forgetting.ask(UID, lab, reason, "Ada")
    forgetting.ask(UID, lab, "They asked for it.", "Ada")
    with pytest.raises(Refused, match="erasure_running"):
        forgetting.ask(UID, lab, "They asked again.", "Ada")


def test_the_log_holds_both_steps_without_the_person(here: World, lab: Organisation, tmp_path: Path) -> None:
    episode(here, tmp_path)
    forget(lab)
    entries = AuditEntry.objects.filter(act__startswith="erasure")
    assert {entry.act for entry in entries} == {"erasure_asked", "erasure_done"}
    assert UID not in json.dumps([entry.detail for entry in entries])
    assert not list(audit.problems())


def test_the_commands_preview_delete_and_verify(here: World, lab: Organisation, tmp_path: Path, capsys: Any) -> None:
    theirs = episode(here, tmp_path)
    call_command("forget_person", UID, organisation="Lab")
    assert "1 episodes" in capsys.readouterr().out and storage.is_there(theirs.pk)
    kept = tmp_path / "record.json"
    call_command("forget_person", UID, organisation="Lab", reason="They asked for it.", yes=True, record=kept)
    call_command("verify_erasure", kept)
    assert "1 episodes deleted" in capsys.readouterr().out
    kept.write_text(kept.read_text().replace("They asked", "We wanted"))
    with pytest.raises(CommandError, match="changed"):
        call_command("verify_erasure", kept)
    with pytest.raises(CommandError, match="Nobody is called"):
        call_command("forget_person", "nobody", organisation="Lab")


def test_the_command_writes_no_record_of_what_a_worker_does(
    here: World, lab: Organisation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    episode(here, tmp_path)
    asked = forgetting.ask

    def and_begun(*what: Any) -> Erasure:
        erasure = asked(*what)
        assert Erasure.objects.get(pk=erasure.pk).claim() is not None
        return erasure

    monkeypatch.setattr(forgetting, "ask", and_begun)
    kept = tmp_path / "record.json"
    with pytest.raises(CommandError, match="worker does it already"):
        call_command("forget_person", UID, organisation="Lab", reason="They asked for it.", yes=True, record=kept)
    assert not kept.exists()


def test_a_copy_put_back_by_hand_is_noticed(here: World, lab: Organisation, tmp_path: Path) -> None:
    theirs = episode(here, tmp_path)
    said = forgetting.verify(*signed(forget(lab)))
    assert forgetting.still_there(said) == []
    storage.folder(theirs.pk).mkdir(parents=True)
    assert forgetting.still_there(said) == [theirs.pk]
    assert retention.run() == (0, 0)
