"""What a server process does once before it serves: loads what the first request would, and counts it as there to stay."""

from __future__ import annotations

import gc

from django.urls import get_resolver


def load() -> None:
    """After Django is set up.

    Python's collector goes through every object it knows from time to time; with all of Django and our code among them that
    stops every page and every socket for a fifth of a second.  What is frozen is left out of those rounds.
    """
    _ = get_resolver().url_patterns
    gc.collect()
    gc.freeze()
