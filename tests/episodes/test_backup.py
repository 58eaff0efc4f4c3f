"""A backup put back gives the same rows and files, on either database; what is no whole backup changes nothing."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings as site
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from episodes import storage
from episodes.backup import site as walk
from episodes.backup.archive import SUMS, Reader
from episodes.backup.site import back_up, restore
from episodes.models import DatasetVersion, Episode, Erasure, Upload
from episodes.services import erasing, forgetting, uploads
from fleet import audit, jobs, keys
from fleet.models import AuditEntry, Organisation, Person, Robot
from protocol.episode_folder import check_folder
from protocol.errors import Refused
from tests.episodes.rig import announced, received, recorded, world
from tests.episodes.test_retention import frozen

ROOT = Path(__file__).resolve().parents[2]
#: what a new machine does: restore, prove the audit log, back up again while somebody goes on working
AGAIN = """
import sys, threading, django
from django.core.management import call_command
django.setup()
from episodes.backup import rows
from fleet.models import Organisation

real = rows.lines

def meanwhile(model, alias):
    if model._meta.label == "auth.Group":  # the first table there is
        writing = threading.Thread(target=Organisation.objects.create, kwargs={"name": "Late"})
        writing.start()
        writing.join()
    return real(model, alias)

call_command("restore", sys.argv[1])
call_command("verify_audit")
rows.lines = meanwhile
call_command("backup", sys.argv[2])
assert Organisation.objects.filter(name="Late").exists()
"""


@pytest.fixture
def data(tmp_path: Path, settings: Any, media: Path) -> Path:
    settings.REINS_DATA_DIR = tmp_path / "data"
    settings.REINS_MEDIA_DIR = tmp_path / "data" / "media"
    return tmp_path / "data"


@pytest.fixture
def backup(transactional_db: None, data: Path, tmp_path: Path) -> Path:
    """Of a site with two episodes, a frozen version, an erased one, an upload half way and a log."""
    here = world()
    kept, other, gone = (received(recorded(tmp_path / "r", here.robot.pk, 20), here.robot) for _ in range(3))
    frozen(here, kept, other)
    erasing.erase(gone.pk, "test")
    announced(recorded(tmp_path / "r", here.robot.pk, 20), here.robot)
    audit.append("mina", "drove", "kestrel-1", metres=0.1, at_ns=1_790_000_000_123_456_789)
    jobs.write_audit_head()
    keys.public_key()
    (data / "secret_key").write_text("kept as it is")
    file = tmp_path / "site.backup"
    back_up(file)
    return file


def members(file: Path) -> dict[str, Any]:
    """Rows as values, files as hashes; without what says when it was made."""
    found: dict[str, Any] = {}
    with tarfile.open(file) as tar:
        for info in tar:
            raw = (tar.extractfile(info) or io.BytesIO()).read()
            if info.name.startswith("rows/"):
                found[info.name] = [json.loads(line) for line in raw.splitlines()]
            elif info.name.startswith(("media/", "data/")):
                found[info.name] = hashlib.sha256(raw).hexdigest()
    return found


def again(backup: Path, folder: Path, database: str) -> tuple[str, Path]:
    """What `AGAIN` says on another machine that works on this database, and its own backup."""
    folder.mkdir()
    after = folder / "again.backup"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("REINS_", "DATABASE"))}
    new = {"REINS_MODE": "test", "REINS_DATA_DIR": str(folder / "data"), "DJANGO_SETTINGS_MODULE": "config.settings"}
    run = [sys.executable, "-c", AGAIN, str(backup), str(after)]
    env = {**kept, **new, "DATABASE_URL": database}
    done = subprocess.run(run, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout, after


@pytest.fixture
def postgresql(postgres_url: str) -> str:
    """The address of an empty database on a real PostgreSQL."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE elsewhere")
    return postgres_url.replace("/postgres?", "/elsewhere?")


def test_a_backup_comes_back_the_same_from_sqlite_to_postgresql_and_back(
    backup: Path, data: Path, tmp_path: Path, settings: Any, postgresql: str
) -> None:
    before = members(backup)
    assert len(before["rows/episodes.Episode.jsonl"]) == 4
    said, of_postgresql = again(backup, tmp_path / "elsewhere", postgresql)
    assert "the chain is whole" in said, said
    assert members(of_postgresql) == before  # what was written while it was made is not in it
    for episode in Episode.objects.there():
        check_folder(tmp_path / "elsewhere" / "data" / "media" / "episodes" / episode.pk[:2] / episode.pk)
    settings.REINS_DATA_DIR, settings.REINS_MEDIA_DIR = tmp_path / "third", tmp_path / "third" / "media"
    restore(of_postgresql, force=True)
    assert not list(audit.problems())
    back_up(tmp_path / "third.backup")
    assert members(tmp_path / "third.backup") == before
    assert kept_apart(postgresql) == {"meta", "findings", "comment"}


def kept_apart(database: str) -> set[str]:
    """Columns of an episode that this database may move out of its row; any other would be fetched for every row counted."""
    query = """SELECT attname FROM pg_attribute WHERE attrelid = 'episodes_episode'::regclass AND attnum > 0
               AND NOT attisdropped AND attstorage IN ('x', 'e')"""
    with psycopg.connect(database) as connection:
        return {name for (name,) in connection.execute(query)}


def test_a_site_that_holds_data_is_replaced_only_by_force(backup: Path, data: Path) -> None:
    with pytest.raises(Refused, match="not_empty"):
        restore(backup)
    Person.objects.update(first_name="Changed")
    shutil.rmtree(site.REINS_MEDIA_DIR)
    restore(backup, force=True)
    assert Person.objects.get(username="mina").first_name == "Mina"
    assert not list(audit.problems())
    for episode in Episode.objects.there():
        check_folder(site.REINS_MEDIA_DIR / "episodes" / episode.pk[:2] / episode.pk)
    audit.append("mina", "drove", "kestrel-1")  # numbers go on
    assert not list(audit.problems())


def test_an_episode_that_became_whole_between_rows_and_files_is_taken_in(backup: Path, data: Path, tmp_path: Path) -> None:
    upload = Upload.objects.get(state="receiving")
    late = tmp_path / "late.backup"
    media = site.REINS_MEDIA_DIR
    (media / "episodes" / upload.pk[:2]).mkdir(exist_ok=True)
    (media / "incoming" / upload.pk / "events.jsonl").touch()  # as the last step before the move does
    os.rename(media / "incoming" / upload.pk, media / "episodes" / upload.pk[:2] / upload.pk)
    back_up(late)
    assert restore(late, force=True).adopted == 1
    assert Episode.objects.get(pk=upload.pk).rows == 20


def test_an_upload_that_became_whole_while_files_were_read_is_in_the_backup(
    backup: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the folder of episodes was read, before anybody would look again: its robot has no copy any more."""
    upload, below = Upload.objects.get(state="receiving"), walk._below

    def meanwhile(place: Path, media: Path) -> Iterator[tuple[str, Path]]:
        yield from below(place, media)
        if place.name == "episodes":
            uploads.complete(Upload.objects.get(pk=upload.pk))

    late = tmp_path / "late.backup"
    with monkeypatch.context() as patched:
        patched.setattr(walk, "_below", meanwhile)
        assert back_up(late).missing == []
    done = restore(late, force=True)
    assert (done.adopted, done.missing) == (1, [])
    check_folder(storage.place(upload.pk))
    assert not storage.incoming(upload.pk).exists()


def test_episodes_without_their_files_are_named_when_they_are_kept_and_put_back(
    backup: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = Episode.objects.there().order_by("pk")[0]
    (storage.place(lost.pk) / "video" / "scene.mp4").unlink()
    file = tmp_path / "short.backup"
    with pytest.raises(CommandError, match=f"1 episodes lack files: {lost.pk}"):
        call_command("backup", str(file))
    with pytest.raises(CommandError, match=f"put back, but 1 episodes lack files: {lost.pk}"):
        call_command("restore", str(file), "--force")
    assert Episode.objects.filter(pk=lost.pk).exists()


def test_what_was_deleted_since_the_backup_goes_again_and_stays_away(backup: Path, data: Path, tmp_path: Path) -> None:
    lab, robot = Organisation.objects.get(name="Lab"), Robot.objects.get(name="kestrel-1")
    theirs = set(forgetting.episodes_of("p1", lab).values_list("pk", flat=True))
    late = recorded(tmp_path / "r", robot.pk, 20)
    first = forgetting.ask("p1", lab, "They asked for it.", "Ada")
    forgetting.run(first)
    first.refresh_from_db()
    assert restore(backup, force=True).forgotten == 1
    assert len(theirs) == 2 and not any(storage.is_there(episode) for episode in theirs)
    assert not forgetting.episodes_of("p1", lab).exists()
    assert {version.state for version in DatasetVersion.objects.all()} == {"withdrawn"}
    records = {row.pk: forgetting.verify(row.record, row.signature) for row in Erasure.objects.all()}
    assert len(records) == 2 and records[first.pk]["id"] == first.pk
    assert all({one["id"] for one in record["episodes"]} == theirs for record in records.values())
    assert not Upload.objects.filter(state="receiving").exists()  # the one that was half there was theirs too
    with pytest.raises(Refused, match="episode_forgotten"):
        uploads.complete(announced(late, robot))
    assert restore(backup, force=True).forgotten == 1 and not list(audit.problems())


def test_a_deletion_that_had_begun_is_ended_after_a_restore(backup: Path, data: Path) -> None:
    lab, mina = Organisation.objects.get(name="Lab"), Person.objects.get(username="mina")
    Episode.objects.first().drivers.update(uid=mina.uid)
    forgetting.ask(mina.uid, lab, "They asked for it.", "Ada", account=True)
    back_up(backup)
    Erasure.objects.update(state="running", fence=4, heartbeat=timezone.now())
    assert restore(backup, force=True).forgotten == 1
    assert (Erasure.objects.get().state, Person.objects.get(pk=mina.pk).is_active) == ("done", False)
    assert restore(backup, force=True).forgotten == 1  # the account is there again, and goes again
    assert not Person.objects.get(pk=mina.pk).is_active


def test_files_that_were_there_come_back_when_the_rows_cannot_be_changed(
    backup: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the database goes away at the very end."""
    Person.objects.update(first_name="Changed")
    (site.REINS_MEDIA_DIR / "episodes" / "aa").mkdir(exist_ok=True)
    (site.REINS_MEDIA_DIR / "episodes" / "aa" / "here").write_text("since")
    ending = transaction.Atomic.__exit__

    def lost(atomic: Any, kind: Any, value: Any, trace: Any) -> Any:
        if kind is None and not (site.REINS_MEDIA_DIR / "episodes" / "aa" / "here").exists():
            value = OSError("The database is gone.")
            ending(atomic, OSError, value, None)
            raise value
        return ending(atomic, kind, value, trace)

    with monkeypatch.context() as patched, pytest.raises(OSError, match="database is gone"):
        patched.setattr(transaction.Atomic, "__exit__", lost)
        restore(backup, force=True)
    assert Person.objects.get(username="mina").first_name == "Changed"
    assert (site.REINS_MEDIA_DIR / "episodes" / "aa" / "here").read_text() == "since"
    for episode in Episode.objects.there():
        check_folder(storage.place(episode.pk))
    assert not list(site.REINS_MEDIA_DIR.glob(".*"))
    restore(backup, force=True)
    assert Person.objects.get(username="mina").first_name == "Mina"
    assert not list(site.REINS_MEDIA_DIR.glob(".*"))


def test_the_file_is_for_nobody_else_and_whole_or_absent(backup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert backup.stat().st_mode & 0o777 == 0o600
    cut = backup.with_name("cut.backup")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("episodes.backup.site._add_file", full)
    with pytest.raises(OSError, match="No space"):
        back_up(cut)
    assert [path.name for path in backup.parent.glob("*cut*")] == [] and not cut.exists()


# -- what is no whole backup -----------------------------------------------------------------------


def flipped(file: Path) -> None:
    raw = bytearray(file.read_bytes())
    at = raw.index(b"Put the cube in the tray")
    raw[at] ^= 1
    file.write_bytes(raw)


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def compressed(file: Path) -> None:
    import gzip

    file.write_bytes(gzip.compress(b"\0" * 50_000_000))  # a bomb: 1000 times larger than it looks


def without_checksums(file: Path) -> None:
    rewritten(file, lambda info, raw: None if info.name == SUMS else raw)


def rewritten(file: Path, change: Callable[[tarfile.TarInfo, bytes], bytes | None]) -> None:
    with tarfile.open(file) as old:
        kept = [(info, (old.extractfile(info) or io.BytesIO()).read()) for info in old]
    with tarfile.open(file, "w") as new:
        for info, raw in kept:
            after = change(info, raw)
            if after is not None:
                info.size = len(after)
                new.addfile(info, io.BytesIO(after))


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (flipped, "backup_damaged"),
        (cut_short, "backup_damaged"),
        (compressed, "not_a_backup"),
        (without_checksums, "backup_damaged"),
    ],
)
def test_rows_51_and_52_a_spoilt_backup_is_refused_and_nothing_changes(
    backup: Path, data: Path, spoil: Callable[[Path], None], code: str
) -> None:
    before = AuditEntry.objects.count(), sorted(path.name for path in site.REINS_MEDIA_DIR.rglob("*"))
    spoil(backup)
    with pytest.raises(Refused, match=code):
        restore(backup, force=True)
    assert (AuditEntry.objects.count(), sorted(path.name for path in site.REINS_MEDIA_DIR.rglob("*"))) == before


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../../etc/cron.d/x", tarfile.REGTYPE),
        ("/etc/passwd", tarfile.REGTYPE),
        ("media/../../x", tarfile.REGTYPE),
        ("media/.hidden", tarfile.REGTYPE),
        ("data/a/b/c", tarfile.REGTYPE),
        ("media/episodes/link", tarfile.SYMTYPE),
        ("media/episodes/link", tarfile.LNKTYPE),
        ("media/episodes/disk", tarfile.BLKTYPE),
        ("media/episodes/null", tarfile.CHRTYPE),
        ("media/episodes/pipe", tarfile.FIFOTYPE),
        ("media/episodes/hole", tarfile.GNUTYPE_SPARSE),
        ("media/\u202efdp.exe", tarfile.REGTYPE),
    ],
)
def test_row_51_a_member_that_could_lead_elsewhere_is_refused(tmp_path: Path, name: str, kind: bytes) -> None:
    file = tmp_path / "bad.backup"
    with tarfile.open(file, "w") as tar:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, "/etc/passwd"
        tar.addfile(info)
    with pytest.raises(Refused, match=r"backup_member|backup_damaged") as refused:
        Reader(file)
    assert "Nothing was restored" in refused.value.sentence or "cut short" in refused.value.sentence
