"""Draws what the library and the statistics show of an episode.  An episode is checked without it."""

from __future__ import annotations

import logging

from episodes import storage
from episodes.data.gist import MAKE, make_gist
from episodes.models import Episode
from protocol.errors import Refused

_log = logging.getLogger(__name__)


def draw(episode: Episode) -> bool:
    """False, and a line in the log, when its videos cannot be read."""
    derived = storage.derived(episode.pk)
    try:
        make_gist(storage.folder(episode.pk), derived / storage.STRIP, derived / storage.GIST)
    except (Refused, OSError) as error:
        _log.warning("episode %s has no strip: %s", episode.pk, error)
        return False
    Episode.objects.filter(pk=episode.pk).update(gist=MAKE)
    return True


def draw_missing(most: int) -> int:
    """For episodes checked before there were strips, or whose process died in between; how many were drawn."""
    waiting = Episode.objects.present().usable().filter(gist__lt=MAKE).order_by("-checked_at")[:most]
    return sum(draw(episode) for episode in waiting)
