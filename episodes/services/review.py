"""Who has said what of an episode, who is asked for a second look, and how far two people agree.

Permission was checked by the caller.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from episodes.data.agreement import Agreement, agreement
from episodes.models import Episode, EpisodeQuerySet, InstructionVersion, Review
from episodes.services import labels
from fleet import audit
from fleet.models import Person
from protocol.errors import Refused


def asked_of(person: Person, episodes: Iterable[Episode]) -> set[str]:
    """Ids of those whose second look is asked of this person: flagged, and without a label of theirs."""
    flagged = {episode.pk for episode in episodes if episode.flagged}
    if not flagged:
        return set()
    done = Review.objects.filter(person=person, episode__in=flagged).values_list("episode_id", flat=True)
    return flagged - set(done)


def to_review(episodes: EpisodeQuerySet, person: Person) -> EpisodeQuerySet:
    """Checked ones that nobody has reviewed, and those whose second look is asked of this person."""
    mine = Review.objects.filter(person=person, episode=OuterRef("pk"))
    wanted = Q(reviewed_at=None) | (Q(flagged=True) & ~Exists(mine))
    return episodes.present().filter(wanted, status__in=("ready", "warned"))


def next_to_review(episodes: EpisodeQuerySet, person: Person, after: Episode | None) -> tuple[Episode | None, int]:
    """The next older one than `after`, from the newest again when there is none; and how many there are beside it."""
    waiting = to_review(episodes, person).order_by("-started_at", "-pk")
    if after is None:
        return waiting.first(), waiting.count()
    waiting = waiting.exclude(pk=after.pk)
    older = Q(started_at__lt=after.started_at) | Q(started_at=after.started_at, pk__lt=after.pk)
    return waiting.filter(older).first() or waiting.first(), waiting.count()


# -- what a change of the labels means for the reviews -----------------------------------------------------------------


def judged(episode: Episode, values: dict[str, Any], person: Person) -> dict[str, Any]:
    """The columns that follow when a person changes `values`; `Refused("second_look")` when they must not see them yet.

    `reviewed` in the values says outright whether this counts as said; left out, every judgement does.
    """
    judges = bool(values.keys() & labels.JUDGEMENT)
    if (judges or "comment" in values) and asked_of(person, [episode]):
        raise Refused(
            "second_look",
            "A second look at this episode was asked for. Give your own label first; then you see the one before it.",
        )
    asks = bool(values.get("flagged"))
    outcome = values.get("outcome", episode.outcome)
    if asks and outcome == "unlabelled":
        raise Refused("unlabelled", "Say first how the episode ended, then ask for a second look.")
    if not (judges or asks):
        return {}
    said = outcome != "unlabelled" and values.get("reviewed", True)
    return {"reviewed_at": timezone.now() if said else None, "reviewed_by": person if said else None}


def note(episode: Episode, person: Person) -> None:
    """Keeps as this person's own label what the episode says now, until somebody has given a blind one beside it."""
    if episode.reviews.filter(blind=True).exists():
        return
    if episode.reviewed_at is None:
        episode.reviews.filter(person=person).delete()
        return
    label = {"outcome": episode.outcome, "failure": episode.failure, "quality": episode.quality}
    Review.objects.update_or_create(episode=episode, person=person, defaults={**label, "at": timezone.now()})


def note_instruction(episode: Episode, before: str, person: Person) -> None:
    """The wording before and the one now, numbered on from the recorded one."""
    if episode.instruction == before:
        return
    last = episode.instructions.last()
    recorded = int(episode.meta.get("instruction_version", 1))
    number = (last.number if last else recorded) + 1
    InstructionVersion.objects.create(episode=episode, number=number, text=episode.instruction, person=person)


# -- the second look ---------------------------------------------------------------------------------------------------


def second(episode: Episode, version: int, label: dict[str, Any], person: Person) -> Review:
    """A label given without seeing the first.  `label`: outcome, failure, quality.

    `Refused("no_second_look")` when it was not asked of this person, `Refused("stale_version")`.
    """
    if not asked_of(person, [episode]):
        raise Refused("no_second_look", "No second look at this episode is asked of you.")
    label = {"failure": "", "quality": None, **label}
    if label["outcome"] == "unlabelled":
        raise Refused("invalid_field:outcome", "Say success or failure.")
    label = labels.second(episode, label)
    with transaction.atomic():
        episode.change(version, flagged=False)
        review = Review.objects.create(episode=episode, person=person, blind=True, **label)
        audit.append(person.shown, "episode_second_look", episode.pk, episode.organisation_id, **label)
    return review


def agreements(person: Person, organisation: int) -> list[tuple[Person, Agreement]]:
    """Of this person with each other one, over the episodes where one of the two labelled blind after the other."""
    pairs: dict[Person, list[tuple[str, str]]] = defaultdict(list)
    by_episode: dict[str, list[Review]] = defaultdict(list)
    compared = Review.objects.filter(person=person, episode__organisation=organisation).values("episode")
    for review in Review.objects.filter(episode__in=compared).select_related("person").order_by("at"):
        by_episode[review.episode_id].append(review)
    for reviews in by_episode.values():
        mine = next(review for review in reviews if review.person_id == person.pk)
        for theirs in reviews:
            if theirs is not mine and theirs.blind != mine.blind:
                pairs[theirs.person].append((mine.outcome, theirs.outcome))
    found = [(other, agreement(answers)) for other, answers in pairs.items()]
    return sorted(found, key=lambda one: (-one[1].both, one[0].shown))
