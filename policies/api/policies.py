"""The JSON API of policies: look at them, move them between stages, withdraw them, bring one in."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from episodes.api.access import person, sent
from fleet.access import roles_with
from fleet.edge import not_found
from fleet.models import Membership, Organisation, Person, is_id
from policies.models import PolicyImport, PolicyVersion
from policies.models.version import PolicyVersionQuerySet
from policies.reading import policies as reading
from policies.schemas.policies import Import, NewImport, Place, PolicyChange, PolicyDetail, PolicyRow, Withdraw
from policies.services import imports, registry
from protocol.errors import Refused

router = Router(tags=["policies"])
MOST_PIECE = 2 * 1024 * 1024
MOST_IMPORTS = 100


def seen_by(who: Person) -> PolicyVersionQuerySet:
    return PolicyVersion.objects.for_person(who, roles_with("see")).select_related("organisation", "base")


def may_change(who: Person, id: str) -> bool:
    return PolicyVersion.objects.changed_by(who, roles_with("train")).filter(pk=id).exists()


def find_policy(who: Person, id: str, change: bool = False) -> PolicyVersion:
    """404 for what one may not see, 403 where only the right to change it is missing."""
    found = seen_by(who).select_related("training__dataset_version").defer("training__dataset_version__manifest")
    policy = found.filter(pk=id).first() if is_id(id) else None
    if policy is None:
        raise not_found()
    if change and not may_change(who, id):
        raise Refused("forbidden", "Policies are changed by engineers of the whole organisation. Ask an administrator.")
    return policy


def _detail(who: Person, id: str) -> dict[str, Any]:
    return reading.detail(find_policy(who, id), may_change(who, id))


@router.get("policies", response=list[PolicyRow])
def list_policies(request: HttpRequest) -> list[dict[str, Any]]:
    return [reading.row(policy) for policy in seen_by(person(request)).order_by("-made_at")[:500]]


@router.get("policies/{id}", response=PolicyDetail)
def one_policy(request: HttpRequest, id: str) -> dict[str, Any]:
    return _detail(person(request), id)


@router.patch("policies/{id}", response=PolicyDetail)
def change_policy(request: HttpRequest, id: str, body: PolicyChange) -> dict[str, Any]:
    who = person(request)
    registry.change(find_policy(who, id, change=True), body.version, sent(body, "a stage or skills"), who)
    return _detail(who, id)


@router.post("policies/{id}/withdraw", response=PolicyDetail)
def withdraw_policy(request: HttpRequest, id: str, body: Withdraw) -> dict[str, Any]:
    who = person(request)
    registry.withdraw(find_policy(who, id, change=True), body.version, body.reason.strip(), who)
    return _detail(who, id)


# -- by upload -------------------------------------------------------------------------------------


@router.post("policy-imports", response=Import)
def begin_import(request: HttpRequest, body: NewImport) -> dict[str, Any]:
    who = person(request)
    return _shown(imports.begin(_organisation(who, body.organisation), who, " ".join(body.name.split()), body.bytes))


def _organisation(who: Person, wanted: int | None) -> Organisation:
    """Where it is brought in; `Refused("forbidden")`, `Refused("which_organisation")`."""
    roles = Membership.objects.filter(person=who, site=None)
    if wanted is not None and not roles.filter(organisation=wanted).exists():
        raise not_found()
    mine = Organisation.objects.filter(pk__in=roles.filter(role__in=roles_with("train")).values("organisation")).order_by("name")
    found = [one for one in mine if wanted in (None, one.pk)]
    if not found:
        raise Refused("forbidden", "Your role does not allow bringing policies in. Ask an administrator.")
    if len(found) > 1:
        known = [one.pk for one in found]
        raise Refused("which_organisation", "You belong to several organisations. Name the one.", organisations=known)
    return found[0]


def _import(who: Person, id: str) -> PolicyImport:
    """One's own alone."""
    found = PolicyImport.objects.select_related("organisation").filter(pk=id, person=who).first() if is_id(id) else None
    if found is None:
        raise not_found()
    return found


def _shown(coming: PolicyImport) -> dict[str, Any]:
    shown = {"id": coming.pk, "offset": coming.offset, "bytes": coming.size, "name": coming.name}
    return {**shown, "organisation": coming.organisation.name, "made_at": coming.made_at}


@router.get("policy-imports", response=list[Import])
def list_imports(request: HttpRequest) -> list[dict[str, Any]]:
    """One's own that are on their way or were left."""
    mine = PolicyImport.objects.filter(person=person(request)).select_related("organisation")
    return [_shown(coming) for coming in mine[:MOST_IMPORTS]]


@router.put("policy-imports/{id}/pieces", response=Import)
def keep_piece(request: HttpRequest, id: str, offset: Place) -> dict[str, Any]:
    coming = _import(person(request), id)
    if (request.content_type or "").split(";")[0] != "application/octet-stream":
        raise Refused("content_type", "Send the piece as application/octet-stream.")
    piece = request.body
    if not 0 < len(piece) <= MOST_PIECE:
        raise Refused("too_large", f"A piece has 1 to {MOST_PIECE} bytes; this one has {len(piece)}.")
    coming.offset = imports.keep_piece(coming, offset, request.headers.get("X-Piece-SHA256", ""), piece)
    return _shown(coming)


@router.post("policy-imports/{id}/complete", response=PolicyDetail)
def complete_import(request: HttpRequest, id: str) -> dict[str, Any]:
    who = person(request)
    return _detail(who, imports.complete(_import(who, id), who).pk)


@router.post("policy-imports/{id}/cancel", response=Import)
def cancel_import(request: HttpRequest, id: str) -> dict[str, Any]:
    who = person(request)
    coming = _import(who, id)
    shown = _shown(coming)
    imports.give_up(coming, who)
    return shown
