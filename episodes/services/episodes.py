"""What people ask of an episode: correct it, remove it, bring it back.  Permission was checked by the caller."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from episodes.goals import settle
from episodes.models import Episode
from episodes.services import labels, review
from fleet import audit
from fleet.models import Person


def change(episode: Episode, version: int, values: dict[str, Any], person: Person) -> None:
    """Corrects labels.  `Refused("stale_version")`, `Refused("invalid_field:<name>")` for what cannot be kept,
    `Refused("second_look")` when the person must not see them yet."""
    values = labels.cleaned(episode, values)
    judged, before = review.judged(episode, values, person), episode.instruction
    columns = {name: value for name, value in values.items() if name != "reviewed"}
    with transaction.atomic():
        episode.change(version, **columns, **judged)
        if judged:
            review.note(episode, person)
        review.note_instruction(episode, before, person)
        audit.append(person.shown, "episode_corrected", episode.pk, episode.organisation_id, **values)
        settle(episode.campaign_id)


def remove(episode: Episode, version: int, person: Person) -> None:
    """Out of the lists; the files stay, so that it can be undone."""
    if episode.removed_at is None:
        with transaction.atomic():
            episode.change(version, removed_at=timezone.now(), removed_by=person)
            audit.append(person.shown, "episode_removed", episode.pk, episode.organisation_id)
            settle(episode.campaign_id)


def restore(episode: Episode, person: Person) -> None:
    if episode.removed_at is not None:
        with transaction.atomic():
            episode.change(episode.version, removed_at=None, removed_by=None, purge_at=None, kept_from=timezone.now())
            audit.append(person.shown, "episode_restored", episode.pk, episode.organisation_id)
            settle(episode.campaign_id)
