"""Draws what the library and the statistics show of an episode.  An episode is checked without it."""

from __future__ import annotations

import logging

from episodes import storage
from episodes.data.gist import MAKE, make_gist
from episodes.models import Episode
from episodes.services import erasing
from protocol.errors import Refused

_log = logging.getLogger(__name__)


def draw(episode: Episode) -> bool:
    """False, and a line in the log, when its videos cannot be read.  That is remembered when it is the files' own fault."""
    derived = storage.derived(episode.pk)
    row = Episode.objects.filter(pk=episode.pk)
    try:
        make_gist(storage.folder(episode.pk), derived / storage.STRIP, derived / storage.GIST)
    except (Refused, OSError) as error:
        _log.warning("episode %s has no strip: %s", episode.pk, error)
        if isinstance(error, FileNotFoundError) or (isinstance(error, Refused) and error.code == "episode_damaged"):
            row.update(gist_failed=MAKE)
        return False
    finally:
        erasing.again_if_gone(episode.pk)
    row.update(gist=MAKE, gist_failed=0)
    return True


def draw_missing(most: int) -> int:
    """For episodes checked before there were strips, or whose process died in between; how many were drawn.

    What cannot be drawn waits for the next check of that episode: it would stand before all others for ever.
    """
    waiting = Episode.objects.present().usable().filter(gist__lt=MAKE, gist_failed__lt=MAKE).order_by("-checked_at")[:most]
    return sum(draw(episode) for episode in waiting)
