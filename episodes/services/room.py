"""Room for episodes: what is left on the disk, of the quota of the whole server and of an organisation's own."""

from __future__ import annotations

from django.conf import settings
from django.db.models import Sum

from episodes import storage
from episodes.models import Episode, UploadFile
from fleet.models import Organisation

MIB = 1024 * 1024


def used(organisation: Organisation | None = None) -> int:
    """Bytes of episodes, and of what has arrived of those on their way; of everybody when no organisation is named."""
    kept, coming = Episode.objects.all(), UploadFile.objects.filter(upload__state="receiving")
    if organisation is not None:
        kept = kept.filter(organisation=organisation)
        coming = coming.filter(upload__robot__site__organisation=organisation)
    total = kept.aggregate(bytes=Sum("size_bytes"))["bytes"] or 0
    return int(total) + int(coming.aggregate(bytes=Sum("offset"))["bytes"] or 0)


def check(organisation: Organisation, wanted: int) -> None:
    """`Refused("storage_full")` with `remaining_bytes` when `wanted` bytes more do not fit.  Nothing is lost: try again later."""
    left = [storage.free_bytes()]
    if settings.REINS_MEDIA_QUOTA_MB:
        left.append(settings.REINS_MEDIA_QUOTA_MB * MIB - used())
    if organisation.quota_mb:
        left.append(organisation.quota_mb * MIB - used(organisation))
    remaining = max(0, min(left))
    if wanted > remaining:
        raise storage.full(remaining)
