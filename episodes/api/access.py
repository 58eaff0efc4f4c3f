"""Who may see and change which episodes."""

from __future__ import annotations

from typing import cast

from django.http import HttpRequest

from episodes.models import Episode, EpisodeQuerySet
from fleet.access import Ability, roles_with
from fleet.edge import not_found
from fleet.models import Person, is_id
from protocol.errors import Refused


def person(request: HttpRequest) -> Person:
    return cast(Person, request.user)


def visible(who: Person, ability: Ability = "see") -> EpisodeQuerySet:
    found = Episode.objects.for_person(who, roles_with(ability))
    return found.select_related("robot", "site", "organisation")


def find(who: Person, id: str, ability: Ability = "see") -> Episode:
    """404 for what one may not see, 403 where only the right is missing."""
    episode = visible(who).filter(pk=id).first() if is_id(id) else None
    if episode is None:
        raise not_found()
    if ability != "see" and not visible(who, ability).filter(pk=id).exists():
        raise Refused("forbidden", f"Your role does not allow this at {episode.site}. Ask an administrator.")
    return episode
