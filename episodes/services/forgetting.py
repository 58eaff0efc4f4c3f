"""Deletes a person's episodes everywhere, and leaves a signed record that says what went and names nobody.

A person's episodes are those in which they drove.  Permission was checked by the caller.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import models, transaction
from django.db.models import Sum
from django.utils import timezone

from episodes import storage
from episodes.made_from import users_of
from episodes.models import DatasetVersion, Episode, EpisodeQuerySet, Erasure, Review, UploadFile
from episodes.services import datasets, erasing, half_uploads
from fleet import audit, keys
from fleet.access import access
from fleet.models import Membership, Organisation, Person
from protocol.episode import EpisodeMeta
from protocol.errors import Refused

FORGOTTEN = "Somebody who drove in this episode had their data deleted."
WITHDRAWN = "A person had their episodes deleted."
RECORD = "reins-erasure"  # first word of what is signed, so that the signature is worth nothing elsewhere


@dataclass(frozen=True, slots=True)
class Preview:
    """What would go.  `users` are the policies and trainings that had used a version: [{kind, id, name, version}]."""

    episodes: int
    size_bytes: int
    seconds: float
    versions: list[DatasetVersion]
    users: list[dict[str, str]]


def hash_of(uid: str) -> str:
    return hashlib.sha256(uid.encode()).hexdigest()


def episodes_of(uid: str, organisation: Organisation) -> EpisodeQuerySet:
    """Removed ones too."""
    return Episode.objects.there().filter(drivers__uid=uid, organisation=organisation)


def versions_with(episodes: list[str]) -> list[DatasetVersion]:
    holding = DatasetVersion.objects.filter(members__episode__in=episodes).distinct()
    return list(holding.select_related("dataset").order_by("dataset__name", "number"))


def preview(uid: str, organisation: Organisation) -> Preview:
    found = episodes_of(uid, organisation)
    sums = found.aggregate(bytes=Sum("size_bytes"), seconds=Sum("seconds"))
    ids = list(found.values_list("pk", flat=True))
    versions = versions_with(ids)
    return Preview(len(ids), sums["bytes"] or 0, sums["seconds"] or 0.0, versions, users_of(versions))


def ask(uid: str, organisation: Organisation, reason: str, by: str, account: bool = False) -> Erasure:
    """Begins it; there is no way back.  `account`: what is known of the person besides goes too.

    Refused: `erasure_running`, `account_shared` (a member of other organisations too), `reason_missing`.
    """
    if not reason.strip() or not reason.isprintable():
        raise Refused("reason_missing", "Say in one line why; the signed record keeps it. Do not name the person.")
    if account and Membership.objects.filter(person__uid=uid).exclude(organisation=organisation).exists():
        raise Refused("account_shared", "This person belongs to other organisations too. Delete the episodes alone.")
    with transaction.atomic():
        erasing.one_at_a_time(organisation.pk)
        if Erasure.objects.filter(person_hash=hash_of(uid), organisation=organisation).exclude(state="done").exists():
            raise Refused("erasure_running", "This person's episodes are being deleted already.")
        erasure = Erasure.objects.create(
            organisation=organisation,
            person_hash=hash_of(uid),
            account=uid if account else "",
            reason=reason.strip()[:300],
            asked_by=by,
            episodes=files_of(episodes_of(uid, organisation)),
        )
        audit.append(by, "erasure_asked", erasure.pk, organisation.pk, episodes=len(erasure.episodes), reason=erasure.reason)
    return erasure


def files_of(episodes: EpisodeQuerySet) -> dict[str, dict[str, str]]:
    """Hashes of what goes, so that a copy found somewhere can be recognised."""
    known: dict[str, dict[str, str]] = {}
    for episode in episodes.only("pk", "meta").order_by("pk"):
        brought = dict(UploadFile.objects.filter(upload=episode.pk).values_list("path", "sha256"))
        known[episode.pk] = brought or {path: file["sha256"] for path, file in episode.meta.get("files", {}).items()}
    return known


def forgotten(meta: EpisodeMeta, organisation: int) -> bool:
    """Whether somebody in this episode had their data deleted after it was recorded: it must not come back."""
    hashes = [hash_of(person.id) for person in meta.people]
    asked = Erasure.objects.filter(person_hash__in=hashes, organisation=organisation).values_list("asked_at", flat=True)
    return any(at.timestamp() * 1e9 >= meta.started_ns for at in asked)


# -- doing it --------------------------------------------------------------------------------------


def run(erasure: Erasure) -> bool:
    """Goes on from wherever it was; False when somebody else does it."""
    fence = erasure.claim()
    if fence is None:
        return False
    _withdraw(versions_with(list(erasure.episodes)), erasure.asked_by)  # first, so that nobody uses them any more
    for done, episode in enumerate(erasure.episodes, start=1):
        erasing.erase(episode, "A person had it deleted.")
        if not erasure.beat(fence, done):
            return False
    whose = erasure.organisation_id
    half_uploads.refuse(erasure.organisation, lambda meta: forgotten(meta, whose), FORGOTTEN)
    if erasure.account:
        _forget_account(erasure.account)
    versions = versions_with(list(erasure.episodes))  # again: one may have been frozen until the last row had gone
    _withdraw(versions, erasure.asked_by)
    _finish(erasure, fence, versions, users_of(versions))
    return True


def _withdraw(versions: list[DatasetVersion], by: str) -> None:
    """Hashes stay, content goes: also the manifest, which repeats what people wrote."""
    datasets.withdraw(versions, WITHDRAWN, by)
    rows: models.QuerySet[DatasetVersion] = models.QuerySet(DatasetVersion)
    rows.filter(pk__in=[version.pk for version in versions]).update(manifest=b"")
    erasing.drop_exports(versions, by)


def _forget_account(uid: str) -> None:
    """The row stays, because others refer to it; it says nothing of the person any more and nobody can sign in as it."""
    with transaction.atomic():
        person = Person.objects.select_for_update().filter(uid=uid).first()
        if person is None:
            return
        person.memberships.all().delete()
        Review.objects.filter(person=person).delete()
        person.username, person.email, person.first_name, person.last_name = f"deleted-{person.pk}", "", "", ""
        person.is_active = person.is_staff = person.is_superuser = False
        person.set_unusable_password()
        person.save()
    access.forget()


def _finish(erasure: Erasure, fence: int, versions: list[DatasetVersion], users: list[dict[str, str]]) -> None:
    record = record_of(erasure, versions, users)
    with transaction.atomic():
        if not erasure.end(fence, record, keys.sign(record.encode()).signature):
            return
        audit.append(
            erasure.asked_by, "erasure_done", erasure.pk, erasure.organisation_id,
            episodes=len(erasure.episodes), versions=[version.digest for version in versions],
            record=hashlib.sha256(record.encode()).hexdigest(),
        )  # fmt: skip


def record_of(erasure: Erasure, versions: list[DatasetVersion], users: list[dict[str, str]]) -> str:
    """Canonical JSON; begins with a word of its own, so that no signature of it can pass for one of something else."""
    body: dict[str, Any] = {
        "id": erasure.pk,
        "organisation": erasure.organisation.name,
        "person_sha256": erasure.person_hash,
        "account_deleted": bool(erasure.account),
        "asked_at": erasure.asked_at.isoformat(timespec="seconds"),
        "done_at": timezone.now().isoformat(timespec="seconds"),
        "asked_by": erasure.asked_by,
        "reason": erasure.reason,
        "episodes": [{"id": id, "files": files} for id, files in sorted(erasure.episodes.items())],
        "dataset_versions": [
            {"dataset": version.dataset.name, "number": version.number, "sha256": version.digest, "state": "withdrawn"}
            for version in versions
        ],
        "policies": users,
        "server_key": keys.public_key(),
    }
    return f"{RECORD} {json.dumps(body, sort_keys=True, separators=(',', ':'), ensure_ascii=False)}"


def verify(record: str, signature: str, server_key: str | None = None) -> dict[str, Any]:
    """What a record says, after proof that this server (or the one with `server_key`) signed it.

    Refused: `signature_invalid`, `record_invalid`.
    """
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(server_key or keys.public_key(), validate=True))
        key.verify(base64.b64decode(signature, validate=True), record.encode())
    except (InvalidSignature, binascii.Error, ValueError) as error:
        raise Refused("signature_invalid", "This record was changed, or another server signed it.") from error
    first, _, body = record.partition(" ")
    if first != RECORD:
        raise Refused("record_invalid", "This is no record of an erasure.")
    return dict(json.loads(body))


def still_there(record: dict[str, Any]) -> list[str]:
    """Ids in the record of which a row with content or a file is left."""
    ids = [episode["id"] for episode in record["episodes"]]
    rows = set(Episode.objects.there().filter(pk__in=ids).values_list("pk", flat=True))
    return [id for id in ids if id in rows or storage.is_there(id)]
