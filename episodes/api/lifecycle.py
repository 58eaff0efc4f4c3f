"""The JSON API of how long data is kept and what has to go, for administrators."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Max
from django.http import HttpRequest
from kombu.exceptions import OperationalError
from ninja import Router

from episodes import storage
from episodes.api.access import person
from episodes.models import EpisodePerson, Erasure
from episodes.schemas.lifecycle import (
    ErasurePreview,
    ErasureRecord,
    ErasureRow,
    ErasureWanted,
    Holding,
    RuleForecast,
    RulesAsked,
    RulesWanted,
    SiteRules,
)
from episodes.services import forgetting, retention, room
from fleet.api import administered_sites, known_sites
from fleet.edge import not_found
from fleet.models import Organisation, Robot, Role, Site, is_id
from fleet.models import Person as Account
from protocol.errors import Refused

router = Router(tags=["privacy"])
MOST_PEOPLE = 500


@router.get("privacy", response=list[Holding])
def privacy(request: HttpRequest) -> list[dict[str, Any]]:
    found = administered(person(request))
    if not found:
        raise Refused("forbidden", "Only administrators of an organisation see what it keeps.")
    return [_holding(organisation) for organisation in found]


@router.put("sites/{id}/retention", response=SiteRules)
def set_retention(request: HttpRequest, id: int, body: RulesWanted) -> dict[str, Any]:
    site, rules = _site(request, id), _rules(body)
    retention.set_rules(site, body.version, rules, body.grace_days, person(request))
    return _site_rules(site)


@router.post("sites/{id}/retention/preview", response=list[RuleForecast])
def preview_retention(request: HttpRequest, id: int, body: RulesAsked) -> list[dict[str, Any]]:
    site, rules = _site(request, id), _rules(body)
    retention.check(rules)
    return _forecasts(site, rules)


@router.get("organisations/{id}/people/{uid}/erasure", response=ErasurePreview)
def preview_erasure(request: HttpRequest, id: int, uid: str) -> dict[str, Any]:
    where = _organisation(request, id)
    name = _known(uid, where)
    found = forgetting.preview(uid, where)
    versions = [{"dataset": one.dataset.name, "number": one.number, "state": one.state} for one in found.versions]
    sums = {"episodes": found.episodes, "size_bytes": found.size_bytes, "seconds": found.seconds}
    return {"name": name, **sums, "versions": versions, "users": found.users}


@router.post("organisations/{id}/erasures", response=ErasureRow)
def forget(request: HttpRequest, id: int, body: ErasureWanted) -> dict[str, Any]:
    where = _organisation(request, id)
    _known(body.person, where)
    now = forgetting.episodes_of(body.person, where).count()
    if now != body.confirm:
        sentence = f"There are {now} episodes now, not {body.confirm}. Look again, then repeat."
        raise Refused("stale_version", sentence, current=now)
    erasure = forgetting.ask(body.person, where, body.reason, person(request).shown, body.account)
    _wake()
    return _erasure(erasure)


@router.get("organisations/{id}/erasures/{erasure}", response=ErasureRecord)
def erasure_record(request: HttpRequest, id: int, erasure: str) -> dict[str, Any]:
    where = _organisation(request, id)
    found = where.erasures.filter(pk=erasure).first() if is_id(erasure) else None
    if found is None:
        raise not_found()
    return _erasure(found) | {"record": found.record, "signature": found.signature}


# -- who -------------------------------------------------------------------------------------------


def administered(who: Account) -> list[Organisation]:
    """Organisations that the person administers as a whole."""
    mine = who.memberships.filter(role=Role.ADMIN, site=None).values("organisation")
    return list(Organisation.objects.filter(pk__in=mine).order_by("name"))


def _organisation(request: HttpRequest, id: int) -> Organisation:
    who = person(request)
    if id >= 2**63:
        raise not_found()
    for found in administered(who):
        if found.pk == id:
            return found
    if who.memberships.filter(organisation=id, site=None).exists():
        raise Refused("forbidden", "Only administrators of the whole organisation delete a person's episodes.")
    raise not_found()


def _site(request: HttpRequest, id: int) -> Site:
    who = person(request)
    found = administered_sites(who).filter(pk=id).first() if id < 2**63 else None
    if found is not None:
        return Site.objects.get(pk=found.pk)
    if id < 2**63 and known_sites(who).filter(pk=id).exists():
        raise Refused("forbidden", "You do not administer this site. Ask an administrator.")
    raise not_found()


def _known(uid: str, where: Organisation) -> str:
    """The person's name; 404 for whom this organisation does not know."""
    account = Account.objects.filter(uid=uid, memberships__organisation=where).first() if is_id(uid) else None
    drove = EpisodePerson.objects.filter(uid=uid, episode__organisation=where).first()
    if account is None and drove is None:
        raise not_found()
    return account.shown if account is not None else drove.name if drove is not None else ""


# -- how it looks ----------------------------------------------------------------------------------


def _holding(organisation: Organisation) -> dict[str, Any]:
    robots = Robot.objects.working().filter(site__organisation=organisation)
    return {
        "id": organisation.pk,
        "name": organisation.name,
        "used_bytes": room.used(organisation),
        "quota_bytes": organisation.quota_mb * room.MIB,
        "free_bytes": storage.free_bytes(),
        "sites": [_site_rules(site) for site in organisation.sites.order_by("name")],
        "robots": [{"id": robot.pk, "name": robot.name, "masked": sorted(robot.masks)} for robot in robots],
        "people": _people(organisation),
        "erasures": [_erasure(erasure) for erasure in organisation.erasures.all()[:100]],
    }


def _people(organisation: Organisation) -> list[dict[str, Any]]:
    """Whoever drove in episodes that are still there, and members who did not."""
    drove = EpisodePerson.objects.filter(episode__organisation=organisation, episode__gone_at=None)
    counted = drove.values("uid").annotate(name=Max("name"), episodes=Count("pk")).order_by("name")[:MOST_PEOPLE]
    return [{"uid": one["uid"], "name": one["name"], "episodes": one["episodes"]} for one in counted]


def _rules(body: RulesAsked) -> list[retention.Rule]:
    return [retention.Rule(rule.kind, rule.days, rule.frozen) for rule in body.rules]


def _forecasts(site: Site, rules: list[retention.Rule]) -> list[dict[str, Any]]:
    return [
        {
            "kind": found.rule.kind,
            "days": found.rule.days,
            "frozen": found.rule.frozen,
            "episodes": found.episodes,
            "size_bytes": found.size_bytes,
            "kept": found.kept,
        }
        for found in retention.preview(site, rules)
    ]


def _site_rules(site: Site) -> dict[str, Any]:
    row = retention.of_site(site)
    return {
        "id": site.pk,
        "name": site.name,
        "rules": row.rules,
        "grace_days": row.grace_days,
        "version": row.version,
        "forecast": _forecasts(site, retention.rules_of(row)),
        "waiting": retention.waiting(site).count(),
    }


def _erasure(row: Erasure) -> dict[str, Any]:
    columns = ("state", "reason", "asked_by", "asked_at", "ended_at", "done")
    return {"id": row.pk, "episodes": len(row.episodes), **{name: getattr(row, name) for name in columns}}


def _wake() -> None:
    """Without a broker the row waits for the reconciler."""
    from episodes import jobs

    try:
        jobs.erasures.delay()
    except OperationalError:
        return
