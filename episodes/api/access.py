"""Who may see and change which episodes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from django.http import HttpRequest

from episodes.models import Episode, EpisodeQuerySet
from episodes.reading import episodes as reading
from episodes.services import review
from fleet.access import Ability, roles_with
from fleet.edge import Strict, not_found
from fleet.models import Membership, Person, is_id
from protocol.errors import Refused


def person(request: HttpRequest) -> Person:
    return cast(Person, request.user)


def sent(body: Strict, such_as: str) -> dict[str, Any]:
    """What a change names besides the version that it saw; `Refused("nothing_to_change")`."""
    values = body.dict(exclude={"version"}, exclude_unset=True)
    if not values:
        raise Refused("nothing_to_change", f"Name what to change, such as {such_as}.")
    return values


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


def unseen_by(who: Person, episodes: Iterable[Episode]) -> set[str]:
    """Ids of those whose label this person must not see yet: their own second look is asked for."""
    asked = review.asked_of(who, episodes)
    return set(visible(who, "review").filter(pk__in=asked).values_list("pk", flat=True)) if asked else asked


def rows(who: Person, episodes: Iterable[Episode]) -> list[dict[str, Any]]:
    """`EpisodeRow` of each, as this person may see it."""
    episodes = list(episodes)
    unseen = unseen_by(who, episodes)
    return [reading.row(episode, episode.pk in unseen) for episode in episodes]


def detail(who: Person, episode: Episode) -> dict[str, Any]:
    """`EpisodeDetail`, as this person may see it."""
    unseen = bool(unseen_by(who, [episode]))
    curates = Membership.objects.filter(
        person=who, organisation=episode.organisation_id, site=None, role__in=roles_with("curate")
    )
    return reading.detail(episode, visible(who).present(), unseen) | {
        "may_change": (may_review := visible(who, "review").filter(pk=episode.pk).exists()),
        "may_remove": may_review,
        "may_curate": visible(who, "curate").filter(pk=episode.pk).exists(),
        "failures_url": f"/api/organisations/{episode.organisation_id}/failure-kinds" if curates.exists() else "",
    }
