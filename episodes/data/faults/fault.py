"""What was done to an episode, and what a check must say of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """`codes`: findings of which one must come, in rows that overlap `first`..`last`; `camera` as in a finding."""

    codes: tuple[str, ...]
    first: int = 0
    last: int = 0
    camera: str = ""
    claimed_rows: int | None = None  # what `episode.json` says instead of the truth
    made: bool = True


NO_PLACE = Fault((), made=False)
