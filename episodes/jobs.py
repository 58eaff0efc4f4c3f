"""Celery wrappers: check what was received, find checks that nobody does.  The row is the truth."""

from __future__ import annotations

import logging

from celery import shared_task

from episodes import storage
from episodes.data.checks.finding import codes_of, status_of
from episodes.data.examine import examine
from episodes.goals import settle
from episodes.models import Episode, Erasure
from episodes.services import erasing, forgetting, retention

_log = logging.getLogger(__name__)


@shared_task(name="episodes.check")
def check_episode(episode_id: str) -> None:
    """Looks through one episode, unless somebody does already."""
    episode = Episode.objects.filter(pk=episode_id).first()
    fence = episode.claim_check() if episode is not None else None
    if episode is None or fence is None:
        return
    derived = storage.derived(episode.pk)
    examined = examine(storage.folder(episode.pk), derived / storage.POSTER, derived / storage.COLUMNS)
    status = status_of(examined.findings)
    worst = next((finding.sentence for finding in examined.findings if finding.severity == "reject"), "")
    if worst:
        _log.warning("episode %s is rejected: %s", episode.pk, worst)
    episode.end_check(fence, status, examined.as_json(), codes_of(examined.findings), worst)
    settle(episode.campaign_id)


@shared_task(name="episodes.reconcile")
def reconcile() -> None:
    """Does the checks that no worker was woken for, or whose worker died."""
    for episode_id in Episode.objects.unchecked().values_list("pk", flat=True)[:20]:
        check_episode(episode_id)


@shared_task(name="episodes.retention")
def keep_no_longer() -> None:
    """Takes out of the lists what the rules of its site name, and removes what has been out long enough."""
    out, gone = retention.run()
    if out or gone:
        _log.warning("retention: %d episodes taken out of the lists, %d gone for good", out, gone)


@shared_task(name="episodes.erasures")
def erasures() -> None:
    """Does the erasures that nobody does; what a kill left half done is finished."""
    for erasure in Erasure.objects.orphaned().select_related("organisation"):
        forgetting.run(erasure)
    erasing.finish()
