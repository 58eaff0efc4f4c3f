"""Uploads that do not end: what has arrived of them takes room and may be of somebody whose data had to go."""

from __future__ import annotations

import datetime
from collections.abc import Callable

from episodes import storage
from episodes.models import Upload
from fleet.models import Organisation
from protocol.episode import EpisodeMeta
from protocol.episode_folder import MAX_META, META, decode_meta
from protocol.errors import Refused

IDLE = datetime.timedelta(days=14)  # a robot that was away for longer begins that episode again: it keeps its copy
LEFT = datetime.timedelta(days=1)  # nothing that is going on is older


def drop_idle(now: datetime.datetime) -> int:
    """What has arrived of uploads that nobody goes on with goes; how many.  Their robots are told to begin again at 0."""
    idle = Upload.objects.filter(state="receiving", started_at__lt=now - IDLE, files__offset__gt=0).distinct()
    return sum(_drop(upload) for upload in idle if storage.arrived_at(upload.pk) < (now - IDLE).timestamp())


def _drop(upload: Upload) -> bool:
    """Offsets first: a piece that is being written then does not count."""
    with storage.alone(upload.pk):
        upload.refresh_from_db()
        if upload.state != "receiving" or storage.place(upload.pk).exists():
            return False
        upload.files.update(offset=0)
        storage.drop(upload.pk)
    return True


def refuse(organisation: Organisation, unwanted: Callable[[EpisodeMeta], bool], sentence: str) -> int:
    """Uploads whose description has arrived and says that they are `unwanted` are refused for good; how many."""
    coming = Upload.objects.filter(state="receiving", robot__site__organisation=organisation)
    count = 0
    for upload in coming:
        meta = _described(upload.pk)
        if meta is not None and unwanted(meta) and upload.become("refused", sentence):
            storage.drop(upload.pk)
            count += 1
    return count


def _described(episode: str) -> EpisodeMeta | None:
    """None while the description has not arrived whole."""
    try:
        with open(storage.incoming(episode) / META, "rb") as file:
            return decode_meta(file.read(MAX_META + 1))
    except (OSError, Refused):
        return None


def sweep(now: datetime.datetime) -> int:
    """What kills left half fetched, half removed or half imported goes, and pieces that came after an upload had ended."""
    before_s = (now - LEFT).timestamp()
    count = storage.sweep(before_s)
    for episode in storage.arriving():
        if storage.arrived_at(episode) < before_s and not Upload.objects.filter(pk=episode, state="receiving").exists():
            storage.drop(episode)
            count += 1
    return count
