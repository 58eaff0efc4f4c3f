"""Policies that people bring by upload: an archive arrives in pieces, is unpacked by closed lists of names, then looked through.

Permission was checked by the caller.
"""

from __future__ import annotations

import datetime
import errno
import fcntl
import hashlib
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from fleet import audit
from fleet.models import Organisation, Person
from policies.learning.folder import CALIBRATION, CARD, CONFIG, WEIGHTS
from policies.learning.zoo.sealed import CHECKPOINT
from policies.models import PolicyImport, PolicyVersion
from policies.services import registry
from protocol.errors import Refused

KEPT = datetime.timedelta(days=1)  # an import that nobody goes on with, and what a kill left
MOST_MEMBERS = 600  # a checkpoint of somebody else's has many
COPIES = 3  # the archive, what it holds, and what is kept
MIB = 1024 * 1024
FILES = (WEIGHTS, CONFIG, CARD, CALIBRATION)
_TOP = {(name,) for name in FILES}
_MOST_NAME, _MOST_DEEP = 200, 8  # bytes of a part of a name, parts of one
_BLOCK = 512  # of a tar file
_MOST_HEADER = 16 * 1024  # bytes of one that extends another; a reader takes it whole into memory
_EXTENDS = b"xgXLK"  # types of such headers
_ENTRY = _BLOCK * 4 * MOST_MEMBERS + 20 * _BLOCK  # bytes that an archive may have besides its files


def begin(organisation: Organisation, person: Person, name: str, size: int) -> PolicyImport:
    """Refused: `policy_size`, `storage_full`."""
    if not 0 < size <= registry.MOST_BYTES + _ENTRY:
        raise Refused("policy_size", f"The archive has {size} bytes; a policy may have {registry.MOST_BYTES // MIB} MiB.")
    root = Path(settings.REINS_POLICIES_DIR)
    root.mkdir(parents=True, exist_ok=True)
    room = shutil.disk_usage(root).free - settings.REINS_MEDIA_RESERVE_MB * MIB - _awaited()
    if room < COPIES * size:
        raise _full(max(0, room) // COPIES)
    coming = PolicyImport.objects.create(organisation=organisation, person=person, name=name, size=size)
    audit.append(person.shown, "policy_import_begun", coming.pk, organisation.pk, name=name, bytes=size)
    return coming


def _awaited() -> int:
    """Bytes that other imports were promised and that are not on the disk yet."""
    found = PolicyImport.objects.aggregate(size=Sum("size"), offset=Sum("offset"))
    return COPIES * (found["size"] or 0) - (found["offset"] or 0)


def keep_piece(coming: PolicyImport, offset: int, sha256: str, piece: bytes) -> int:
    """The next piece; how many bytes have arrived.  Refused: `wrong_offset` with the right one, `wrong_hash`, `policy_size`,
    `storage_full`."""
    if hashlib.sha256(piece).hexdigest() != sha256:
        raise Refused("wrong_hash", "The piece arrived with other bytes than it was sent with. Send it again.", offset=offset)
    row = PolicyImport.objects.filter(pk=coming.pk).first()
    if row is None:
        raise _gone()
    if offset != row.offset:
        raise _wrong_offset(row)
    if offset + len(piece) > row.size:
        raise Refused("policy_size", f"{row.size} bytes were announced and more came. Begin again.")
    _write(row.path, offset, piece)  # with no transaction open: disks are slow
    after = offset + len(piece)
    if not PolicyImport.objects.filter(pk=row.pk, offset=offset).update(offset=after):  # the same piece came twice at once
        again = PolicyImport.objects.filter(pk=row.pk).first()
        if again is None:  # it was given up while the piece was written
            row.path.unlink(missing_ok=True)
            raise _gone()
        raise _wrong_offset(again)
    return after


def _wrong_offset(row: PolicyImport) -> Refused:
    return Refused("wrong_offset", f"{row.offset} bytes have arrived; go on from there.", offset=row.offset)


def _gone() -> Refused:
    return Refused("not_found", "This import is over or was given up. Begin again.")


def _write(path: Path, offset: int, piece: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
        try:
            os.pwrite(fd, piece, offset)
            os.fdatasync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _full(0) from error
        raise


def complete(coming: PolicyImport, person: Person) -> PolicyVersion:
    """Unpacks and takes it in.  What is refused is gone afterwards, so that it is brought anew.

    Refused: `incomplete` and `import_busy` (which keep it), `not_found`, `policy_archive`, and what `registry.bring` refuses.
    """
    if coming.offset != coming.size:
        raise Refused("incomplete", f"{coming.offset} of {coming.size} bytes have arrived.", offset=coming.offset)
    folder = coming.path.with_suffix("")
    with _alone(coming):
        try:
            shutil.rmtree(folder, ignore_errors=True)  # what a kill left
            unpack(coming.path, folder)
            return registry.bring(folder, coming.organisation, person, coming.name)
        except Refused as refused:
            audit.append(person.shown, "policy_refused", coming.pk, coming.organisation_id, code=refused.code)
            raise
        finally:
            drop(coming)


@contextmanager
def _alone(coming: PolicyImport) -> Iterator[None]:
    """One at a time looks through an archive: who asks twice does not take it from under the first.  A kill frees it."""
    try:
        fd = os.open(coming.path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise _gone() from error
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            sentence = "This archive is being looked through already. Look under Policies in a while."
            raise Refused("import_busy", sentence) from error
        if not PolicyImport.objects.filter(pk=coming.pk).exists():
            raise _gone()
        yield
    finally:
        os.close(fd)


def give_up(coming: PolicyImport, person: Person) -> None:
    """It goes with all that has arrived.  Refused: `import_busy` once it is being looked through, `not_found` when it is over."""
    with _alone(coming) if coming.path.exists() else nullcontext(), transaction.atomic():
        audit.append(
            person.shown, "policy_import_cancelled", coming.pk, coming.organisation_id, name=coming.name, offset=coming.offset
        )
        drop(coming)


def drop(coming: PolicyImport) -> None:
    shutil.rmtree(coming.path.with_suffix(""), ignore_errors=True)
    coming.path.unlink(missing_ok=True)
    PolicyImport.objects.filter(pk=coming.pk).delete()


def unpack(archive: Path, folder: Path) -> None:
    """The files of a policy out of an archive without compression, from where its card lies in it; nothing else, no links.

    `Refused("policy_archive")` naming the first entry that no policy has.
    """
    folder.mkdir(parents=True)
    size = archive.stat().st_size
    _check_headers(archive, size)
    try:
        with tarfile.open(archive, "r:") as tar:
            for name, entry in _named([entry for number, entry in enumerate(tar) if _file(entry, number)], size).items():
                source = tar.extractfile(entry)
                assert source is not None
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                with source, open(folder / name, "xb") as target:
                    shutil.copyfileobj(source, target, MIB)
    except (tarfile.TarError, EOFError, ValueError, OverflowError, FileExistsError, NotADirectoryError) as error:
        sentence = f"The archive cannot be read as a tar file without compression: {error}. Export it again."
        raise Refused("policy_archive", sentence) from error


def _named(entries: list[tarfile.TarInfo], size: int) -> dict[str, tarfile.TarInfo]:
    """Name in the policy's folder -> entry of an archive of `size` bytes."""
    cards = [parts for entry in entries if len(parts := Path(entry.name).parts) <= 2 and parts[-1] == CARD]
    if not cards:
        raise Refused("policy_archive", f"The archive has no {CARD}, by itself or in one folder. Export it again.")
    root, found = min(cards, key=len)[:-1], dict[str, tarfile.TarInfo]()
    for entry in entries:
        name = _name(entry, root)
        if name in found or entry.size > size:
            raise Refused("policy_archive", f"The archive holds {name} twice, or claims more than it has.")
        found[name] = entry
    return found


def _check_headers(archive: Path, size: int) -> None:
    """Before anything reads it that takes headers whole into memory."""
    at = 0
    with open(archive, "rb") as file:
        for _ in range(4 * MOST_MEMBERS):
            file.seek(at)
            header = file.read(_BLOCK)
            if len(header) < _BLOCK or not any(header):
                return
            claimed = _claimed(header)
            if not 0 <= claimed <= size:
                raise Refused("policy_archive", "The archive claims more than it has. Export it again.")
            if header[156:157] in _EXTENDS and claimed > _MOST_HEADER:
                raise Refused(
                    "policy_archive", f"The archive has a header of {claimed} bytes; no policy needs one. Export it again."
                )
            at += _BLOCK + -(-claimed // _BLOCK) * _BLOCK
    raise Refused("policy_archive", f"The archive holds more than {MOST_MEMBERS} entries; no policy does.")


def _claimed(header: bytes) -> int:
    """Bytes that follow it; of more than 8 GiB not in octal digits but in base 256.  -1 when that is no number."""
    field = header[124:136]
    if field[0] == 0x80:
        return int.from_bytes(field[1:])
    digits = field.strip(b" \0")
    return int(digits, 8) if digits and not digits.strip(b"01234567") else -1


def _file(entry: tarfile.TarInfo, number: int) -> bool:
    """False for a folder.  Refused: what leads out of the archive, and what is neither."""
    parts, shown = Path(entry.name).parts, entry.name[:60]
    if number >= MOST_MEMBERS:
        raise Refused("policy_archive", f"The archive holds more than {MOST_MEMBERS} entries; no policy does.")
    if entry.name.startswith("/") or ".." in parts:
        raise Refused("policy_archive", f"The archive holds {shown!r}, which leads out of it. Nothing was unpacked.")
    if not entry.isdir() and (not entry.isreg() or entry.issparse()):
        raise Refused("policy_archive", f"The archive holds {shown!r}, which is a link or a device. Nothing of it is kept.")
    if not entry.isdir() and not parts:
        raise Refused("policy_archive", "The archive holds a file without a name. Nothing of it is kept.")
    return not entry.isdir()


def _name(entry: tarfile.TarInfo, root: tuple[str, ...]) -> str:
    """Of a file, from the policy's folder `root` on: one that every policy has, or one of a checkpoint."""
    parts = Path(entry.name).parts
    within = parts[len(root) :]
    plain = all(part.isprintable() and len(part.encode()) <= _MOST_NAME for part in within) and len(within) <= _MOST_DEEP
    if parts[: len(root)] != root or not (within in _TOP or (within[0] == CHECKPOINT and len(within) > 1 and plain)):
        names = f"{', '.join(FILES)} and what is in {CHECKPOINT}"
        raise Refused("policy_archive", f"The archive holds {entry.name[:60]!r}; a policy has {names}, no more.")
    return "/".join(within)


def sweep() -> None:
    """What nobody goes on with, and what a kill left half copied."""
    for coming in PolicyImport.objects.filter(made_at__lt=timezone.now() - KEPT):
        drop(coming)
    root, old = Path(settings.REINS_POLICIES_DIR), timezone.now().timestamp() - KEPT.total_seconds()
    for left in root.glob(".*.part"):
        if left.stat().st_mtime < old:
            shutil.rmtree(left, ignore_errors=True)
    for left in root.glob("incoming/*.tar"):  # of a person or an organisation that is gone
        if left.stat().st_mtime < old and not PolicyImport.objects.filter(pk=left.stem).exists():
            left.unlink(missing_ok=True)


def _full(remaining: int) -> Refused:
    sentence = f"There is room for {remaining // MIB} MiB more where policies are kept. Make room, then repeat."
    return Refused("storage_full", sentence, remaining_bytes=remaining)
