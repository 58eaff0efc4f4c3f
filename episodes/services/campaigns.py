"""What people ask of a campaign, and what its episodes do to it.  Permission was checked by the caller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.db import transaction
from django.utils import timezone

from episodes.data.balance import furthest_behind
from episodes.goals import settle
from episodes.models import Campaign, CampaignPrompt, CampaignSeat, Episode
from episodes.reading import standing
from fleet import audit
from fleet.models import Person, Robot, Site, is_id
from protocol.episode import EpisodeMeta
from protocol.errors import Refused

Wish = Literal["open", "paused", "closed"]


@dataclass(frozen=True)
class PromptWish:
    """A prompt as a person wants it; `id` is "" for a new one."""

    id: str
    instruction: str
    reset: str
    goal: int


# -- planning --------------------------------------------------------------------------------------


def make(site: Site, person: Person, values: dict[str, Any], robots: Sequence[str], prompts: Sequence[PromptWish]) -> Campaign:
    """A draft.  Refused: `invalid_field:<name>`."""
    with transaction.atomic():
        campaign = Campaign.objects.create(organisation=site.organisation, site=site, made_by=person, **_columns(values))
        _set_robots(campaign, robots)
        _set_prompts(campaign, prompts)
        audit.append(person.shown, "campaign_made", campaign.pk, site.organisation_id, name=campaign.name)
    return campaign


def change(
    campaign: Campaign,
    version: int,
    values: dict[str, Any],
    person: Person,
    robots: Sequence[str] | None = None,
    prompts: Sequence[PromptWish] | None = None,
) -> None:
    """Refused: `stale_version`, `campaign_closed`, `invalid_field:<name>`, `prompt_in_use`, `campaign_empty`."""
    values = _columns(values)
    with transaction.atomic():
        campaign.change(version, **values)
        if campaign.state == "closed":
            raise Refused("campaign_closed", "A closed campaign stays as it is. Make a new one.")
        if robots is not None:
            _set_robots(campaign, robots)
        if prompts is not None:
            _set_prompts(campaign, prompts)
        if campaign.state != "draft":
            _check_ready(campaign)
        audit.append(
            person.shown, "campaign_changed", campaign.pk, campaign.organisation_id, **values, robots=robots,
            prompts=None if prompts is None else [[wish.goal, wish.instruction] for wish in prompts],
        )  # fmt: skip
        settle(campaign.pk)
    campaign.refresh_from_db()


def move(campaign: Campaign, version: int, state: Wish, person: Person) -> None:
    """Opens, pauses or closes it.  Refused: `stale_version`, `campaign_state`, `campaign_empty`, `goals_reached`."""
    with transaction.atomic():
        campaign.change(version)
        if state == "open":
            _check_ready(campaign)
            if standing.of(campaign).missing == 0:
                raise Refused("goals_reached", "Every goal is reached. Raise one, then it is open again.")
        before = campaign.state
        if not campaign.become(state):
            raise Refused("campaign_state", f"A campaign that is {before} cannot become {state}.", state=before)
        act = {"open": "campaign_opened", "paused": "campaign_paused", "closed": "campaign_closed"}[state]
        audit.append(person.shown, act, campaign.pk, campaign.organisation_id, name=campaign.name, before=before)


def _columns(values: dict[str, Any]) -> dict[str, Any]:
    values = dict(values)
    if "name" in values:
        values["name"] = _line(values["name"], "name")
        if not values["name"]:
            raise Refused("invalid_field:name", "Give the campaign a name.")
    return values


def _line(text: str, field: str) -> str:
    text = text.strip()
    if not text.isprintable():
        raise Refused(f"invalid_field:{field}", "Use one line of visible characters.")
    return text


def _check_ready(campaign: Campaign) -> None:
    if not campaign.robots.exists() or not campaign.prompts.filter(goal__gt=0).exists():
        raise Refused("campaign_empty", "It needs a robot, and a prompt with a goal above 0, before it can run.")


def _set_robots(campaign: Campaign, ids: Sequence[str]) -> None:
    wanted = {id for id in ids if is_id(id)}
    found = list(Robot.objects.working().filter(site=campaign.site, pk__in=wanted))
    if len(found) != len(set(ids)):
        raise Refused("invalid_field:robots", f"Choose robots of {campaign.site}.")
    campaign.robots.set(found)


def _set_prompts(campaign: Campaign, wishes: Sequence[PromptWish]) -> None:
    known = {prompt.pk: prompt for prompt in campaign.prompts.all()}
    named = [wish.id for wish in wishes if wish.id]
    if not set(named) <= set(known) or len(named) != len(set(named)):
        raise Refused("invalid_field:prompts", "A prompt is not of this campaign, or is there twice. Load the page again.")
    for id in set(known) - set(named):
        _drop(known[id])
    for place, wish in enumerate(wishes):
        prompt = known.get(wish.id) or CampaignPrompt(campaign=campaign)
        prompt.place, prompt.goal = place, wish.goal
        prompt.instruction, prompt.reset = _line(wish.instruction, "instruction"), _line(wish.reset, "reset")
        if not prompt.instruction:
            raise Refused("invalid_field:instruction", "Say in a sentence what shall be shown.")
        prompt.save()


def _drop(prompt: CampaignPrompt) -> None:
    if count := prompt.episodes.count():
        word = "episode was" if count == 1 else "episodes were"
        raise Refused(
            "prompt_in_use",
            f"{count} {word} recorded for “{prompt.instruction}”. Set its goal to 0 instead of removing it.",
            prompt=prompt.pk,
        )
    prompt.delete()


# -- recording -------------------------------------------------------------------------------------


def take_turn(campaign: Campaign, robot: Robot, person: Person, stay: str, kept: dict[str, str]) -> standing.Turn:
    """What to show next on this robot, which takes its seat there.

    `stay`: the prompt to keep; "" asks for the one furthest behind its goal.  `kept`: takes of this robot (episode id to
    prompt id) that may not have arrived yet.  Refused: `not_in_campaign`.
    """
    if not campaign.robots.filter(pk=robot.pk).exists():
        raise Refused("not_in_campaign", f"{robot.name} is not one of this campaign's robots.")
    arrived = set(Episode.objects.filter(pk__in=kept, robot=robot).values_list("pk", flat=True))
    coming = [prompt for episode, prompt in kept.items() if episode not in arrived]
    now = standing.of(campaign, coming, robot)
    chosen = None
    if campaign.state == "open":
        chosen = stay if any(one.id == stay for one in now.prompts) else furthest_behind(now.prompts)
    if chosen is None:
        CampaignSeat.objects.filter(robot=robot).delete()
    else:
        CampaignSeat.objects.update_or_create(robot=robot, defaults={"prompt_id": chosen, "person": person, "at": timezone.now()})
    return standing.Turn(chosen, sorted(arrived), now)


# -- what episodes do to it ------------------------------------------------------------------------


def claim(meta: EpisodeMeta, robot: Robot) -> tuple[CampaignPrompt | None, str]:
    """The prompt that an episode was recorded for, or None and why it is kept without one ("" when it names none)."""
    if not meta.campaign and not meta.prompt:
        return None, ""
    prompt = CampaignPrompt.objects.filter(pk=meta.prompt, campaign=meta.campaign).select_related("campaign").first()
    if prompt is None or prompt.campaign.organisation_id != robot.site.organisation_id:
        return None, "it names no campaign of this organisation"
    if prompt.campaign.state not in Campaign.RUNNING:
        return None, f"the campaign is {prompt.campaign.state}"
    if not prompt.campaign.robots.filter(pk=robot.pk).exists():
        return None, "the robot is not one of the campaign's"
    return prompt, ""
