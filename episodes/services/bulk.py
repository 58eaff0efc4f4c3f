"""Many episodes labelled at once, and that undone.  Permission was checked by the caller."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from episodes.goals import settle
from episodes.models import BulkChange, Episode, EpisodeQuerySet, Review
from episodes.services import labels, review
from fleet import audit
from fleet.models import Person
from protocol.errors import Refused

MOST = 500  # episodes of one change


@dataclass
class Done:
    """`skipped` maps an id to the sentence that says why; `undo` is "" when nothing changed."""

    changed: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    undo: str = ""


def label(episodes: EpisodeQuerySet, values: dict[str, Any], add: list[str], take: list[str], person: Person) -> Done:
    """Gives all of them these labels, adds and takes tags.  What one of them refuses leaves the others alone.

    `Refused("too_many")` above `MOST`.
    """
    rows = list(episodes[: MOST + 1])
    if len(rows) > MOST:
        raise Refused("too_many", f"At most {MOST} episodes can be labelled at once. Narrow the selection.")
    done, before = Done(), {}
    with transaction.atomic():
        for episode in rows:
            wanted = _wanted(episode, values, add, take)
            was = _standing(episode, person)
            try:
                if not _change(episode, wanted, person):
                    continue
            except Refused as refused:
                done.skipped[episode.pk] = refused.sentence
                continue
            done.changed.append(episode.pk)
            before[episode.pk] = {"version": episode.version, **was}
        if done.changed:
            done.undo = BulkChange.objects.create(person=person, before=before).pk
            _tell(person, "episodes_labelled", rows, done.changed, **values, add_tags=add, remove_tags=take)
    return done


def undo(change: BulkChange, person: Person) -> Done:
    """Each episode as it was, where nobody has changed it since.  `Refused("already_undone")`."""
    done = Done()
    with transaction.atomic():
        if not BulkChange.objects.filter(pk=change.pk, undone_at=None).update(undone_at=timezone.now()):
            raise Refused("already_undone", "This was undone already.")
        rows = list(Episode.objects.filter(pk__in=change.before))
        for episode in rows:
            was = change.before[episode.pk]
            if was["version"] != episode.version:
                done.skipped[episode.pk] = f"{episode} was changed again since; it stays as it is."
                continue
            try:
                _restore(episode, was, person)
            except Refused as refused:
                done.skipped[episode.pk] = refused.sentence
                continue
            done.changed.append(episode.pk)
        if done.changed:
            _tell(person, "episodes_labels_undone", rows, done.changed)
    return done


def _wanted(episode: Episode, values: dict[str, Any], add: list[str], take: list[str]) -> dict[str, Any]:
    wanted = dict(values)
    if add or take:
        gone = {tag.casefold() for tag in take}
        wanted["tags"] = [tag for tag in episode.tags if tag.casefold() not in gone] + add
    return wanted


def _change(episode: Episode, values: dict[str, Any], person: Person) -> bool:
    """False when the episode says all that already."""
    values = labels.cleaned(episode, values)
    values = {name: value for name, value in values.items() if getattr(episode, name) != value}
    if not values:
        return False
    judged = review.judged(episode, values, person)
    with transaction.atomic():
        episode.change(episode.version, **values, **judged)
        if judged:
            review.note(episode, person)
    return True


def _standing(episode: Episode, person: Person) -> dict[str, Any]:
    """All that `_change` may touch: labels, whether a person has said them, and what this person had said."""
    said = episode.reviews.filter(person=person).first()
    return {
        "values": {name: getattr(episode, name) for name in ("outcome", "failure", "quality", "tags")},
        "reviewed": {"at": episode.reviewed_at and episode.reviewed_at.isoformat(), "by": episode.reviewed_by_id},
        "review": said and {"outcome": said.outcome, "failure": said.failure, "quality": said.quality, "at": said.at.isoformat()},
    }


def _restore(episode: Episode, was: dict[str, Any], person: Person) -> None:
    """Outright: an undo says nothing of its own about how the episode ended."""
    values = labels.cleaned(episode, was["values"])
    reviewed, said = was["reviewed"], was["review"]
    at = reviewed["at"] and datetime.fromisoformat(reviewed["at"])
    by = Person.objects.filter(pk=reviewed["by"]).first()
    with transaction.atomic():
        episode.change(episode.version, **values, reviewed_at=at, reviewed_by=by)
        if said is None:
            episode.reviews.filter(person=person).delete()
        else:
            label = {**said, "at": datetime.fromisoformat(said["at"])}
            Review.objects.update_or_create(episode=episode, person=person, defaults=label)


def _tell(person: Person, act: str, rows: list[Episode], changed: list[str], **detail: Any) -> None:
    """One entry for each organisation, with the ids."""
    for organisation in sorted({episode.organisation_id for episode in rows}):
        ids = [episode.pk for episode in rows if episode.organisation_id == organisation and episode.pk in set(changed)]
        if ids:
            audit.append(person.shown, act, "", organisation, episodes=ids, **detail)
    for campaign in {episode.campaign_id for episode in rows}:
        settle(campaign)
