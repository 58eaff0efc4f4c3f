"""What administrators ask on the page of data and privacy, through the strict edge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from episodes import jobs, storage
from episodes.models import Episode
from fleet.models import Membership, Person
from tests.episodes.rig import World, received, recorded, signed_in, world

pytestmark = pytest.mark.django_db


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr("episodes.api.lifecycle._wake", lambda: None)
    return world()


@pytest.fixture
def ada(here: World) -> Client:
    """An administrator of the whole organisation."""
    person = Person.objects.create_user("ada", password="secret", first_name="Ada")
    Membership.objects.create(person=person, organisation=here.site.organisation, role="admin")
    return signed_in(person)


@pytest.fixture
def episode(here: World, tmp_path: Path) -> Episode:
    return received(recorded(tmp_path / "robot", here.robot.pk, 20), here.robot)


def put(client: Client, address: str, body: dict[str, Any]) -> Any:
    return client.put(address, body, "application/json")


def test_the_page_shows_what_is_kept_and_by_whom(here: World, ada: Client, episode: Episode) -> None:
    (lab,) = ada.get("/api/privacy").json()
    assert (lab["name"], lab["used_bytes"], lab["quota_bytes"]) == ("Lab", episode.size_bytes, 0)
    assert [(one["uid"], one["name"], one["episodes"]) for one in lab["people"]] == [("p1", "Mina", 1)]
    assert [site["name"] for site in lab["sites"]] == ["West"]


def test_rules_are_foreseen_then_set_and_a_stale_page_is_refused(here: World, ada: Client, episode: Episode) -> None:
    address = f"/api/sites/{here.site.pk}/retention"
    rules = [{"kind": "success", "days": 30, "frozen": False}]
    assert ada.post(f"{address}/preview", {"rules": rules}, "application/json").json()[0]["episodes"] == 0
    wanted = {"rules": rules, "grace_days": 3, "version": 0}
    assert put(ada, address, wanted).json()["rules"] == rules
    stale = put(ada, address, wanted)
    assert (stale.status_code, stale.json()["detail"]["current"]["grace_days"]) == (409, 3)


@pytest.mark.parametrize(
    "change",
    [
        {"rules": [{"kind": "all", "days": 30}]},
        {"rules": [{"kind": "success", "days": 0}]},
        {"rules": [{"kind": "success", "days": 1e9}]},
        {"rules": [{"kind": "success", "days": 1, "until": "tomorrow"}]},
        {"rules": [{"kind": "success", "days": 1}] * 2},
        {"grace_days": -1},
    ],
)
def test_rules_that_mean_nothing_are_refused(here: World, ada: Client, change: dict[str, Any]) -> None:
    wanted = {"rules": [], "grace_days": 7, "version": 0} | change
    answer = put(ada, f"/api/sites/{here.site.pk}/retention", wanted)
    assert answer.status_code == 400 and answer.json()["sentence"].endswith(".")


def test_a_person_is_forgotten_after_a_look_and_a_confirmation(
    here: World, ada: Client, episode: Episode, tmp_path: Path
) -> None:
    organisation = f"/api/organisations/{here.site.organisation_id}"
    found = ada.get(f"{organisation}/people/p1/erasure").json()
    assert (found["name"], found["episodes"]) == ("Mina", 1)
    wanted = {"person": "p1", "reason": "They asked for it.", "confirm": 2}
    refused = ada.post(f"{organisation}/erasures", wanted, "application/json")
    assert (refused.status_code, refused.json()["detail"]) == (409, {"current": 1})
    begun = ada.post(f"{organisation}/erasures", wanted | {"confirm": 1}, "application/json").json()
    assert begun["state"] == "asked" and storage.is_there(episode.pk)
    jobs.erasures()
    done = ada.get(f"{organisation}/erasures/{begun['id']}").json()
    assert (done["state"], done["done"]) == ("done", 1) and not storage.is_there(episode.pk)
    kept = tmp_path / "record.json"
    kept.write_text(json.dumps({"record": done["record"], "signature": done["signature"]}))
    call_command("verify_erasure", kept)
    assert ada.get(f"{organisation}/people/p1/erasure").status_code == 404


def test_an_operator_and_another_organisation_may_not(here: World, episode: Episode) -> None:
    address = f"/api/organisations/{here.site.organisation_id}/people/p1/erasure"
    assert signed_in(here.mina).get(address).status_code == 403
    assert signed_in(here.otto).get(address).status_code == 404
