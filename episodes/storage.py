"""Where the files of episodes lie on the server, and how pieces get there.  Names come from a closed grammar only."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings

from episodes import objects
from protocol.episode_folder import is_episode_file, is_episode_id
from protocol.errors import Refused

POSTER, COLUMNS, STRIP, GIST = "poster.jpg", "columns.f32", "strip.jpg", "gist.msgpack"
_HALF = (".fetch", ".gone", ".importing")  # how folders begin that somebody is making or removing


def incoming(episode: str) -> Path:
    """Where an upload grows."""
    return _root("incoming") / _checked(episode)


def place(episode: str) -> Path:
    """Where the whole episode folder lies on this machine, whether it does or not."""
    return _root("episodes") / _checked(episode)[:2] / episode


def folder(episode: str) -> Path:
    """The whole episode folder; never written to again.  One that lies in the object store alone is fetched first."""
    path = place(episode)
    if objects.enabled():
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            objects.fetch(episode, path)
        if path.exists():
            objects.used(path)
    return path


def source(episode: str, path: str) -> Path | objects.Remote:
    """One file of an episode, wherever it lies, to be read in parts without fetching the rest."""
    here = place(episode) / path
    return objects.Remote(objects.key(episode, path)) if objects.enabled() and not here.exists() else here


def read(episode: str, path: str, most: int) -> bytes:
    """The first `most` bytes of one file of an episode; FileNotFoundError."""
    found = source(episode, path)
    if isinstance(found, Path):
        with open(found, "rb") as file:
            return file.read(most)
    size, _ = found.look()
    return found.read(0, min(most, size)) if size else b""


def derived(episode: str) -> Path:
    """What the check made from it and can make again: a poster, the columns for the player."""
    return _root("derived") / _checked(episode)


def export(job: str) -> Path:
    """The archive that an export leaves; the folder of the same name beside it is its work."""
    return _root("exports") / f"{_checked(job)}.tar"


def exports() -> set[str]:
    """Ids of the work of which there is an archive, or something half made."""
    return {path.name[:32] for path in _root("exports").iterdir() if is_episode_id(path.name[:32])}


def free_bytes() -> int:
    """Room on the disk above the reserve."""
    reserve = settings.REINS_MEDIA_RESERVE_MB * 1024 * 1024
    return max(0, shutil.disk_usage(_root("incoming")).free - reserve)


def write_piece(episode: str, path: str, offset: int, piece: bytes) -> None:
    """Brings one piece to the disk; `Refused("storage_full")` when it does not fit."""
    if not is_episode_file(path):
        raise Refused("file_name", "This is no file of an episode.")
    target = incoming(episode) / path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        new = not target.exists()
        fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
        try:
            view, at = memoryview(piece), offset
            while view:
                written = os.pwrite(fd, view, at)
                view, at = view[written:], at + written
            os.fdatasync(fd)
        finally:
            os.close(fd)
        if new:  # its name, too, must outlive a loss of power: the offset will
            for folder in (target.parent, incoming(episode), _root("incoming")):
                _fsync(folder)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise full(0) from error
        raise


def touch(episode: str, path: str) -> None:
    """An announced file without bytes exists too."""
    target = incoming(episode) / path
    if is_episode_file(path) and not place(episode).exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()


@contextmanager
def alone(episode: str) -> Iterator[None]:
    """One at a time with the files of this episode, over all processes; the lock moves with the folder."""
    fd = _open(episode)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _open(episode: str) -> int:
    for where in (place, incoming, place):  # it may be moved between the two looks
        with suppress(FileNotFoundError):
            return os.open(where(episode), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    incoming(episode).mkdir(parents=True, exist_ok=True)
    return os.open(incoming(episode), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def keep(episode: str) -> None:
    """Moves a whole upload to its place at once; done already is done."""
    source, target = incoming(episode), place(episode)
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.exists() and not target.exists():
        for path in (*source.rglob("*"), source):
            _fsync(path)
        os.rename(source, target)
        _fsync(target.parent)


def take_back(episode: str) -> None:
    """What was kept before its row was written, and is not whole, goes on arriving."""
    if place(episode).exists():
        drop(episode)
        os.rename(place(episode), incoming(episode))


def drop(episode: str) -> None:
    """Forgets an upload that will not be taken."""
    shutil.rmtree(incoming(episode), ignore_errors=True)


def arriving() -> list[str]:
    """Ids of episodes of which some files lie where uploads grow."""
    return sorted(path.name for path in _root("incoming").iterdir() if is_episode_id(path.name))


def arrived_at(episode: str) -> float:
    """When the last piece came, in Unix seconds; 0 when there is none."""
    return max((path.stat().st_mtime for path in incoming(episode).rglob("*") if path.is_file()), default=0.0)


def sweep(before_s: float) -> int:
    """Removes what was half made or half removed and not touched since; how many folders."""
    media = Path(settings.REINS_MEDIA_DIR)
    left = [path for depth in ("", "*/", "*/*/") for kind in _HALF for path in media.glob(f"{depth}{kind}-*")]
    old = [path for path in left if path.lstat().st_mtime < before_s]
    for path in old:
        shutil.rmtree(path, ignore_errors=True)
    return len(old)


def erase(episode: str) -> None:
    """Everything there is of an episode goes, also what a kill left half fetched or half removed; gone already is gone."""
    for where in (place, incoming, derived):
        path = where(episode)
        aside = path.with_name(f".gone-{episode}-{os.getpid()}-{time.monotonic_ns()}")
        with suppress(FileNotFoundError):
            os.rename(path, aside)  # first: nobody opens what is half removed
        left = [*path.parent.glob(f".gone-{episode}*"), *path.parent.glob(f".fetch-{episode}-*")]
        for one in left:
            shutil.rmtree(one, ignore_errors=True)
        if path.exists() or any(one.exists() for one in left):
            raise OSError(f"{path} cannot be removed.")
    if objects.enabled():
        objects.remove(episode)


def is_there(episode: str) -> bool:
    here = any(where(episode).exists() for where in (place, incoming, derived))
    return here or (objects.enabled() and objects.is_there(episode))


def drop_export(job: str) -> None:
    """The archive of an exported version, and whatever was half made of it."""
    for path in _root("exports").glob(f"{job}*"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def full(remaining: int) -> Refused:
    return Refused(
        "storage_full",
        f"The server has room for {remaining / 1e6:.0f} MB more. The robot keeps the episode and tries again.",
        remaining_bytes=remaining,
    )


def _root(name: str) -> Path:
    root = Path(settings.REINS_MEDIA_DIR) / name
    root.mkdir(parents=True, exist_ok=True)
    return root


def _checked(episode: str) -> str:
    if not is_episode_id(episode):
        raise Refused("not_found", "There is no such episode.")
    return episode


def _fsync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
