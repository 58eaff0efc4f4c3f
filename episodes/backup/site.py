"""Backs up a whole site, rows and files of one moment, and puts one back.  Used by `manage.py backup` and `restore`."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from episodes import storage
from episodes.backup import erasures, rows
from episodes.backup.archive import ABOUT, About, Reader, Writer
from episodes.models import Episode, Upload, UploadFile
from episodes.services import forgetting, uploads
from fleet import audit, keys
from protocol.episode_folder import META
from protocol.errors import Refused

KEYS = ("signing_key", "secret_key")
HEADS = "audit-heads"
NOT_KEPT = ("exports",)  # folders of what can be made again
BEFORE = ".before-restore"  # what was there, until rows and files have both changed
Say = Callable[[str], None]
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Result:
    rows: dict[str, int] = field(default_factory=dict)
    files: int = 0
    size_bytes: int = 0
    adopted: int = 0  # episodes that arrived while the backup was made
    missing: list[str] = field(default_factory=list)  # ids of episodes that have a row and lack files
    forgotten: int = 0  # deletions that are newer than the backup and were done again


def back_up(path: Path, say: Say = lambda sentence: None) -> Result:
    """Writes one file.  Rows first, then files: those never change once a row names them, and more may be there.

    An episode whose files are nowhere ends nothing: it is named in `missing`, and the rest is kept.
    """
    writer, result = Writer(path), Result()
    try:
        with rows.snapshot() as alias:
            about = About(
                made_at=timezone.now().isoformat(timespec="seconds"),
                database=connection.vendor,
                server_key=keys.public_key(),
                migrations=rows.applied(alias),
            )
            writer.add_bytes(ABOUT, msgspec.json.encode(about))
            for model in rows.tables():
                result.rows[model._meta.label] = _add_rows(writer, model, alias)
            there = list(Episode.objects.using(alias).there().order_by("pk").values_list("pk", flat=True))
            arriving = list(Upload.objects.using(alias).filter(state="receiving").values_list("pk", flat=True))
        for name, file in _files():
            if _add_file(writer, name, file):
                result.files += 1
            else:
                say(f"{name} went while the backup was made.")
        result.files += sum(_add_moved(writer, upload) for upload in arriving)
        for episode in there:
            result.files += _add_far(writer, episode)
            if _lacks(writer, episode) and Episode.objects.there().filter(pk=episode).exists():  # else it had to go meanwhile
                result.missing.append(episode)
        result.size_bytes = writer.finish()
    except BaseException:
        writer.abandon()
        raise
    return result


def _add_rows(writer: Writer, model: type, alias: str) -> int:
    count = -1  # the first line names the columns
    with tempfile.TemporaryFile() as file:
        for line in rows.lines(model, alias):
            file.write(line)
            count += 1
        size = file.tell()
        file.seek(0)
        writer.add(f"rows/{model._meta.label}.jsonl", file, size)  # type: ignore[attr-defined]
    return count


def _add_moved(writer: Writer, episode: str) -> int:
    """An upload that became whole after its place was looked at; how many files were new."""
    found = list(_below(storage.place(episode), Path(settings.REINS_MEDIA_DIR)))
    return sum(_add_file(writer, name, file) for name, file in found if name not in writer)


def _add_far(writer: Writer, episode: str) -> int:
    """An episode that lies in an object store alone, or was put there meanwhile, is fetched, so that the backup is whole."""
    if not _lacks(writer, episode):
        return 0
    storage.folder(episode)
    return _add_moved(writer, episode)


def _lacks(writer: Writer, episode: str) -> bool:
    start = f"media/{storage.place(episode).relative_to(settings.REINS_MEDIA_DIR).as_posix()}"
    return any(f"{start}/{path}" not in writer for path in _announced(episode))


def _announced(episode: str) -> list[str]:
    """The paths of its files."""
    return list(UploadFile.objects.filter(upload=episode).values_list("path", flat=True)) or [META]


def _files() -> Iterator[tuple[str, Path]]:
    """(name in the archive, path): keys, heads of the audit log, everything of episodes."""
    data, media = Path(settings.REINS_DATA_DIR), Path(settings.REINS_MEDIA_DIR)
    for name in KEYS:
        if (data / name).is_file():
            yield f"data/{name}", data / name
    for head in sorted((data / HEADS).glob("*.json")):
        yield f"data/{HEADS}/{head.name}", head
    places = sorted(media.iterdir(), key=lambda path: (path.name != "incoming", path.name)) if media.is_dir() else []
    for place in places:  # what arrives first: it moves to the others, never back
        if place.name not in NOT_KEPT:
            yield from _below(place, media)


def _below(place: Path, media: Path) -> Iterator[tuple[str, Path]]:
    """Plain files with plain names; what is half written or half removed begins with a dot."""
    for folder, folders, files in os.walk(place):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(folder) / name
            if not name.startswith(".") and path.is_file() and not path.is_symlink():
                yield f"media/{path.relative_to(media).as_posix()}", path


def _add_file(writer: Writer, name: str, path: Path) -> bool:
    """As long as it was when it was opened: an upload may go on growing.  False when it went meanwhile."""
    try:
        file = open(path, "rb")  # noqa: SIM115  # closed below
    except FileNotFoundError:
        return False
    with file:
        writer.add(name, file, os.fstat(file.fileno()).st_size)
    return True


# -- back ------------------------------------------------------------------------------------------


def restore(path: Path, force: bool = False) -> Result:
    """Reads everything before it changes anything; rows and files then change together.

    What was deleted at somebody's wish since the backup was made is deleted again.

    Refused: what `Reader` refuses, `not_empty`, `other_version`, `storage_full`, `backup_damaged`.
    """
    reader = Reader(path)
    try:
        if not force and not (rows.is_empty() and _no_episodes()):
            raise Refused("not_empty", "This site holds data already. Restore into an empty one, or add --force to replace it.")
        call_command("migrate", verbosity=0)
        _check_version(reader.about)
        if (room := shutil.disk_usage(_made(Path(settings.REINS_DATA_DIR))).free) < reader.total_bytes:
            raise storage.full(room)
        return _put_back(reader)
    finally:
        reader.close()


def _check_version(about: About) -> None:
    here = rows.applied()
    if about.migrations != here:
        odd = sorted({tuple(one) for one in about.migrations} ^ {tuple(one) for one in here})[0]
        raise Refused(
            "other_version",
            f"This backup is of another version of Reins ({'.'.join(odd)}). Restore it with that version, then upgrade.",
        )


def _no_episodes() -> bool:
    media = Path(settings.REINS_MEDIA_DIR)
    return not any((media / "episodes").glob("*/*"))


def _put_back(reader: Reader) -> Result:
    media, data = _made(Path(settings.REINS_MEDIA_DIR)), _made(Path(settings.REINS_DATA_DIR))
    fresh, result = media.with_name(f".{media.name}.restored"), Result()
    shutil.rmtree(fresh, ignore_errors=True)
    for name in reader.names("media/"):
        reader.extract(name, fresh / name.removeprefix("media/"))
        result.files += 1
    fresh.mkdir(exist_ok=True)
    with _swapped(media, fresh) as swap, transaction.atomic():
        asked = erasures.known()
        rows.clear()
        for model in rows.tables():
            result.rows[model._meta.label] = rows.fill(model, reader.lines(f"rows/{model._meta.label}.jsonl"))
        rows.count_on()
        Episode.objects.update(stored_at=None)  # an object store is not part of the backup: what is here is pushed again
        if problem := next(audit.problems(), ""):
            raise Refused("backup_damaged", f"The audit log in this backup is not whole: {problem}")
        due = erasures.carry(asked)
        swap()
    for name in reader.names("data/"):
        reader.extract(name, data / name.removeprefix("data/"))
        result.files += 1
    result.size_bytes = reader.total_bytes
    result.adopted = _adopt()
    result.forgotten = sum(forgetting.run(erasure) for erasure in due)
    for episode in Episode.objects.there().order_by("pk").values_list("pk", flat=True):
        if not all((storage.place(episode) / path).is_file() for path in _announced(episode)):
            result.missing.append(episode)
    return result


def named(missing: list[str]) -> str:
    """A sentence that names the first of them."""
    more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
    return f"{len(missing)} episodes lack files: {', '.join(missing[:5])}{more}. Look for them in an earlier backup."


@contextmanager
def _swapped(media: Path, fresh: Path) -> Iterator[Callable[[], None]]:
    """Gives what swaps the content of the two; the old one goes when all went well, and comes back when anything failed.

    The content, not the folders: `media` may be a mount.
    """
    old, begun, aside = media / BEFORE, False, False

    def swap() -> None:
        nonlocal begun, aside
        shutil.rmtree(old, ignore_errors=True)
        old.mkdir()
        begun = True
        _move(media, old)
        aside = True
        _move(fresh, media)

    try:
        yield swap
    except BaseException:
        for path in [path for path in media.iterdir() if path != old] if aside else ():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        if begun:
            _move(old, media)
            old.rmdir()
        raise
    shutil.rmtree(old)
    fresh.rmdir()


def _move(source: Path, target: Path) -> None:
    for path in [path for path in source.iterdir() if path.name != BEFORE]:
        shutil.move(path, target / path.name)


def _adopt() -> int:
    """Episodes that became whole between the rows and the files of the backup: their robots have no copy any more."""
    count = 0
    for upload in Upload.objects.filter(state="receiving").select_related("robot__site__organisation"):
        if storage.folder(upload.pk).exists():
            upload.files.update(offset=F("size"))
            try:
                count += uploads.complete(upload).state == "kept"
            except Refused as refused:  # somebody in it has had their data deleted since
                _log.warning("episode %s was not taken in: %s", upload.pk, refused.sentence)
            storage.drop(upload.pk)  # as far as it was when the backup began
    return count


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
