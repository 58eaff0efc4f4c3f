"""The registry of policies: taking one in, moving it between stages, withdrawing it.  Permission was checked by the caller."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max

from fleet import audit
from fleet.models import Organisation, Person, new_id
from policies.learning.folder import CALIBRATION, CARD, Card, calibration_in, sync
from policies.learning.zoo.describe import Described, describe, files_of
from policies.models import PolicyVersion, Training
from protocol.episode_folder import hash_file
from protocol.errors import Refused

MOST_BYTES = 40 << 30  # of one policy's folder


def bring(
    folder: Path,
    organisation: Organisation,
    person: Person | None,
    name: str = "",
    training: Training | None = None,
    base: PolicyVersion | None = None,
) -> PolicyVersion:
    """Copies a policy's folder in as a candidate; one that is there already with the same content is given back instead.

    What is checked is the copy: nobody else can change that.  Nothing of it is executed or loaded.
    Refused: `policy_missing`, `policy_damaged`, `policy_pickle`, `policy_header`, `policy_code`, `policy_size`,
    `policy_withdrawn`, `calibration_damaged`, `storage_full`.
    """
    root = Path(settings.REINS_POLICIES_DIR)
    id = new_id()
    beside = root / f".{id}.part"
    try:
        _copy(folder, beside)
        described = describe(beside)
        calibration_in(beside)
        sha256 = hash_file(beside / CARD).sha256
        there = PolicyVersion.objects.filter(organisation=organisation, sha256=sha256).first()
        if there is not None:
            return _again(there)
        os.replace(beside, root / id)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    try:
        return _row(id, organisation, person, name or described.card.name, described, sha256=sha256, training=training, base=base)
    except BaseException as error:
        shutil.rmtree(root / id, ignore_errors=True)
        there = PolicyVersion.objects.filter(organisation=organisation, sha256=sha256).first()
        if isinstance(error, IntegrityError) and there is not None:  # somebody brought the same in this moment
            return _again(there)
        raise


def _again(there: PolicyVersion) -> PolicyVersion:
    if there.withdrawn_reason:
        raise Refused("policy_withdrawn", f"{there} has this content and was withdrawn: {there.withdrawn_reason}")
    return there


def _copy(folder: Path, to: Path) -> None:
    """The files of a policy, and no link or device that stands for one."""
    needed = files_of(folder)
    names = [*needed, CALIBRATION] if os.path.lexists(folder / CALIBRATION) else [*needed]
    paths = [folder / name for name in names]
    if missing := [path.name for path in paths if path.is_symlink() or not path.is_file()]:
        raise Refused("policy_missing", f"{folder.name} has no file {missing[0]}. A policy's folder has {', '.join(needed)}.")
    if (size := sum(path.stat().st_size for path in paths)) > MOST_BYTES:
        raise Refused("policy_size", f"{folder.name} has {size >> 20} MiB; a policy may have {MOST_BYTES >> 20}.")
    try:
        to.mkdir(parents=True)
        for name, path in zip(names, paths, strict=True):
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, to / name, follow_symlinks=False)
        sync(to)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Refused("storage_full", f"There is no room for {size >> 20} MiB of weights. Make room, then repeat.") from error
        raise


def _row(
    id: str, organisation: Organisation, person: Person | None, name: str, described: Described, **values: Any
) -> PolicyVersion:
    card, name = described.card, " ".join(name.split())[:80] or "policy"
    with transaction.atomic():
        Organisation.objects.select_for_update().get(pk=organisation.pk)
        last = PolicyVersion.objects.filter(organisation=organisation, name=name).aggregate(last=Max("number"))["last"]
        row = PolicyVersion(id=id, organisation=organisation, name=name, number=(last or 0) + 1, **values)
        row.card = msgspec.to_builtins(card)
        row.kinds, row.cameras = described.kinds, described.cameras
        row.skills, row.things = list(card.skills), described.things
        row.calibration = _calibration(row.folder, card)
        row.size_bytes = sum(path.stat().st_size for path in row.folder.rglob("*") if path.is_file())
        row.made_by = person.shown if person else "manage.py"
        row.save(force_insert=True)
        audit.append(row.made_by, "policy_brought", row.pk, organisation.pk, name=row.shown, sha256=row.sha256)
    return row


def _calibration(folder: Path, card: Card) -> dict[str, Any]:
    """What the card says of how its doubt was calibrated, with the hash of the file; {} where it was not."""
    path = folder / CALIBRATION
    if not path.exists():
        return {}
    said = card.figures.get("doubt", {})
    return {**(said if isinstance(said, dict) else {}), "sha256": hash_file(path).sha256}


def change(policy: PolicyVersion, version: int, values: dict[str, Any], person: Person) -> None:
    """Its stage, or the skills that people may ask of it.  Refused: `stale_version`, `policy_stage`, `policy_withdrawn`."""
    if policy.withdrawn_reason and values.get("stage") not in (None, "retired"):
        raise Refused("policy_withdrawn", f"{policy} was withdrawn: {policy.withdrawn_reason}")
    with transaction.atomic():
        before = {name: getattr(policy, name) for name in values}
        policy.change(version, **values)
        audit.append(person.shown, "policy_changed", policy.pk, policy.organisation_id, before=before, after=values)


def withdraw(policy: PolicyVersion, version: int, reason: str, person: Person) -> None:
    """Nobody may run it or learn on from it any more; its files stay, so that what it did can be understood."""
    with transaction.atomic():
        policy.change(version, withdrawn_reason=reason)
        audit.append(person.shown, "policy_withdrawn", policy.pk, policy.organisation_id, name=policy.shown, reason=reason)
