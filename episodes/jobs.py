"""Celery wrappers: check what was received, find checks that nobody does.  The row is the truth."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from episodes import objects, storage
from episodes.apart import Superseded, examine_apart
from episodes.goals import settle, settle_open
from episodes.models import DatasetJob, Episode, Erasure
from episodes.services import dataset_jobs, erasing, forgetting, gists, half_uploads, retention
from episodes.services.checks import end_check
from protocol.errors import Refused

_log = logging.getLogger(__name__)


@shared_task(name="episodes.check")
def check_episode(episode_id: str) -> None:
    """Looks through one episode, unless somebody does already."""
    episode = Episode.objects.filter(pk=episode_id).first()
    fence = episode.claim_check(f"{socket.gethostname()}:{os.getpid()}") if episode is not None else None
    if episode is None or fence is None:
        return
    derived = storage.derived(episode.pk)
    pictures = episode.rows * max(1, len(episode.meta["cameras"]))
    try:
        examined = examine_apart(
            storage.folder(episode.pk),
            derived / storage.POSTER,
            derived / storage.COLUMNS,
            pictures,
            lambda percent: episode.go_on_checking(fence, percent),
        )
    except Superseded:
        return
    except OSError as error:  # the disk, not the episode: the reconciler tries again once the heartbeat is old
        _log.error("episode %s could not be checked: %s", episode.pk, error)
        return
    finally:
        erasing.again_if_gone(episode.pk)
    if end_check(episode, fence, examined):
        settle(episode.campaign_id)
        if episode.status != "rejected":
            gists.draw(episode)
        else:
            _log.warning("episode %s is rejected: %s", episode.pk, episode.problem)


@shared_task(name="episodes.reconcile")
def reconcile() -> None:
    """Does the checks that no worker was woken for, or whose worker died; draws strips that are missing."""
    settle_open()
    gists.draw_missing(20)
    for episode_id in Episode.objects.unchecked().values_list("pk", flat=True)[:20]:
        check_episode(episode_id)


@shared_task(name="episodes.retention")
def keep_no_longer() -> None:
    """Each day: what the rules of its site name goes, uploads that nobody goes on with, and what kills have left."""
    now = timezone.now()
    out, gone = retention.run(now)
    if out or gone:
        _log.warning("retention: %d episodes taken out of the lists, %d gone for good", out, gone)
    idle, left = half_uploads.drop_idle(now), half_uploads.sweep(now)
    if idle or left:
        _log.warning("%d uploads that nobody goes on with were dropped, %d half made folders removed", idle, left)
    if again := erasing.look_again(now):
        _log.error("files of %d deleted episodes were there again and were removed: %s", len(again), ", ".join(again))


@shared_task(name="episodes.erasures")
def erasures() -> None:
    """Does the erasures that nobody does; what a kill left half done is finished."""
    for erasure in Erasure.objects.orphaned().select_related("organisation"):
        forgetting.run(erasure)
    erasing.finish()


@shared_task(name="episodes.dataset_job")
def do_dataset_job(job_id: str) -> None:
    """Exports or proves one version in a process of its own, unless somebody does already."""
    job = DatasetJob.objects.filter(pk=job_id).first()
    fence = job.claim(f"{socket.gethostname()}:{os.getpid()}") if job is not None else None
    if job is None or fence is None:
        return
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "do_dataset_job", job.pk, str(fence)]
    code = subprocess.run(command, check=False).returncode
    if dataset_jobs.stop(job, fence, "failed", f"The process that did it ended unexpectedly (code {code}). Ask again."):
        _log.error("work %s ended unexpectedly with code %s", job.pk, code)


@shared_task(name="episodes.reconcile_datasets")
def reconcile_datasets() -> None:
    """Begins the work that nobody does, and lets old archives go."""
    for job_id in DatasetJob.objects.orphaned().values_list("pk", flat=True)[:20]:
        dataset_jobs.wake(job_id)
    dataset_jobs.expire()


@shared_task(name="episodes.store")
def push_to_store() -> None:
    """Where there is an object store: brings what is kept there, and drops from the disk what was not used for long."""
    if not objects.enabled():
        return
    try:
        objects.push_new(storage.place)
    except Refused as refused:
        _log.warning("object store: %s", refused.sentence)
        return
    objects.make_room(storage.place("0" * 32).parent.parent, settings.REINS_S3_CACHE_MB * 1024 * 1024)
