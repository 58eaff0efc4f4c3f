"""Signing in and out, who may open which page, health, the demo's people."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.test import Client

from config import redis_server
from fleet.models import AuditEntry, EnrolmentCode, Membership, Person, Robot, Role
from tests.fleet.conftest import PASSWORD, Lab
from tests.fleet.test_edge import page_of


def sign_in(client: Client, name: str, password: str = PASSWORD) -> Any:
    return client.post("/sign-in/", {"username": name, "password": password})


@pytest.mark.parametrize("address", ["/", "/robots/new/", "/audit/"])
def test_pages_send_who_is_not_signed_in_to_sign_in(db: None, address: str) -> None:
    response = Client().get(address)
    assert (response.status_code, response["Location"]) == (302, f"/sign-in/?next={address}")


def test_signing_in_leads_to_the_fleet_and_out_again(lab: Lab) -> None:
    client = Client()
    response = sign_in(client, "viewer")
    assert (response.status_code, response["Location"]) == (302, "/")
    page = client.get("/").content.decode()
    assert "<robot-fleet" in page and lab.people["viewer"].uid in page
    assert client.get("/sign-out/").status_code == 405  # a link elsewhere must not sign anybody out
    assert client.post("/sign-out/")["Location"] == "/sign-in/"
    assert client.get("/").status_code == 302


def test_a_wrong_password_says_so_and_eight_lock_the_name(lab: Lab) -> None:
    client = Client()
    for _ in range(7):
        assert sign_in(client, "viewer", "wrong").status_code == 200
    locked = sign_in(client, "viewer", "wrong")
    assert locked.status_code == 429 and "locked" in locked.content.decode()
    assert sign_in(client, "viewer").status_code == 429  # the right one does not help now
    assert sign_in(client, "operator").status_code == 302  # others are not locked out


def test_a_forwarded_address_does_not_unlock(lab: Lab) -> None:
    for n in range(8):
        Client(headers={"X-Forwarded-For": f"10.0.0.{n}"}).post("/sign-in/", {"username": "viewer", "password": "wrong"})
    fresh = Client(headers={"X-Forwarded-For": "10.9.9.9"})
    assert sign_in(fresh, "viewer").status_code == 429


@pytest.mark.parametrize("role", Role.values)
@pytest.mark.parametrize("address", ["/robots/new/", "/audit/"])
def test_only_administrators_open_their_pages(lab: Lab, role: str, address: str) -> None:
    response = page_of(lab, role).get(address)
    assert response.status_code == (200 if role == "admin" else 403)
    assert "<html" in response.content.decode()


def test_the_page_of_a_new_robot_offers_only_ones_own_sites(lab: Lab) -> None:
    page = page_of(lab, "admin").get("/robots/new/").content.decode()
    assert "West" in page and "Far" not in page


def test_an_address_that_is_none_is_a_page_and_under_api_a_code(lab: Lab) -> None:
    client = page_of(lab, "viewer")
    page, answer = client.get("/nothing/"), client.get("/api/nothing")
    assert page.status_code == 404 and "<html" in page.content.decode()
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


# -- health --------------------------------------------------------------------------------------------


def test_health_names_database_redis_and_robots(lab: Lab) -> None:
    response = Client().get("/healthz")
    assert response.status_code == 200
    assert response.json() == {"database": "ok", "redis": "ok", "robots": {"known": 2, "online": 0}}


def test_health_is_503_without_redis_and_says_which(lab: Lab, settings: Any) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{redis_server.free_port()}/0"
    response = Client().get("/healthz")
    assert response.status_code == 503
    assert response.json()["database"] == "ok" and response.json()["redis"].startswith("failed")


def test_health_is_503_without_the_database_and_says_which(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("connection refused")

    with monkeypatch.context() as patch:
        patch.setattr("fleet.views.connection.ensure_connection", away)
        response = Client().get("/healthz")
    assert response.status_code == 503
    assert response.json()["database"].startswith("failed") and response.json()["redis"] == "ok"


# -- administration ----------------------------------------------------------------------------------------


@pytest.fixture
def root(lab: Lab) -> Client:
    Person.objects.filter(pk=lab.people["admin"].pk).update(is_staff=True, is_superuser=True)
    return page_of(lab, "admin")


@pytest.mark.parametrize("model", ["person", "organisation", "site", "membership", "robot", "enrolmentcode", "auditentry"])
def test_administration_lists_everything(root: Client, model: str) -> None:
    assert root.get(f"/admin/fleet/{model}/").status_code == 200


def test_a_password_that_is_set_for_somebody_is_in_the_audit_log(lab: Lab, root: Client) -> None:
    person = lab.people["operator"]
    address = f"/admin/fleet/person/{person.pk}/password/"
    assert root.post(address, {"password1": "short", "password2": "other", "usable_password": "true"}).status_code == 200
    assert not AuditEntry.objects.exists()
    new = {"password1": "another horse 1", "password2": "another horse 1", "usable_password": "true"}
    assert root.post(address, new).status_code == 302
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.act, entry.subject) == ("admin", "changed", "user operator")
    assert (entry.detail, entry.organisation_id) == ({"fields": ["password"]}, lab.organisation.pk)


def test_administration_is_closed_to_others(lab: Lab) -> None:
    assert page_of(lab, "engineer").get("/admin/fleet/person/").status_code == 302


def test_the_audit_log_cannot_be_changed_in_administration(lab: Lab, root: Client) -> None:
    from fleet import audit

    entry = audit.append("mina", "drove")
    assert root.get("/admin/fleet/auditentry/add/").status_code == 403
    assert root.post(f"/admin/fleet/auditentry/{entry.pk}/delete/", {"post": "yes"}).status_code == 403
    assert root.post(f"/admin/fleet/auditentry/{entry.pk}/change/", {"actor": "x"}).status_code == 403
    assert AuditEntry.objects.get().actor == "mina"


def test_a_role_given_in_administration_is_in_the_organisations_log(lab: Lab, root: Client) -> None:
    body = {"person": lab.people["viewer"].pk, "organisation": lab.organisation.pk, "site": "", "role": "operator"}
    assert root.post("/admin/fleet/membership/add/", body).status_code == 302
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.act, entry.organisation_id) == ("admin", "added", lab.organisation.pk)
    assert "viewer is operator" in entry.subject


def test_robots_are_revoked_and_released_in_administration_not_deleted(lab: Lab, root: Client) -> None:
    Robot.objects.filter(pk=lab.robot.pk).update(held_reason="twice")
    chosen = {"_selected_action": [lab.robot.pk]}
    root.post("/admin/fleet/robot/", {**chosen, "action": "release_hold"})
    assert Robot.objects.get(pk=lab.robot.pk).held_reason == ""
    root.post("/admin/fleet/robot/", {**chosen, "action": "revoke"})
    assert Robot.objects.get(pk=lab.robot.pk).revoked_at is not None
    assert root.post(f"/admin/fleet/robot/{lab.robot.pk}/delete/", {"post": "yes"}).status_code == 403


# -- the demo's people ---------------------------------------------------------------------------------------


def seed(codes: str = "") -> dict[str, Any]:
    out = StringIO()
    call_command("seed_demo", "--codes", codes, stdout=out)
    return dict(json.loads(out.getvalue()))


def test_the_demo_has_somebody_of_every_role_who_can_sign_in(db: None, settings: Any) -> None:
    settings.REINS_DEMO = True
    people = seed()["people"]
    roles = {role for person in people for role in person["roles"].split(", ")}
    assert roles == set(Role.values)
    for person in people:
        assert sign_in(Client(), person["email"], person["password"]).status_code == 302


def test_seeding_again_adds_only_what_is_missing(db: None, settings: Any) -> None:
    settings.REINS_DEMO = True
    assert list(seed("kestrel-1,kestrel-2")["codes"]) == ["kestrel-1", "kestrel-2"]
    before = (Person.objects.count(), Membership.objects.count())
    assert list(seed("kestrel-1")["codes"]) == ["kestrel-1"]
    assert (Person.objects.count(), Membership.objects.count()) == before
    assert EnrolmentCode.objects.count() == 3


def test_known_passwords_are_made_only_for_the_demo(db: None, settings: Any) -> None:
    settings.REINS_DEMO = False
    with pytest.raises(CommandError):
        seed()
    assert not Person.objects.exists()
