"""Deletions that were asked for since a backup was made outlive its restore: what it brings back of them goes again."""

from __future__ import annotations

import json

from django.db.models import Q

from episodes.models import Episode, EpisodePerson, EpisodeQuerySet, Erasure
from episodes.services import forgetting
from fleet import audit
from fleet.models import Organisation, Person


def known() -> list[Erasure]:
    """All there are, before the rows are replaced."""
    return list(Erasure.objects.select_related("organisation"))


def carry(before: list[Erasure]) -> list[Erasure]:
    """Within the restore's transaction: puts them in with their records; those that have to be done (again) are given.

    An organisation is known by its name; deletions of one that the backup does not know have nothing to delete there.
    """
    due: dict[tuple[int, str], Erasure] = {}
    for row in sorted(before, key=lambda one: one.state == "done"):  # one that had not ended brings all of its person along
        organisation = Organisation.objects.filter(name=row.organisation.name).first()
        if organisation is None:
            continue
        Erasure.objects.filter(pk=row.pk).delete()
        row.organisation = organisation
        back = forgetting.files_of(_back(row))
        if row.state != "done":
            row.state, row.fence, row.heartbeat, row.episodes = "asked", 0, None, row.episodes | back
        row.save(force_insert=True)
        whose = (organisation.pk, row.person_hash)
        if row.state != "done":
            due[whose] = row
        elif whose not in due and (back or _account(row)):
            due[whose] = _anew(row, back)
    return list(due.values())


def _back(row: Erasure) -> EpisodeQuerySet:
    """Episodes that had gone, or would have gone then had they been there."""
    here = Episode.objects.there().filter(organisation=row.organisation)
    uids = EpisodePerson.objects.filter(episode__organisation=row.organisation).values_list("uid", flat=True).distinct()
    theirs = [uid for uid in uids if forgetting.hash_of(uid) == row.person_hash]
    found = here.filter(Q(pk__in=list(row.episodes)) | Q(drivers__uid__in=theirs, started_at__lte=row.asked_at))
    return here.filter(pk__in=found.values("pk"))


def _account(row: Erasure) -> str:
    """The id of the person whose account had gone and is there again."""
    said = json.loads(row.record.partition(" ")[2] or "{}")
    members = Person.objects.filter(memberships__organisation=row.organisation).values_list("uid", flat=True).distinct()
    return next((uid for uid in members if said.get("account_deleted") and forgetting.hash_of(uid) == row.person_hash), "")


def _anew(row: Erasure, back: dict[str, dict[str, str]]) -> Erasure:
    again = Erasure.objects.create(
        organisation=row.organisation,
        person_hash=row.person_hash,
        account=_account(row),
        reason=row.reason,
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        episodes=back,
    )
    audit.append("restore", "erasure_asked", again.pk, row.organisation_id, episodes=len(back), reason=row.reason, before=row.pk)
    return again
