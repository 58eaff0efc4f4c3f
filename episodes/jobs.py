"""Celery wrappers: check what was received, find checks that nobody does.  The row is the truth."""

from __future__ import annotations

import logging

from celery import shared_task

from episodes import storage
from episodes.data.examine import examine
from episodes.models import Episode
from protocol.errors import Refused

_log = logging.getLogger(__name__)


@shared_task(name="episodes.check")
def check_episode(episode_id: str) -> None:
    """Looks through one episode, unless somebody does already."""
    episode = Episode.objects.filter(pk=episode_id).first()
    fence = episode.claim_check() if episode is not None else None
    if episode is None or fence is None:
        return
    derived = storage.derived(episode.pk)
    try:
        findings = examine(storage.folder(episode.pk), derived / storage.POSTER, derived / storage.COLUMNS)
    except Refused as refused:
        _log.warning("episode %s failed its check: %s", episode.pk, refused.sentence)
        episode.end_check(fence, "failed", {}, refused.sentence)
        return
    episode.end_check(fence, "ready", findings.as_json())


@shared_task(name="episodes.reconcile")
def reconcile() -> None:
    """Does the checks that no worker was woken for, or whose worker died."""
    for episode_id in Episode.objects.unchecked().values_list("pk", flat=True)[:20]:
        check_episode(episode_id)
