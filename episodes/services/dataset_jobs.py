"""What people ask of long work on a version: begin it, end it.  And the work itself, done in a process of its own.

Permission was checked by the caller.
"""

from __future__ import annotations

import logging
import os
import shutil
import tarfile
import time
from collections.abc import Callable
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

from django.db import transaction
from kombu.exceptions import OperationalError

from episodes import storage
from episodes.data.manifest import Manifest
from episodes.models import DatasetJob, DatasetVersion
from episodes.services import datasets
from fleet import audit
from fleet.models import Person
from protocol.episode_folder import hash_file
from protocol.errors import Refused

_log = logging.getLogger(__name__)
BEAT_S = 1.0
MOST_DAMAGES = 200
ASKED_AGAIN_S = 10.0  # the reconciler wakes again what still waits, so that words unheard need not pile up
MIB = 1024 * 1024
SYNC_EVERY = 64 * MIB


def ask(version: DatasetVersion, kind: str, person: Person) -> DatasetJob:
    """The work, begun or under way.  A version never changes, so an archive that is still there is not made twice.

    `Refused("version_withdrawn")`.
    """
    if version.state != "frozen":
        raise Refused("version_withdrawn", f"{version} was withdrawn: {version.withdrawn_reason or 'no reason was written'}.")
    with transaction.atomic():
        DatasetVersion.objects.select_for_update().get(pk=version.pk)
        same = version.jobs.filter(kind=kind, cancelled_by="")
        there = same.filter(state__in=("queued", "running")).first()
        if there is None and kind == "export":
            there = same.filter(state="done").first()
        if there is not None:
            return there
        job = DatasetJob.objects.create(version=version, kind=kind, asked_by=person, total=version.episodes)
        dataset = version.dataset
        audit.append(
            person.shown, f"dataset_{kind}_asked", dataset.pk, dataset.organisation_id, number=version.number, job=job.pk
        )
        transaction.on_commit(lambda: wake(job.pk))
    return job


def cancel(job: DatasetJob, person: Person) -> DatasetJob:
    """`Refused("job_ended")` when there is nothing to end any more."""
    with transaction.atomic():
        if not job.ask_to_end(person.shown):
            raise Refused("job_ended", f"This work has ended already: it is {job.state}.")
        dataset = job.version.dataset
        audit.append(person.shown, f"dataset_{job.kind}_cancelled", dataset.pk, dataset.organisation_id, job=job.pk)
    return job


def wake(job: str) -> None:
    """Tells a worker to look.  Without a broker the row waits for the reconciler."""
    from episodes import jobs

    try:
        jobs.do_dataset_job.apply_async((job,), expires=ASKED_AGAIN_S)
    except OperationalError as error:
        _log.warning("work %s waits: the broker cannot be reached (%s)", job, error)


def expire() -> int:
    """Old archives go, and what no work needs any more (it was killed, or its row is gone); how many went."""
    gone = 0
    for job in DatasetJob.objects.old():
        if job.expire():
            storage.drop_export(job.pk)
            gone += 1
    left = storage.exports()  # read before the rows: a row is there before its files
    needed = DatasetJob.objects.filter(pk__in=left, state__in=("queued", "running", "done"))
    for id in left - set(needed.values_list("pk", flat=True)):
        storage.drop_export(id)
        gone += 1
    return gone


# -- the work, in a child process ------------------------------------------------------------------


class Ended(Exception):  # no error: somebody else has the work, or a person asked
    """The work must stop where it is."""


class Heart:
    """Beats at most once each `BEAT_S` and carries the progress along; raises `Ended` when the row says so."""

    def __init__(self, job: DatasetJob, fence: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._job, self._fence, self._clock = job, fence, clock
        self._beaten_s = float("-inf")
        self._alive = True

    def step(self, words: str, total: int) -> None:
        self._beaten_s = float("-inf")
        self.beat(0, step=words, total=total)

    def beat(self, done: int, **more: object) -> None:
        if self._clock() - self._beaten_s >= BEAT_S:
            self._beaten_s = self._clock()
            self._alive = self._job.beat(self._fence, done=done, **more)
        if not self._alive:
            raise Ended

    def ended(self) -> bool:
        """The same as a question, for code that asks."""
        try:
            self.beat_only()
        except Ended:
            return True
        return False

    def beat_only(self) -> None:
        if self._clock() - self._beaten_s >= BEAT_S:
            self._beaten_s = self._clock()
            self._alive = self._job.beat(self._fence)
        if not self._alive:
            raise Ended


def work(job: DatasetJob, fence: int) -> None:
    """Does it and writes how it ended."""
    heart = Heart(job, fence)
    try:
        result = _export(job, heart) if job.kind == "export" else _verify(job, heart)
    except Ended:
        stop(job, fence, "cancelled")
    except Refused as refused:
        cancelled = refused.code == "cancelled"
        stop(job, fence, "cancelled" if cancelled else "failed", "" if cancelled else refused.sentence[:500])
    else:
        if not job.end(fence, "done", result=result, done=job.total, step=""):
            stop(job, fence, "cancelled")  # asked in the last moment


def stop(job: DatasetJob, fence: int, state: str, problem: str = "") -> bool:
    """Ends it without a result; its files go, since work that is asked for again is new work.  False: another has it."""
    ended = job.end(fence, state, problem=problem)
    if ended:
        storage.drop_export(job.pk)
    return ended


def _verify(job: DatasetJob, heart: Heart) -> dict[str, object]:
    heart.step("Reading every stored byte", job.version.episodes)
    found = datasets.verify(job.version, heart.beat)
    return {"damages": [asdict(one) for one in found[:MOST_DAMAGES]], "damaged_files": len(found)}


def _export(job: DatasetJob, heart: Heart) -> dict[str, object]:
    """Proof first, then the LeRobot dataset, then one archive.  Begun again, it goes on where it was."""
    archive = storage.export(job.pk)
    heart.step("Reading every stored byte", job.version.episodes)
    manifest = datasets.verified(job.version, heart.beat)
    folder = archive.with_suffix("") / name_of(job.version)
    folder.parent.mkdir(parents=True, exist_ok=True)
    if not folder.exists():
        _write_folder(manifest, folder, heart)
    sha256 = _pack(folder, archive, job.fence, heart)
    shutil.rmtree(folder.parent)
    return {"bytes": archive.stat().st_size, "sha256": sha256, "name": f"{folder.name}.tar"}


def _write_folder(manifest: Manifest, folder: Path, heart: Heart) -> None:
    from episodes.data.lerobot.export import export

    heart.step("Writing the LeRobot dataset", 2 * manifest.rows)
    export(manifest, storage.folder, folder, progress=lambda done, total: heart.beat(done), cancelled=heart.ended)


def _pack(folder: Path, archive: Path, fence: int, heart: Heart) -> str:
    """One tar file without compression: nearly all of it is video.  Its sha256, read back.

    It grows under a name of this `fence`: whoever had the work before may not have noticed yet.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    total = sum(path.stat().st_size for path in files) // MIB + 1
    heart.step("Packing", total)
    for left in archive.parent.glob(f"{archive.stem}.*.partial"):
        left.unlink()
    partial = archive.with_suffix(f".{fence}.partial")
    with open(partial, "wb") as file:
        beating: Any = Beating(file, heart)
        with tarfile.open(fileobj=beating, mode="w") as tar:
            for path in files:
                tar.add(path, arcname=str(Path(folder.name) / path.relative_to(folder)), filter=_plain)
        beating.sync()
    heart.step("Reading the archive back", total)
    read = count(1)
    sha256 = hash_file(partial, told=lambda: heart.beat(next(read))).sha256
    heart.step("Keeping the archive", total)
    os.replace(partial, archive)
    return sha256


class Beating:
    """A file to write to that beats with every piece, and brings it to the disk often enough for that never to take long."""

    def __init__(self, file: BinaryIO, heart: Heart) -> None:
        self._file, self._heart = file, heart
        self._waiting = 0  # bytes since the disk had all of it

    def tell(self) -> int:
        return self._file.tell()

    def write(self, piece: bytes) -> int:
        written = self._file.write(piece)
        self._waiting += written
        if self._waiting >= SYNC_EVERY:
            self.sync()
        self._heart.beat(self._file.tell() // MIB)
        return written

    def sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._waiting = 0


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Nothing of this machine: no owner, no rights beyond reading."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o644
    return entry


def name_of(version: DatasetVersion) -> str:
    """A name for files: letters, digits and dashes of the dataset's name, its version, the start of its hash."""
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in version.dataset.name.lower())
    return f"{'-'.join(filter(None, plain.split('-'))) or 'dataset'}-v{version.number}-{version.digest[:8]}"
