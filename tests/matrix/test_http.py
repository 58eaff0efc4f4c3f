"""Every route and method x every role, a visitor, and strangers of another organisation and of another site.

Routes are walked from the URL patterns; what each takes stands in http_table.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from episodes import tokens
from fleet import relay
from fleet.access import ABILITIES, access
from fleet.models import Robot
from fleet.robots import roster
from fleet.sessions import sessions
from tests.matrix.http_table import (
    ADMIN,
    ADMIN_PUBLIC,
    ANYWHERE,
    AT_A_THING,
    NOTHING,
    PUBLIC,
    ROBOT,
    ROUTES,
    SIGNED_IN,
    Row,
    address,
    admin_address,
    json_of,
)
from tests.matrix.world import NEIGHBOUR, OUTSIDER, PERSONAS, ROLES, SECRETS, VISITOR, MatrixWorld, Things, make_world

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
LISTED = [(route, method) for route, methods in ROUTES.items() for method in methods]
CASES = [pytest.param(route, method, id=f"{method} {route or '/'}") for route, method in LISTED]


# -- the routes there are --------------------------------------------------------------------------


def routes(patterns: list[Any], before: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        here = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, here)
        else:
            yield here, pattern


def api_methods(pattern: URLPattern) -> set[str]:
    """The methods that the API itself says this address has."""
    cells = (cell.cell_contents for cell in getattr(pattern.callback, "__closure__", None) or ())
    views = (cell for cell in cells if type(cell).__name__ == "PathView")
    return {method for view in views for operation in view.operations for method in operation.methods}


def test_no_route_and_no_method_is_unlisted() -> None:
    found = list(routes(get_resolver().url_patterns))
    assert len(found) > 100
    assert {route for route, _ in found} - ADMIN == set(ROUTES)
    assert {route for route, _ in found} - set(ROUTES) == ADMIN
    for route, pattern in found:
        if methods := api_methods(pattern):
            assert methods == set(ROUTES[route]), route


def test_each_route_of_the_api_is_found_with_its_methods() -> None:
    """The walk itself sees what it must see: without this an empty answer would pass."""
    seen = {route: api_methods(pattern) for route, pattern in routes(get_resolver().url_patterns)}
    assert seen["api/episodes/<id>"] == {"GET", "PATCH", "DELETE"}
    assert sum(1 for methods in seen.values() if methods) >= 18


# -- who gets what ---------------------------------------------------------------------------------


@pytest.fixture
def here(db: None, kept: tuple[Path, dict[str, Any]], settings: Any, monkeypatch: pytest.MonkeyPatch) -> MatrixWorld:
    media, fields = kept
    settings.REINS_MEDIA_DIR = media
    settings.REINS_MEDIA_RESERVE_MB = 1
    made = make_world(fields)
    for robot in (made.ours.robot, made.theirs.robot):
        asyncio.run(_keep_snapshot(robot))
    return made


async def _keep_snapshot(robot: str) -> None:
    await relay.client().set(relay.key("snapshot", robot), b"\xff\xd8 jpeg", ex=60)


def ask(client: Client, method: str, route: str, row: Row, things: Things, **headers: str) -> Any:
    """The answer; whatever it changed is rolled back, whatever was remembered is forgotten."""
    for memory in (access, sessions, roster):
        memory.forget()
    kind = "application/octet-stream" if route.endswith("pieces") else "application/json"
    options: dict[str, Any] = {} if method == "GET" else {"data": json_of(row, things), "content_type": kind}
    if route == "sign-in/" and method == "POST":
        options = {"data": {"username": "nobody", "password": "wrong"}}
    with transaction.atomic():
        response = getattr(client, method.lower())(address(route, things) + row.query, headers=headers, **options)
        transaction.set_rollback(True)
    return response


def expected(row: Row, persona: str, own: bool, page: bool) -> tuple[int, ...]:
    """Statuses; `own`: the thing belongs to the Lab."""
    need = row.need
    if need == NOTHING:
        return (404,)
    if need == ROBOT:
        return (401,)
    if need != PUBLIC and persona == VISITOR:
        return (302,) if page else (401,)
    if need in (PUBLIC, SIGNED_IN):
        return row.ok
    if need in ANYWHERE:
        return row.ok if persona in ANYWHERE[need] else (403,)
    if persona == NEIGHBOUR and own and row.whole:
        return (403,)
    if persona == NEIGHBOUR and own and row.any_site:
        return row.ok
    if persona not in ROLES or not own:
        return row.ok if (persona, own) == (OUTSIDER, False) else (404,)
    return row.ok if need in ABILITIES[persona] else (403,)


def judge(response: Any, row: Row, persona: str, own: bool, route: str) -> None:
    page = not route.startswith("api/") and not route.endswith((".f32", ".jpg", ".mp4", ".tar"))
    wanted = expected(row, persona, own, page)
    if persona == NEIGHBOUR and own and route.startswith("api/enrolment-codes"):
        wanted = (404,)  # another site of the same organisation
    assert response.status_code in wanted, (persona, own, response.status_code, wanted, _words(response)[:300])
    if response.status_code in (401, 403) and not page:
        code = response.json()["code"]
        assert response.json()["sentence"].endswith(".")
        assert code in (("sign_in_needed", "token_invalid") if response.status_code == 401 else ("forbidden",))
    if response.status_code == 302 and row.need not in (PUBLIC, NOTHING):
        assert response["Location"].startswith("/sign-in/")
    if persona in (VISITOR, OUTSIDER, NEIGHBOUR) and row.need != PUBLIC:
        assert not [secret for secret in SECRETS if secret in _words(response)]


def _words(response: Any) -> str:
    return "" if response.streaming else response.content.decode(errors="replace")


@pytest.mark.parametrize(("route", "method"), CASES)
def test_each_persona_gets_what_the_table_says(here: MatrixWorld, route: str, method: str) -> None:
    row = ROUTES[route][method]
    for persona in PERSONAS:
        client = here.client(persona)
        for own, things in ((True, here.ours), (False, here.theirs)):
            if row.need not in AT_A_THING and not own:
                continue
            judge(ask(client, method, route, row, things), row, persona, own, route)


@pytest.mark.parametrize("route", list(ROUTES), ids=[route or "/" for route in ROUTES])
def test_a_method_that_is_not_listed_does_nothing(here: MatrixWorld, route: str) -> None:
    for method in set(METHODS) - set(ROUTES[route]):
        for persona in ("admin", VISITOR):
            response = ask(here.client(persona), method, route, Row(PUBLIC), here.ours)
            if route in ("api/openapi.json", "api/"):
                assert response.status_code in (200, 404) and method != "GET"  # the same description whoever asks how
            elif persona == VISITOR or route == "sign-in/":  # which sends on whoever is signed in
                assert response.status_code in (302, 401, 405), (method, response.status_code)
            else:
                assert response.status_code == 405, (method, response.status_code)


BY_SESSION = [case for case in CASES if ROUTES[case.values[0]][case.values[1]].need not in (PUBLIC, ROBOT, NOTHING)]  # type: ignore[index]


@pytest.mark.parametrize(("route", "method"), [case for case in BY_SESSION if case.values[1] != "GET"])
def test_row_7_every_change_needs_the_pages_own_token(here: MatrixWorld, route: str, method: str) -> None:
    client = here.client("admin", enforce_csrf_checks=True)
    response = ask(client, method, route, ROUTES[route][method], here.ours)
    assert (response.status_code, response.json()["code"]) == (403, "csrf_missing")


@pytest.mark.parametrize(
    ("route", "method"),
    [case for case in CASES if ROUTES[case.values[0]][case.values[1]].need == ROBOT],  # type: ignore[index]
)
def test_uploads_are_for_their_own_robot_alone(here: MatrixWorld, route: str, method: str) -> None:
    row = ROUTES[route][method]

    def answer(robot: str) -> Any:
        return ask(Client(), method, route, row, here.ours, Authorization=f"Bearer {tokens.mint(Robot.objects.get(pk=robot))}")

    assert (answer(here.ours.robot).status_code, answer(here.ours.robot).json()["code"]) == (409, "robot_held")
    Robot.objects.update(held_reason="")
    assert answer(here.ours.robot).status_code in row.ok
    assert (answer(here.theirs.robot).status_code, answer(here.theirs.robot).json()["code"]) == (404, "not_found")
    here.lab.robot.revoked_at = here.lab.robot.enrolled_at
    here.lab.robot.save(update_fields=["revoked_at"])
    assert (answer(here.ours.robot).status_code, answer(here.ours.robot).json()["code"]) == (401, "token_invalid")


def test_djangos_admin_is_for_staff_whatever_the_role(here: MatrixWorld) -> None:
    for persona in PERSONAS:
        client = here.client(persona)
        for route in sorted(ADMIN - set(ADMIN_PUBLIC)):
            response = client.get(admin_address(route))
            assert response.status_code in (302, 404), (persona, route, response.status_code)
            assert response.status_code == 404 or "/admin/login/" in response["Location"] or "logout" in route
            assert not [secret for secret in SECRETS if secret in _words(response)]
        posted = client.post("/admin/fleet/robot/", {"action": "revoke", "_selected_action": [here.ours.robot]})
        assert posted.status_code == 302 and "/admin/login/" in posted["Location"]
    here.lab.robot.refresh_from_db()
    assert here.lab.robot.revoked_at is None


def test_staff_without_rights_gets_nothing_in_the_admin(here: MatrixWorld) -> None:
    person = here.lab.people["viewer"]
    person.is_staff = True
    person.save()
    client = here.client("viewer")
    for model in ("person", "robot", "membership", "auditentry"):
        assert client.get(f"/admin/fleet/{model}/").status_code == 403
        assert client.get(f"/admin/fleet/{model}/add/").status_code == 403
