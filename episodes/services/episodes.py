"""What people ask of an episode: correct it, remove it, bring it back.  Permission was checked by the caller."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from episodes.models import MAX_INSTRUCTION, Episode
from fleet import audit
from fleet.models import Person
from protocol.errors import Refused


def change(episode: Episode, version: int, values: dict[str, Any], person: Person) -> None:
    """Corrects instruction or outcome; `Refused("stale_version")`, `Refused("invalid_field:instruction")`."""
    text = values.get("instruction")
    if text is not None:
        values["instruction"] = text = text.strip()
        if len(text) > MAX_INSTRUCTION or not text.isprintable():
            raise Refused("invalid_field:instruction", f"Use one line of at most {MAX_INSTRUCTION} visible characters.")
    with transaction.atomic():
        episode.change(version, **values)
        audit.append(person.shown, "episode_corrected", episode.pk, episode.organisation_id, **values)


def remove(episode: Episode, version: int, person: Person) -> None:
    """Out of the lists; the files stay, so that it can be undone."""
    if episode.removed_at is None:
        with transaction.atomic():
            episode.change(version, removed_at=timezone.now(), removed_by=person)
            audit.append(person.shown, "episode_removed", episode.pk, episode.organisation_id)


def restore(episode: Episode, person: Person) -> None:
    if episode.removed_at is not None:
        with transaction.atomic():
            episode.change(episode.version, removed_at=None, removed_by=None)
            audit.append(person.shown, "episode_restored", episode.pk, episode.organisation_id)
