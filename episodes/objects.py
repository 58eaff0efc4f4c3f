"""Kept episodes in an object store, behind Django's storage API (`STORAGES["episodes"]`, django-storages).

An episode arrives, is made whole and is checked on the disk; then it is pushed, and the disk is a cache of what was used last.
Only here is it known that the store speaks S3: ranges, and removing every version of an object.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files import File
from django.core.files.storage import storages
from django.utils import timezone

from episodes.models import Episode, UploadFile
from protocol.episode import FileHash
from protocol.episode_folder import META, decode_meta, hash_file
from protocol.errors import Refused

IN_USE_S = 3600.0  # a folder that was used since stays on the disk
_PIECE = 2 * 1024 * 1024
_MOST = 50  # episodes in one round
_log = logging.getLogger(__name__)


def enabled() -> bool:
    return bool(settings.REINS_S3_BUCKET)


def key(episode: str, path: str) -> str:
    return f"{episode[:2]}/{episode}/{path}"


def _store() -> Any:
    return storages["episodes"]


# -- there -----------------------------------------------------------------------------------------


def push(episode: str, folder: Path) -> None:
    """Brings a folder there and reads every byte of it back.  `Refused("store_differs")`, `Refused("unavailable")`."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    with _answering():
        for path in files:
            with open(path, "rb") as file:
                _store().save(key(episode, path.relative_to(folder).as_posix()), File(file))
        for path in files:
            name = key(episode, path.relative_to(folder).as_posix())
            if _hash(name) != hash_file(path):
                raise Refused("store_differs", f"The object store gave back other bytes of {name}. It is tried again.")


def _hash(name: str) -> FileHash:
    digest, size = hashlib.sha256(), 0
    body = _client().get_object(Bucket=_store().bucket_name, Key=_full(name))["Body"]
    for piece in body.iter_chunks(_PIECE):
        digest.update(piece)
        size += len(piece)
    return FileHash(size, digest.hexdigest())


def remove(episode: str) -> None:
    """Every object of an episode, older versions of it too; gone already is gone."""
    with _answering():
        _store().bucket.object_versions.filter(Prefix=_full(f"{episode[:2]}/{episode}/")).delete()
        _store().bucket.objects.filter(Prefix=_full(f"{episode[:2]}/{episode}/")).delete()


def is_there(episode: str) -> bool:
    with _answering():
        return any(True for _ in _store().bucket.objects.filter(Prefix=_full(f"{episode[:2]}/{episode}/")).limit(1))


# -- here ------------------------------------------------------------------------------------------


def fetch(episode: str, folder: Path) -> None:
    """The whole folder onto the disk, whole or not at all; nothing when the store does not hold it.

    `Refused("episode_damaged")` when what came is not what was recorded, `Refused("unavailable")`.
    """
    row = Episode.objects.there().filter(pk=episode).exclude(stored_at=None).first()
    if row is None:
        return
    wanted = {META: "", **{path: file["sha256"] for path, file in row.meta["files"].items()}}
    wanted |= dict(UploadFile.objects.filter(upload=episode, path=META).values_list("path", "sha256"))
    partial = folder.with_name(f".fetch-{episode}-{os.getpid()}-{time.monotonic_ns()}")
    try:
        with _answering():
            for path in wanted:
                target = partial / path
                target.parent.mkdir(parents=True, exist_ok=True)
                _client().download_file(_store().bucket_name, _full(key(episode, path)), str(target))
        decode_meta((partial / META).read_bytes())
        for path, sha256 in wanted.items():
            if sha256 and hash_file(partial / path).sha256 != sha256:
                raise Refused("episode_damaged", f"{path} of {row} came back from the object store with other bytes.", path=path)
        if not folder.exists():
            os.rename(partial, folder)
        if not Episode.objects.there().filter(pk=episode).exists():  # it had to go while it was fetched
            shutil.rmtree(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def used(folder: Path) -> None:
    """Keeps a folder on the disk for a while: the cache drops what was not used for longest."""
    os.utime(folder)


@dataclass(frozen=True, slots=True)
class Remote:
    """One file of an episode there, for `episodes.media`."""

    name: str
    piece: int = _PIECE

    def look(self) -> tuple[int, float]:
        """Size in bytes, when it was put there; FileNotFoundError, Refused("unavailable")."""
        with _answering():
            about = _client().head_object(Bucket=_store().bucket_name, Key=_full(self.name))
        return int(about["ContentLength"]), about["LastModified"].timestamp()

    def read(self, at: int, count: int) -> bytes:
        """Bytes at..at+count-1, fewer at the end."""
        with _answering():
            asked = f"bytes={at}-{at + count - 1}"
            answer = _client().get_object(Bucket=_store().bucket_name, Key=_full(self.name), Range=asked)
            return bytes(answer["Body"].read())


# -- each round ------------------------------------------------------------------------------------


def push_new(place: Callable[[str], Path]) -> int:
    """Pushes checked episodes that are not there yet; `place(id)` is the folder on the disk.  How many.

    One that cannot be pushed is logged and holds up no other; `Refused("unavailable")` when the store does not answer at all.
    """
    waiting = Episode.objects.there().filter(stored_at=None).exclude(status="received").order_by("received_at")
    count, missing = 0, []
    for episode in list(waiting.values_list("pk", flat=True)):
        if count >= _MOST:
            break
        if place(episode).exists():
            count += _push_one(episode, place(episode))
        else:
            missing.append(episode)
    if missing:
        _log.error("object store: the files of %d episodes are neither there nor here, first %s", len(missing), missing[0])
    return count


def _push_one(episode: str, folder: Path) -> bool:
    """False when it differs there, cannot be read here, or had to go meanwhile; then nothing of it stays there."""
    try:
        push(episode, folder)
        return bool(Episode.objects.there().filter(pk=episode).update(stored_at=timezone.now()))
    except OSError as error:
        _log.error("object store: episode %s cannot be read: %s", episode, error)
    except Refused as refused:
        if refused.code != "store_differs":
            raise
        _log.error("object store: episode %s: %s", episode, refused.sentence)
    finally:
        if not Episode.objects.there().filter(pk=episode).exists():
            remove(episode)
    return False


def make_room(root: Path, most_bytes: int, now_s: float | None = None) -> int:
    """Drops folders that are safe in the store and were not used for longest, until `most_bytes` are left.  How many."""
    now_s = time.time() if now_s is None else now_s
    folders = [(path, path.stat().st_mtime, _size(path)) for path in root.glob("*/*") if not path.name.startswith(".")]
    total, dropped = sum(size for _, _, size in folders), 0
    for path, used_s, size in sorted(folders, key=lambda one: one[1]):
        if total <= most_bytes or now_s - used_s < IN_USE_S:
            break
        if Episode.objects.filter(pk=path.name).exclude(stored_at=None).exists():
            aside = path.with_name(f".gone-{path.name}")
            os.rename(path, aside)
            shutil.rmtree(aside)
            total, dropped = total - size, dropped + 1
    return dropped


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


# -- its client ------------------------------------------------------------------------------------


def _client() -> Any:
    return _store().connection.meta.client


def _full(name: str) -> str:
    """With the prefix that the store puts before every name."""
    return "/".join(filter(None, (_store().location.strip("/"), name)))


@contextmanager
def _answering() -> Iterator[None]:
    """Turns what the client raises into a missing file or a plain refusal."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError, Boto3Error) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] in ("404", "NoSuchKey"):
            raise FileNotFoundError(str(error)) from error
        sentence = "The store of episodes does not answer. Repeat in a moment."
        raise Refused("unavailable", sentence, retry_after_s=5) from error
