"""The strict edge of the HTTP API, over addresses of the fleet.  Numbers are rows of the bad-input matrix."""

from __future__ import annotations

import json
from typing import Any

import pytest
import redis
from django.conf import settings
from django.db import connection
from django.test import Client

from episodes import tokens
from fleet import robots
from fleet.models import AuditEntry, EnrolmentCode, Robot, Role
from tests.fleet.conftest import Lab

CODES = "/api/enrolment-codes"


def page_of(lab: Lab, role: str, **options: Any) -> Client:
    client = Client(**options)
    client.force_login(lab.people[role], backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def admin(lab: Lab) -> Client:
    return page_of(lab, "admin")


def post(client: Client, body: str | bytes | dict[str, Any], content_type: str = "application/json", **headers: str) -> Any:
    raw = json.dumps(body) if isinstance(body, dict) else body
    return client.post(CODES, raw, content_type=content_type, headers=headers)


def refused(response: Any, status: int, code: str) -> dict[str, Any]:
    """The typed answer; nothing was made."""
    assert response.status_code == status, response.content
    body: dict[str, Any] = response.json()
    assert set(body) == {"code", "sentence", "detail"}
    assert body["code"] == code and body["sentence"].endswith(".")
    return body


@pytest.fixture(autouse=True)
def nothing_changed(request: pytest.FixtureRequest, lab: Lab) -> Any:
    """A refusal changes nothing: no code and no entry is made by a test that is named after a row."""
    yield
    if "row" in request.node.name and "row_9" not in request.node.name and "row_14" not in request.node.name:
        assert not EnrolmentCode.objects.exists() and not AuditEntry.objects.exists()


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_row_1_another_content_type(lab: Lab, admin: Client, kind: str) -> None:
    refused(post(admin, json.dumps({"site": lab.site.pk, "name": "a"}), kind), 415, "content_type")


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"",
        b"nul",
        b'{"site": 1,}',
        b'{"site": NaN, "name": "a"}',
        b"\xff\xfe",
        b'{"site": 1, "site": 2, "name": "a"}',
        b"[]",
        b"7",
    ],
)
def test_row_2_what_is_not_json_or_names_a_field_twice(admin: Client, raw: bytes) -> None:
    response = post(admin, raw)
    assert response.status_code == 400
    assert response.json()["code"].split(":")[0] in ("invalid_json", "invalid_field")


@pytest.mark.parametrize("raw", ["[" * 10_000 + "]" * 10_000, '{"name":' * 10_000 + "1" + "}" * 10_000])
def test_row_3_a_depth_of_ten_thousand(admin: Client, raw: str) -> None:
    refused(post(admin, raw), 400, "invalid_json")


def test_row_4_a_body_over_the_limit(admin: Client, settings: Any) -> None:
    body = refused(post(admin, b'{"name": "' + b"x" * settings.BODY_LIMIT + b'"}'), 413, "too_large")
    assert body["detail"]["limit"] == settings.BODY_LIMIT


def test_row_5_an_unknown_field_is_named(lab: Lab, admin: Client) -> None:
    refused(post(admin, {"site": lab.site.pk, "name": "a", "colour": "red"}), 400, "unknown_field:colour")


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("get", "/api/robots/{}"), ("patch", "/api/robots/{}"),
        ("post", "/api/robots/{}/revoke"), ("post", "/api/robots/{}/rotate"),
        ("post", "/api/robots/{}/release-hold"), ("get", "/api/robots/{}/snapshot.jpg"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("role", Role.values)
def test_row_6_a_robot_of_another_organisation_does_not_exist(lab: Lab, role: str, method: str, address: str) -> None:
    client = page_of(lab, role)
    body = json.dumps({"name": "mine", "version": 1}) if method == "patch" else None
    options: dict[str, Any] = {"data": body, "content_type": "application/json"} if body else {}
    for id in (lab.foreign.pk, "0" * 32, "%00", "..", "A" * 32):
        assert getattr(client, method)(address.format(id), **options).status_code == 404
    assert Robot.objects.get(pk=lab.foreign.pk).name == "heron-1"


def test_row_7_without_the_pages_own_token(lab: Lab) -> None:
    client = page_of(lab, "admin", enforce_csrf_checks=True)
    refused(post(client, {"site": lab.site.pk, "name": "a"}), 403, "csrf_missing")


def test_row_8_a_stale_version_is_told_the_current_one(lab: Lab, admin: Client) -> None:
    Robot.objects.filter(pk=lab.robot.pk).update(version=4, name="merlin")
    response = admin.patch(f"/api/robots/{lab.robot.pk}", {"name": "kite", "version": 3}, content_type="application/json")
    assert refused(response, 409, "stale_version")["detail"]["current"] == 4
    assert Robot.objects.get(pk=lab.robot.pk).name == "merlin"


def test_row_9_the_same_idempotency_key_with_another_body(lab: Lab, admin: Client) -> None:
    body = {"site": lab.site.pk, "name": "kite-1"}
    first, again = post(admin, body, **{"Idempotency-Key": "k1"}), post(admin, body, **{"Idempotency-Key": "k1"})
    assert first.status_code == 200
    assert refused(again, 409, "repeated")["sentence"].endswith(".")
    refused(post(admin, {**body, "name": "kite-2"}, **{"Idempotency-Key": "k1"}), 422, "idempotency_mismatch")
    assert EnrolmentCode.objects.count() == 1


def test_an_enrolment_code_is_kept_nowhere(lab: Lab, admin: Client) -> None:
    body = {"site": lab.site.pk, "name": "kite-1"}
    code = post(admin, body, **{"Idempotency-Key": "k1"}).json()["code"]
    store = redis.Redis.from_url(settings.REDIS_URL)
    kept = [store.dump(name) for name in store.scan_iter("*once:*")]
    assert len(kept) == 1
    assert all(code.encode() not in value for value in kept if isinstance(value, bytes))


def test_of_two_equal_requests_at_once_one_acts(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second arrives while the first is still at it."""
    body, make = {"site": lab.site.pk, "name": "kite-1"}, robots.make_code
    met: list[Any] = []

    def slow(*args: Any) -> Any:
        if not met:
            met.append(post(page_of(lab, "admin"), body, **{"Idempotency-Key": "k1"}))
        return make(*args)

    monkeypatch.setattr(robots, "make_code", slow)
    assert post(page_of(lab, "admin"), body, **{"Idempotency-Key": "k1"}).status_code == 200
    refused(met[0], 409, "repeated")
    assert EnrolmentCode.objects.count() == 1


def test_what_was_refused_may_be_asked_again_with_the_same_key(lab: Lab, admin: Client) -> None:
    body = {"site": lab.site.pk, "name": lab.robot.name}
    refused(post(admin, body, **{"Idempotency-Key": "k1"}), 409, "name_taken")
    Robot.objects.filter(pk=lab.robot.pk).update(name="merlin")
    assert post(admin, body, **{"Idempotency-Key": "k1"}).status_code == 200


def test_what_is_no_id_is_not_found_and_never_reaches_the_database(lab: Lab, admin: Client) -> None:
    """PostgreSQL fails on a NUL in a parameter."""

    def as_postgresql(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        assert not any(isinstance(value, str) and "\0" in value for value in params or ()), sql
        return execute(sql, params, many, context)

    bearer = {"Authorization": f"Bearer {tokens.mint(lab.robot)}"}
    with connection.execute_wrapper(as_postgresql):
        for id in ("%00", "a%00", "A" * 32, "0" * 31 + "%00", "x"):
            assert admin.get(f"/teleop/{id}/").status_code == 404
            for path in (f"episodes/{id}", f"episodes/{id}/events", f"robots/{id}"):
                refused(admin.get(f"/api/{path}"), 404, "not_found")
            refused(admin.get(f"/api/uploads/{id}", headers=bearer), 404, "not_found")
            refused(admin.post(f"/api/uploads/{id}/complete", headers=bearer), 404, "not_found")


@pytest.mark.parametrize("size", ["-1", "0", "1000000000", "many"])
def test_row_10_an_impossible_page_size(admin: Client, size: str) -> None:
    refused(admin.get(f"/api/audit?page_size={size}"), 400, "invalid_field:page_size")


@pytest.mark.parametrize(
    "name", ["a\\u0000b", "a\\ud800b", "a\\u202eb", "a\\u200bb", "a\\u2066b", "a\\ufeff", "a\\u001bb", "", "   "]
)
def test_row_11_hidden_and_impossible_characters_in_a_name(lab: Lab, admin: Client, name: str) -> None:
    refused(post(admin, f'{{"site": {lab.site.pk}, "name": "{name}"}}'), 400, "invalid_field:name")


def test_row_11_nul_in_a_query(admin: Client) -> None:
    assert admin.get("/api/audit?actor=%00").status_code == 400


def test_row_12_and_14_guessing_codes_is_limited_whatever_the_forwarded_address_says(db: None) -> None:
    client = Client()
    body = {"code": "AAAA-BBBB-CCCC", "public_key": "A" * 43 + "=", "embodiment": _body(), "program": "0", "protocol": 1}
    for n in range(20):
        response = client.post(
            "/api/robots/enrol", body, content_type="application/json", headers={"X-Forwarded-For": f"10.0.0.{n}"}
        )
        refused(response, 404, "code_unknown")
    response = client.post("/api/robots/enrol", body, content_type="application/json", headers={"X-Forwarded-For": "10.9.9.9"})
    refused(response, 429, "rate_limited")
    assert int(response["Retry-After"]) > 0


def _body() -> str:
    from tests.fleet.rig import embodiment

    return embodiment()


@pytest.mark.parametrize(("method", "address"), [("delete", "/api/robots"), ("put", CODES), ("get", "/api/robots/enrol/x/y")])
def test_row_13_a_method_or_address_that_is_not_there(admin: Client, method: str, address: str) -> None:
    response = getattr(admin, method)(address)
    if address.endswith("y"):
        refused(response, 404, "not_found")
    else:
        refused(response, 405, "method_not_allowed")
        assert response["Allow"]


@pytest.mark.parametrize("address", ["/api/robots", "/api/audit", "/api/robots/" + "0" * 32 + "/snapshot.jpg"])
def test_without_a_session_the_api_says_to_sign_in(db: None, address: str) -> None:
    refused(Client().get(address), 401, "sign_in_needed")


@pytest.mark.parametrize("role", [role for role in Role.values if role != "admin"])
def test_only_administrators_change_robots(lab: Lab, role: str) -> None:
    client = page_of(lab, role)
    for response in (
        post(client, {"site": lab.site.pk, "name": "a"}),
        client.patch(f"/api/robots/{lab.robot.pk}", {"name": "b", "version": 1}, content_type="application/json"),
        client.post(f"/api/robots/{lab.robot.pk}/revoke"),
        client.post(f"/api/robots/{lab.robot.pk}/rotate"),
        client.post(f"/api/robots/{lab.robot.pk}/release-hold"),
        client.get("/api/audit"),
    ):
        refused(response, 403, "forbidden")
    assert client.get(f"/api/robots/{lab.robot.pk}").status_code == 200


def test_the_audit_log_shows_ones_own_organisation_and_exports_without_formulas(lab: Lab, admin: Client) -> None:
    from fleet import audit

    audit.append("=cmd()", "drove", "kestrel-1", lab.organisation.pk)
    audit.append("someone", "drove", "heron-1", lab.foreign.site.organisation_id)
    entries = admin.get("/api/audit?act=drove").json()["entries"]
    assert [entry["subject"] for entry in entries] == ["kestrel-1"]
    csv = admin.get("/api/audit?format=csv").content.decode()
    assert "'=cmd()" in csv and "heron-1" not in csv


def test_a_robot_that_only_brings_recordings_is_not_in_the_fleet(lab: Lab, admin: Client) -> None:
    collector = Robot.objects.create(site=lab.site, name="collector", public_key="c", recordings_only=True)
    assert [robot["id"] for robot in admin.get("/api/robots").json()] == [lab.robot.pk]
    assert admin.get(f"/teleop/{collector.pk}/").status_code == 404
    assert admin.get(f"/teleop/{lab.robot.pk}/").status_code == 200


def test_a_database_that_is_away_is_503_with_when_to_repeat(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    def away(*_: Any) -> Any:
        raise OperationalError("connection refused")

    monkeypatch.setattr("fleet.api.robots_for", away)
    response = admin.get("/api/robots")
    refused(response, 503, "unavailable")
    assert response["Retry-After"] == "5"
