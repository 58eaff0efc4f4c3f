"""Keeps in step with an episode what the library searches by: who drove and how, and tags.

The one place that writes `EpisodePerson`, `EpisodeTag`, `Episode.task` and `Episode.mix`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from episodes.models.episode import Episode

MOST = 200  # people or tags of one episode


def task_of(meta: dict[str, Any]) -> str:
    """The task's name that a simulated world or a campaign wrote into the recording; "" where nobody did."""
    return str(meta.get("world", {}).get("task", ""))[:80]


def mix_of(findings: dict[str, Any]) -> str:
    """Who drove, in the order of the alphabet and joined by "+"; a hold is nobody.  "" while nothing is known."""
    return "+".join(sorted(name for name in findings.get("pilots", {}) if name != "hold"))[:60]


def drivers(meta: dict[str, Any]) -> dict[str, tuple[str, int]]:
    """uid -> (name, rows driven)."""
    people = meta.get("people", [])[:MOST]
    return {person["id"][:64]: (person["name"][:120], int(person["frames"])) for person in people}


def keep_in_step(episode: Episode) -> None:
    """Writes only what differs, so that it may be called after every change."""
    people = drivers(episode.meta)
    if set(episode.drivers.values_list("uid", flat=True)) != people.keys():
        episode.drivers.all().delete()
        make = episode.drivers.model
        rows = [make(episode=episode, uid=uid, name=name, frames=frames) for uid, (name, frames) in people.items()]
        episode.drivers.bulk_create(rows)
    wanted = {str(tag)[:40] for tag in episode.tags[:MOST]}
    there = set(episode.tagged.values_list("tag", flat=True))
    if gone := there - wanted:
        episode.tagged.filter(tag__in=gone).delete()
    episode.tagged.bulk_create([episode.tagged.model(episode=episode, tag=tag) for tag in sorted(wanted - there)])
