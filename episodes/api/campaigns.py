"""The JSON API of campaigns, for people by their session.  Planning takes the ability to train, recording that to drive."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router

from episodes.api.access import person, sent
from episodes.models import Campaign, CampaignQuerySet
from episodes.reading import standing
from episodes.schemas.campaigns import (
    CampaignChange,
    CampaignDetail,
    CampaignMove,
    CampaignNew,
    CampaignPage,
    CampaignTurn,
    State,
    TurnWanted,
)
from episodes.services import campaigns as services
from fleet.access import Ability, robots_for, roles_with, sites_for
from fleet.edge import not_found
from fleet.models import Person, Site, is_id
from protocol.errors import Refused

router = Router(tags=["campaigns"])
PLAN: Ability = "train"
MOST = 200


def visible(who: Person, ability: Ability = "see") -> CampaignQuerySet:
    found = Campaign.objects.for_person(who, roles_with(ability))
    return found.select_related("site", "organisation").prefetch_related("robots", "prompts")


def find(who: Person, id: str, ability: Ability = "see") -> Campaign:
    """404 for what one may not see, 403 where only the right is missing."""
    campaign = visible(who).filter(pk=id).first() if is_id(id) else None
    if campaign is None:
        raise not_found()
    if ability != "see" and not visible(who, ability).filter(pk=id).exists():
        raise Refused("forbidden", f"Your role does not allow this at {campaign.site}. Ask an administrator.")
    return campaign


@router.get("campaigns", response=CampaignPage)
def list_campaigns(
    request: HttpRequest, robot: Annotated[str, Query(max_length=32)] = "", state: State | None = None
) -> dict[str, Any]:
    who = person(request)
    found = visible(who)
    if robot:
        found = found.filter(robots__pk=robot) if is_id(robot) else found.none()
    if state:
        found = found.filter(state=state)
    may = set(visible(who, PLAN).values_list("pk", flat=True))
    return {
        "items": standing.rows(list(found[:MOST]), may),
        "sites": [_site(site) for site in sites_for(who, PLAN).prefetch_related("robots").order_by("name")],
    }


def _site(site: Site) -> dict[str, Any]:
    there = [robot for robot in site.robots.all() if robot.revoked_at is None and not robot.recordings_only]
    return {"id": str(site.pk), "name": site.name, "robots": [{"id": robot.pk, "name": robot.name} for robot in there]}


@router.post("campaigns", response=CampaignDetail)
def make_campaign(request: HttpRequest, body: CampaignNew) -> dict[str, Any]:
    who = person(request)
    site = sites_for(who).filter(pk=body.site).first()
    if site is None:
        raise not_found()
    if not sites_for(who, PLAN).filter(pk=site.pk).exists():
        raise Refused("forbidden", f"Your role does not allow this at {site}. Ask an administrator.")
    values = body.dict(include=set(Campaign.COLUMNS))
    return standing.detail(services.make(site, who, values, body.robots, _wishes(body)), may_plan=True)


def _wishes(body: CampaignNew | CampaignChange) -> list[services.PromptWish]:
    return [services.PromptWish(one.id, one.instruction, one.reset, one.goal) for one in body.prompts]


@router.get("campaigns/{id}", response=CampaignDetail)
def one_campaign(request: HttpRequest, id: str) -> dict[str, Any]:
    return _detail(request, find(person(request), id))


@router.patch("campaigns/{id}", response=CampaignDetail)
def change_campaign(request: HttpRequest, id: str, body: CampaignChange) -> dict[str, Any]:
    campaign = find(person(request), id, PLAN)
    named = sent(body, "a goal or the last day")
    values = {name: value for name, value in named.items() if name in Campaign.COLUMNS}
    robots = body.robots if "robots" in named else None
    prompts = _wishes(body) if "prompts" in named else None
    services.change(campaign, body.version, values, person(request), robots, prompts)
    return _detail(request, find(person(request), id))


@router.post("campaigns/{id}/state", response=CampaignDetail)
def move_campaign(request: HttpRequest, id: str, body: CampaignMove) -> dict[str, Any]:
    campaign = find(person(request), id, PLAN)
    services.move(campaign, body.version, body.state, person(request))
    return _detail(request, campaign)


@router.post("campaigns/{id}/turn", response=CampaignTurn)
def take_turn(request: HttpRequest, id: str, body: TurnWanted) -> dict[str, Any]:
    who = person(request)
    campaign = find(who, id, "drive")
    robot = robots_for(who, "drive").filter(pk=body.robot).first()
    if robot is None:
        raise not_found()
    return standing.turn(campaign, services.take_turn(campaign, robot, who, body.stay, dict(body.kept)))


def _detail(request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
    may = visible(person(request), PLAN).filter(pk=campaign.pk).exists()
    return standing.detail(campaign, may)
