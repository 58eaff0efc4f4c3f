"""What makes an episode go for good: its files, and in its row everything that people said or did.

The row stays, so that its number is not used again and a robot that brings it once more is told that it was taken.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from django.db import models, transaction
from django.utils import timezone

from episodes import storage
from episodes.models import BulkChange, DatasetJob, DatasetVersion, Episode
from fleet.models import Organisation

MOST = 200  # in one round
LATELY = datetime.timedelta(days=2)  # whoever looks each day looks at each of them after all work on it has ended


def one_at_a_time(organisation: int) -> Organisation:
    """Within a transaction: the organisation, held until its end by whoever adds episodes or asks for some to be deleted.

    Its key stays free: rows that name it, as every entry of the audit log does, are written meanwhile.  Otherwise whoever
    has the log would wait for the organisation, and whoever has the organisation for the log.
    """
    return Organisation.objects.select_for_update(no_key=True).get(pk=organisation)


def tombstone(episode: str, why: str) -> None:
    """The row without its content, at once and for good; the files follow in `erase_files`."""
    with transaction.atomic():
        row = Episode.objects.select_for_update(no_key=True).filter(pk=episode, gone_at=None).first()
        if row is None:
            return
        for relation in Episode._meta.related_objects:  # whatever belongs to an episode, also what is added later
            if getattr(relation, "on_delete", None) is models.CASCADE:
                relation.related_model._base_manager.filter(**{relation.field.name: row}).delete()
        for change in BulkChange.objects.filter(before__has_key=episode):  # remembers its labels, to be undone
            del change.before[episode]
            change.save(update_fields=["before"])
        now = timezone.now()
        Episode.objects.filter(pk=episode).update(
            gone_at=now,
            gone_why=why[:120],
            removed_at=row.removed_at or now,
            removed_by=None,
            reviewed_by=None,
            purge_at=None,
            meta={"cameras": [], "people": []},
            findings={},
            finding_codes="",
            instruction="",
            comment="",
            tags=[],
            failure="",
            flagged=False,
            cut_reason="",
            problem="",
            status="rejected",
            size_bytes=0,
            version=row.version + 1,
        )


def erase_files(episode: str) -> None:
    """After `tombstone`; safe to repeat."""
    storage.erase(episode)
    Episode.objects.filter(pk=episode, erased_at=None).exclude(gone_at=None).update(erased_at=timezone.now())


def again_if_gone(episode: str) -> bool:
    """For whoever has just written files of an episode: what it wrote goes too when the episode went meanwhile.

    The row comes first, then the files, so one of the two always sees the other.
    """
    gone = Episode.objects.filter(pk=episode).exclude(gone_at=None).exists()
    if gone:
        storage.erase(episode)
    return gone


def look_again(now: datetime.datetime) -> list[str]:
    """Ids of episodes that went within two days and of which files were there again: whoever wrote them was killed."""
    lately = Episode.objects.exclude(gone_at=None).filter(erased_at__gte=now - LATELY).values_list("pk", flat=True)
    found = [episode for episode in lately if storage.is_there(episode)]
    for episode in found:
        storage.erase(episode)
    return found


def erase(episode: str, why: str) -> None:
    tombstone(episode, why)
    erase_files(episode)


def drop_exports(versions: Iterable[DatasetVersion], by: str) -> None:
    """Archives made of versions whose content has to go; those being made end."""
    for job in DatasetJob.objects.filter(version__in=versions, kind="export"):
        DatasetJob.objects.filter(pk=job.pk, state__in=("queued", "running"), cancelled_by="").update(cancelled_by=by[:120])
        job.expire()
        storage.drop_export(job.pk)


def finish() -> int:
    """Removes the files that a kill left behind; how many episodes had some."""
    left = Episode.objects.exclude(gone_at=None).filter(erased_at=None).values_list("pk", flat=True)[:MOST]
    for episode in left:
        erase_files(episode)
    return len(left)
