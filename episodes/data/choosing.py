"""What freezing decides for each episode of a dataset: its split and its weight.  Pure; the same input gives the same answer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

HEAVIEST = 100.0


def split_of(episode: str, seed: int, validation_share: float) -> str:
    """ "train" or "validation", by a hash of the episode's id and the seed.

    Whole episodes are split, never frames, because neighbouring frames are nearly the same picture.  An episode keeps its
    split when others come or go, and when the share grows those of the smaller share stay in validation.
    """
    drawn = int.from_bytes(hashlib.sha256(f"{seed}:{episode}".encode()).digest()[:8], "big") / 2**64
    return "validation" if drawn < validation_share else "train"


def weight_of(tags: Iterable[str], weights: Mapping[str, float]) -> float:
    """The largest weight that one of its tags has; 1 where none has any."""
    found = [weights[tag] for tag in tags if tag in weights]
    return max(found) if found else 1.0
