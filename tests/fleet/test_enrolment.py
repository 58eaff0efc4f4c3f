"""From an administrator's code to a robot with a key of its own; a new key; the end of a key."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.test import Client
from django.utils import timezone

from fleet import keys, robots
from fleet.models import AuditEntry, EnrolmentCode, Robot
from protocol.robot_link import NEWEST
from tests.fleet.conftest import Lab
from tests.fleet.rig import embodiment, public_key
from tests.fleet.test_edge import page_of, post, refused


def enrol(code: str, **changes: Any) -> Any:
    key = public_key(Ed25519PrivateKey.generate())
    body = {"code": code, "public_key": key, "embodiment": embodiment(), "program": "0.1.0", "protocol": 1, **changes}
    return Client(enforce_csrf_checks=True).post("/api/robots/enrol", body, content_type="application/json")


@pytest.fixture
def admin(lab: Lab) -> Client:
    return page_of(lab, "admin")


@pytest.fixture
def code(lab: Lab, admin: Client) -> str:
    return str(post(admin, {"site": lab.site.pk, "name": "kestrel-7"}).json()["code"])


def test_a_code_lets_one_robot_in_and_gives_it_the_servers_key(lab: Lab, admin: Client, code: str) -> None:
    answer = enrol(code).json()
    row = Robot.objects.get(pk=answer["robot"])
    assert (row.name, row.site, row.kind, answer["name"]) == ("kestrel-7", lab.site, "tabletop", "kestrel-7")
    pinned = Ed25519PublicKey.from_public_bytes(base64.b64decode(answer["server_key"]))
    payload, signature = keys.sign(b"a permit").parts()
    pinned.verify(signature, payload)
    shown = admin.get(f"/api/enrolment-codes/{EnrolmentCode.objects.get().pk}").json()
    assert (shown["used"], shown["robot"]) == (True, row.pk)
    assert {"made enrolment code", "enrolled"} <= set(AuditEntry.objects.values_list("act", flat=True))


def test_a_code_may_be_typed_in_small_letters_without_dashes(code: str) -> None:
    assert enrol(code.replace("-", "").lower()).status_code == 200


def test_the_database_does_not_hold_the_code(code: str) -> None:
    assert code not in str(EnrolmentCode.objects.values().get())


def test_row_43_a_code_works_once(code: str) -> None:
    assert enrol(code).status_code == 200
    refused(enrol(code), 409, "code_used")
    assert Robot.objects.filter(name="kestrel-7").count() == 1


def test_a_code_works_for_ten_minutes(code: str) -> None:
    made = EnrolmentCode.objects.get()
    assert timedelta(minutes=9, seconds=50) < made.expires_at - timezone.now() <= timedelta(minutes=10)
    EnrolmentCode.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    refused(enrol(code), 410, "code_expired")


def test_an_invented_code_is_refused(lab: Lab) -> None:
    refused(enrol("AAAA-BBBB-CCCC"), 404, "code_unknown")


@pytest.mark.parametrize("protocol", [0, NEWEST + 1])
def test_row_46_another_protocol_keeps_the_code_unused(code: str, protocol: int) -> None:
    body = refused(enrol(code, protocol=protocol), 426, "upgrade_required")
    assert body["detail"]["newest"] == NEWEST
    assert enrol(code).status_code == 200


@pytest.mark.parametrize("key", ["", "short", "!" * 44, base64.b64encode(bytes(31)).decode()])
def test_a_key_that_is_none_keeps_the_code_unused(code: str, key: str) -> None:
    refused(enrol(code, public_key=key), 400, "invalid_field:public_key")
    assert enrol(code).status_code == 200


@pytest.mark.parametrize("body", ["", "{}", "[]", '{"name": 5}', embodiment().replace('"slew":1.0', '"slew":-1.0')])
def test_an_embodiment_that_cannot_be_keeps_the_code_unused(code: str, body: str) -> None:
    refused(enrol(code, embodiment=body), 400, "embodiment_invalid")
    assert enrol(code).status_code == 200


def test_a_key_that_another_robot_has_is_refused_and_the_code_stays_good(lab: Lab, code: str) -> None:
    refused(enrol(code, public_key=lab.robot.public_key), 409, "name_or_key_taken")
    assert enrol(code).status_code == 200


def test_a_fleet_of_fifty_may_enrol_in_one_minute(lab: Lab) -> None:
    """Only wrong codes count against the limit on guessing."""
    admin = lab.people["admin"]
    assert all(enrol(robots.make_code(admin, lab.site, f"swift-{n}")[1]).status_code == 200 for n in range(50))


def test_a_code_for_a_name_that_is_taken_is_refused(lab: Lab, admin: Client) -> None:
    refused(post(admin, {"site": lab.site.pk, "name": lab.robot.name}), 409, "name_taken")


def test_a_new_key_keeps_the_robot_and_ends_the_old_key(lab: Lab, admin: Client) -> None:
    Robot.objects.filter(pk=lab.robot.pk).update(held_reason="Its key is in use twice.", log_n=40)
    code = admin.post(f"/api/robots/{lab.robot.pk}/rotate").json()["code"]
    assert Robot.objects.get(pk=lab.robot.pk).public_key == lab.robot.public_key  # until the code is used
    answer = enrol(code).json()
    row = Robot.objects.get(pk=lab.robot.pk)
    assert answer["robot"] == row.pk and row.public_key != lab.robot.public_key
    assert (row.held_reason, row.log_n) == ("", 0)
    refused(enrol(code), 409, "code_used")


def test_a_revoked_robot_is_gone_and_its_name_is_free(lab: Lab, admin: Client) -> None:
    assert admin.post(f"/api/robots/{lab.robot.pk}/revoke").json()["revoked"] is True
    assert admin.get(f"/api/robots/{lab.robot.pk}").status_code == 404
    assert post(admin, {"site": lab.site.pk, "name": lab.robot.name}).status_code == 200
    assert AuditEntry.objects.filter(act="revoked").count() == 1


def test_renaming_needs_the_version_one_saw(lab: Lab, admin: Client) -> None:
    address = f"/api/robots/{lab.robot.pk}"
    assert admin.patch(address, {"name": "merlin", "version": 1}, content_type="application/json").json()["version"] == 2
    refused(admin.patch(address, {"name": "kite", "version": 1}, content_type="application/json"), 409, "stale_version")


def test_releasing_a_hold_is_noted_with_its_reason(lab: Lab, admin: Client) -> None:
    Robot.objects.filter(pk=lab.robot.pk).update(held_reason="Its key is in use twice.")
    assert admin.post(f"/api/robots/{lab.robot.pk}/release-hold").status_code == 200
    assert AuditEntry.objects.get(act="released hold").detail["reason"] == "Its key is in use twice."


def test_the_servers_key_is_kept_for_its_owner_alone(db: None) -> None:
    keys.public_key()
    assert keys._path().stat().st_mode & 0o777 == 0o600
