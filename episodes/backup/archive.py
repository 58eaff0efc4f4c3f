"""The file of a backup: an uncompressed tar whose last member names every other one with its size and sha256.

What is read from it is not trusted: names follow a closed grammar and there are plain files only.  No Django.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import msgspec

from protocol.errors import Refused

ABOUT, SUMS = "reins-backup.json", "checksums.json"
SCHEMA = 1
_PART = r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}"
_NAME = re.compile(rf"(rows/{_PART}\.jsonl|data/{_PART}|data/audit-heads/{_PART}|media/{_PART}(/{_PART}){{0,6}})")
_PIECE = 1024 * 1024
_MOST_TEXT = 64 * 1024 * 1024  # bytes of a member that is read whole


class About(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was backed up: `migrations` [app, name], `rows` by model, the server's public key, when."""

    schema: int = SCHEMA
    made_at: str
    database: str
    server_key: str
    migrations: list[list[str]]


class Sum(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    bytes: int
    sha256: str


class Writer:
    """Writes beside `path` and renames at the end, so that a file under that name is always whole.  Mode 0600: it holds keys."""

    def __init__(self, path: Path) -> None:
        self._path, self._partial = path, path.with_name(f".{path.name}.part")
        fd = os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._file = os.fdopen(fd, "wb")
        self._tar = tarfile.open(fileobj=self._file, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115  # closed by finish
        self._sums: dict[str, Sum] = {}

    def add(self, name: str, source: IO[bytes], size: int) -> None:
        """`size` bytes from `source`; `Refused("backup_short")` when there are fewer."""
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        hashing = _Hashing(source, size)
        try:
            self._tar.addfile(info, hashing)  # type: ignore[arg-type]  # it only reads
        except OSError as error:
            raise Refused("backup_short", f"{name} cannot be written to the backup: {error}.") from error
        self._sums[name] = Sum(size, hashing.hexdigest())

    def __contains__(self, name: str) -> bool:
        return name in self._sums

    def add_bytes(self, name: str, raw: bytes) -> None:
        self.add(name, io.BytesIO(raw), len(raw))

    def finish(self) -> int:
        """The size of the finished file in bytes."""
        self.add_bytes(SUMS, msgspec.json.encode(self._sums, order="sorted"))
        self._tar.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self._partial, self._path)
        return self._path.stat().st_size

    def abandon(self) -> None:
        self._file.close()
        self._partial.unlink(missing_ok=True)


class _Hashing:
    def __init__(self, source: IO[bytes], size: int) -> None:
        self._source, self._left, self._digest = source, size, hashlib.sha256()

    def read(self, most: int) -> bytes:
        piece = self._source.read(min(most, self._left, _PIECE) if most >= 0 else self._left)
        self._left -= len(piece)
        self._digest.update(piece)
        return piece

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


class Reader:
    """A backup that was looked through from end to end: every byte is what its checksums say.

    Refused: `not_a_backup`, `backup_member` (a name or a kind of file that no backup holds), `backup_damaged` naming what.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._tar = tarfile.open(path, mode="r:")  # noqa: SIM115  # closed by close
        except (tarfile.TarError, OSError) as error:
            raise Refused("not_a_backup", f"{path} is no backup of Reins: {error}.") from error
        try:
            self._members = self._checked(path)
            self.about = self._about()
        except (tarfile.TarError, OSError, msgspec.DecodeError) as error:
            self._tar.close()
            raise Refused("backup_damaged", f"{path} is cut short or damaged: {error}.") from error
        except Refused:
            self._tar.close()
            raise

    def close(self) -> None:
        self._tar.close()

    def names(self, start: str) -> list[str]:
        return [name for name in self._members if name.startswith(start)]

    def lines(self, name: str) -> Iterator[bytes]:
        """`Refused("backup_damaged")` when there is no such member."""
        if name not in self._members:
            raise Refused("backup_damaged", f"This backup holds no {name}.")
        return iter(self._open(name))

    def extract(self, name: str, target: Path) -> None:
        """Replaces `target`, whole or not at all."""
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.restored")
        fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            for piece in _pieces(self._open(name)):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, target)

    @property
    def total_bytes(self) -> int:
        return sum(info.size for info in self._members.values())

    def _open(self, name: str) -> IO[bytes]:
        found = self._tar.extractfile(self._members[name])
        assert found is not None
        return found

    def _checked(self, path: Path) -> dict[str, tarfile.TarInfo]:
        members: dict[str, tarfile.TarInfo] = {}
        for info in self._tar:
            check_member(info)
            if info.name in members:
                raise Refused("backup_member", f"{info.name[:80]} is there twice. No backup of Reins holds that.")
            members[info.name] = info
        last = members.pop(SUMS, None)
        if last is None or ABOUT not in members:
            raise Refused("backup_damaged", f"{path} is cut short: its end is missing.")
        sums: dict[str, Sum] = msgspec.json.decode(self._text(last), type=dict[str, Sum])
        if sums.keys() != members.keys():
            odd = sorted(sums.keys() ^ members.keys())[0]
            raise Refused("backup_damaged", f"{path} and its checksums do not name the same files: {odd}.")
        for name, info in members.items():
            digest = hashlib.sha256()
            for piece in _pieces(self._tar.extractfile(info) or io.BytesIO()):
                digest.update(piece)
            if Sum(info.size, digest.hexdigest()) != sums[name]:
                raise Refused("backup_damaged", f"{name} in {path} has other bytes than when it was backed up.", path=name)
        return members

    def _about(self) -> About:
        about = msgspec.json.decode(self._text(self._members[ABOUT]), type=About)
        if about.schema != SCHEMA:
            raise Refused("upgrade_required", f"This backup has format {about.schema}; this version reads {SCHEMA}.")
        return about

    def _text(self, info: tarfile.TarInfo) -> bytes:
        if info.size > _MOST_TEXT:
            raise Refused("backup_member", f"{info.name} has {info.size} bytes. No backup of Reins holds that.")
        return (self._tar.extractfile(info) or io.BytesIO()).read()


def check_member(info: tarfile.TarInfo) -> None:
    """`Refused("backup_member")` for links, devices, sparse files and for names that could lead anywhere else."""
    plain = info.isreg() and not info.issparse()
    if not plain or not (info.name in (ABOUT, SUMS) or _NAME.fullmatch(info.name)):
        raise Refused("backup_member", f"{info.name[:80]!r} is no file that a backup of Reins holds. Nothing was restored.")


def _pieces(source: IO[bytes]) -> Iterable[bytes]:
    while piece := source.read(_PIECE):
        yield piece
