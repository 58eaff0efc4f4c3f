"""Policies that people bring by upload: an archive arrives in pieces, is unpacked by a closed list of names, then looked through.

Permission was checked by the caller.
"""

from __future__ import annotations

import datetime
import errno
import hashlib
import os
import shutil
import tarfile
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from fleet import audit
from fleet.models import Organisation, Person
from policies.learning.folder import CALIBRATION, CARD, CONFIG, WEIGHTS
from policies.models import PolicyImport, PolicyVersion
from policies.services import registry
from protocol.errors import Refused

KEPT = datetime.timedelta(days=1)  # an import that nobody goes on with, and what a kill left
MOST_MEMBERS = 16
MIB = 1024 * 1024
FILES = (WEIGHTS, CONFIG, CARD, CALIBRATION)
_ENTRY = 512 * 2 * MOST_MEMBERS + 20 * 512  # bytes that an archive may have besides its files


def begin(organisation: Organisation, person: Person, name: str, size: int) -> PolicyImport:
    """Refused: `policy_size`, `storage_full`."""
    if not 0 < size <= registry.MOST_BYTES + _ENTRY:
        raise Refused("policy_size", f"The archive has {size} bytes; a policy may have {registry.MOST_BYTES // MIB} MiB.")
    root = Path(settings.REINS_POLICIES_DIR)
    root.mkdir(parents=True, exist_ok=True)
    room = shutil.disk_usage(root).free - settings.REINS_MEDIA_RESERVE_MB * MIB
    if room < 3 * size:  # the archive, what it holds, and the copy that is kept
        raise _full(max(0, room) // 3)
    coming = PolicyImport.objects.create(organisation=organisation, person=person, name=name, size=size)
    audit.append(person.shown, "policy_import_begun", coming.pk, organisation.pk, name=name, bytes=size)
    return coming


def keep_piece(coming: PolicyImport, offset: int, sha256: str, piece: bytes) -> int:
    """The next piece; how many bytes have arrived.  Refused: `wrong_offset` with the right one, `wrong_hash`, `policy_size`,
    `storage_full`."""
    if hashlib.sha256(piece).hexdigest() != sha256:
        raise Refused("wrong_hash", "The piece arrived with other bytes than it was sent with. Send it again.", offset=offset)
    with transaction.atomic():
        row = PolicyImport.objects.select_for_update().get(pk=coming.pk)
        if offset != row.offset:
            raise Refused("wrong_offset", f"{row.offset} bytes have arrived; go on from there.", offset=row.offset)
        if offset + len(piece) > row.size:
            raise Refused("policy_size", f"{row.size} bytes were announced and more came. Begin again.")
        try:
            row.path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(row.path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
            try:
                os.pwrite(fd, piece, offset)
                os.fdatasync(fd)
            finally:
                os.close(fd)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise _full(0) from error
            raise
        row.offset += len(piece)
        row.save(update_fields=["offset"])
    return row.offset


def complete(coming: PolicyImport, person: Person) -> PolicyVersion:
    """Unpacks and takes it in.  What is refused is gone afterwards, so that it is brought anew.

    Refused: `incomplete` (which keeps it), `policy_archive`, and what `registry.bring` refuses.
    """
    if coming.offset != coming.size:
        raise Refused("incomplete", f"{coming.offset} of {coming.size} bytes have arrived.", offset=coming.offset)
    folder = coming.path.with_suffix("")
    try:
        unpack(coming.path, folder)
        return registry.bring(folder, coming.organisation, person, coming.name)
    except Refused as refused:
        audit.append(person.shown, "policy_refused", coming.pk, coming.organisation_id, code=refused.code)
        raise
    finally:
        drop(coming)


def drop(coming: PolicyImport) -> None:
    shutil.rmtree(coming.path.with_suffix(""), ignore_errors=True)
    coming.path.unlink(missing_ok=True)
    PolicyImport.objects.filter(pk=coming.pk).delete()


def unpack(archive: Path, folder: Path) -> None:
    """The files of a policy out of an archive without compression, whatever folder of it they are in; nothing else, no links.

    `Refused("policy_archive")` naming the first entry that no policy has.
    """
    folder.mkdir(parents=True)
    size = archive.stat().st_size
    found: set[str] = set()
    try:
        with tarfile.open(archive, "r:") as tar:
            for number, entry in enumerate(tar):
                name = _name(entry, number)
                if name is None:
                    continue
                if name in found or entry.size > size:
                    raise Refused("policy_archive", f"The archive holds {name} twice, or claims more than it has.")
                found.add(name)
                source = tar.extractfile(entry)
                assert source is not None
                with source, open(folder / name, "wb") as target:
                    shutil.copyfileobj(source, target, MIB)
    except (tarfile.TarError, EOFError, ValueError, OverflowError, UnicodeError) as error:
        sentence = f"The archive cannot be read as a tar file without compression: {error}. Export it again."
        raise Refused("policy_archive", sentence) from error


def _name(entry: tarfile.TarInfo, number: int) -> str | None:
    """Of a file that is wanted; None for the folder around them."""
    parts = Path(entry.name).parts
    shown = entry.name[:60]
    if number >= MOST_MEMBERS:
        raise Refused("policy_archive", f"The archive holds more than {MOST_MEMBERS} entries; no policy does.")
    if entry.name.startswith("/") or ".." in parts:
        raise Refused("policy_archive", f"The archive holds {shown!r}, which leads out of it. Nothing was unpacked.")
    if entry.isdir() and len(parts) <= 1:
        return None
    if not entry.isreg() or entry.issparse():
        raise Refused("policy_archive", f"The archive holds {shown!r}, which is a link or a device. Nothing of it is kept.")
    if len(parts) > 2 or parts[-1] not in FILES:
        raise Refused("policy_archive", f"The archive holds {shown!r}; a policy has {', '.join(FILES)}, no more.")
    return parts[-1]


def sweep() -> None:
    """What nobody goes on with, and what a kill left half copied."""
    for coming in PolicyImport.objects.filter(made_at__lt=timezone.now() - KEPT):
        drop(coming)
    root, old = Path(settings.REINS_POLICIES_DIR), timezone.now().timestamp() - KEPT.total_seconds()
    for left in root.glob(".*.part"):
        if left.stat().st_mtime < old:
            shutil.rmtree(left, ignore_errors=True)


def _full(remaining: int) -> Refused:
    sentence = f"There is room for {remaining // MIB} MiB more where policies are kept. Make room, then repeat."
    return Refused("storage_full", sentence, remaining_bytes=remaining)
