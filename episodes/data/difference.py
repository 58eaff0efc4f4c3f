"""What changed between two dataset versions: which episodes came and went, which were labelled or trimmed anew.  Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from episodes.data.manifest import Manifest, ManifestEpisode

LABELS = ("instruction", "outcome", "failure", "quality", "tags")
USE = ("weight", "split")


@dataclass(frozen=True, slots=True)
class Changed:
    """One episode that both have; `fields` maps a name to (before, after)."""

    id: str
    fields: dict[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class Difference:
    """`added` and `removed` are ids; `replaced` have other bytes under the same id, which never happens to a whole store."""

    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    relabelled: list[Changed] = field(default_factory=list)
    retrimmed: list[Changed] = field(default_factory=list)
    reweighted: list[Changed] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        parts = (self.added, self.removed, self.relabelled, self.retrimmed, self.reweighted, self.replaced)
        return not any(parts)


def difference(before: Manifest, after: Manifest) -> Difference:
    """From `before` to `after`; lists are sorted by id.  An episode may be in several lists of changes."""
    old = {episode.id: episode for episode in before.episodes}
    new = {episode.id: episode for episode in after.episodes}
    found = Difference(added=sorted(new.keys() - old.keys()), removed=sorted(old.keys() - new.keys()))
    for id in sorted(old.keys() & new.keys()):
        was, is_now = old[id], new[id]
        if was == is_now:
            continue
        for names, changes in (
            (LABELS, found.relabelled), (("first", "last"), found.retrimmed), (USE, found.reweighted),
        ):  # fmt: skip
            if fields := _changed(was, is_now, names):
                changes.append(Changed(id, fields))
        if was.files != is_now.files:
            found.replaced.append(id)
    return found


def _changed(was: ManifestEpisode, is_now: ManifestEpisode, names: tuple[str, ...]) -> dict[str, tuple[Any, Any]]:
    pairs = {name: (getattr(was, name), getattr(is_now, name)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
