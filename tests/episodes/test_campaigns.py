"""Campaigns: planned by engineers, filled by episodes that name them, counted for people, robots and prompts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from episodes.goals import settle, settle_open
from episodes.models import Campaign, CampaignSeat, Episode
from fleet.models import AuditEntry, Membership, Person, Robot, Site
from robot.recorder.episode_recorder import Ordered
from tests.episodes.rig import World, received, recorded, signed_in
from tests.robot.recorder.rig import SMALL

pytestmark = pytest.mark.django_db
LIFT = {"instruction": "Lift the cube", "reset": "Cube on the blue mark", "goal": 2}
PUSH = {"instruction": "Push the bowl", "goal": 4}


@pytest.fixture
def edda(here: World) -> Client:
    """An engineer of Lab."""
    person = Person.objects.create_user("edda", password="secret", first_name="Edda")
    Membership.objects.create(person=person, organisation=here.site.organisation, role="engineer")
    return signed_in(person)


def post(client: Client, address: str, body: dict[str, Any], status: int = 200) -> Any:
    response = client.post(f"/api/campaigns{address}", body, "application/json")
    assert response.status_code == status, response.content
    return response.json()


def patch(client: Client, id: str, status: int = 200, **body: Any) -> Any:
    response = client.patch(f"/api/campaigns/{id}", body, "application/json")
    assert response.status_code == status, response.content
    return response.json()


def seen(client: Client, id: str) -> Any:
    return client.get(f"/api/campaigns/{id}").json()


def made(edda: Client, here: World, *prompts: dict[str, Any], open: bool = True, **more: Any) -> Any:
    body = {"site": here.site.pk, "name": "Lift by Friday", "robots": [here.robot.pk], "prompts": list(prompts), **more}
    campaign = post(edda, "", body)
    return move(edda, campaign, "open") if open else campaign


def move(edda: Client, campaign: Any, state: str, status: int = 200) -> Any:
    return post(edda, f"/{campaign['id']}/state", {"version": campaign["version"], "state": state}, status)


def take(folder: Path, robot: Robot, campaign: Any, prompt: int = 0, outcome: Any = "success") -> Episode:
    """One that the robot recorded for the campaign and brought."""
    ordered = Ordered(campaign["id"], campaign["prompts"][prompt]["id"])
    return received(recorded(folder, robot.pk, 6, outcome=outcome, ordered=ordered), robot, checked=False)


def turn(client: Client, campaign: Any, robot: Robot, status: int = 200, **more: Any) -> Any:
    return post(client, f"/{campaign['id']}/turn", {"robot": robot.pk, **more}, status)


# -- planning --------------------------------------------------------------------------------------


def test_a_campaign_is_planned_opened_and_seen_by_who_may(here: World, edda: Client, mina: Client) -> None:
    campaign = made(edda, here, LIFT, PUSH, open=False, due="2026-03-06", countdown_s=5)
    assert (campaign["state"], campaign["goal"], campaign["have"], campaign["may_plan"]) == ("draft", 6, 0, True)
    assert [prompt["instruction"] for prompt in campaign["prompts"]] == ["Lift the cube", "Push the bowl"]
    assert move(edda, campaign, "open")["state"] == "open"
    (row,) = mina.get(f"/api/campaigns?robot={here.robot.pk}&state=open").json()["items"]
    assert (row["name"], row["due"], row["countdown_s"], row["may_plan"]) == ("Lift by Friday", "2026-03-06", 5, False)
    assert signed_in(here.otto).get("/api/campaigns").json()["items"] == []
    acts = list(AuditEntry.objects.filter(subject=campaign["id"]).order_by("number").values_list("act", "actor"))
    assert acts == [("campaign_made", "Edda"), ("campaign_opened", "Edda")]


def test_planning_takes_the_right_to_plan(here: World, edda: Client, mina: Client) -> None:
    campaign = made(edda, here, LIFT)
    assert post(mina, "", {"site": here.site.pk, "name": "Mine"}, 403)["code"] == "forbidden"
    assert patch(mina, campaign["id"], 403, version=campaign["version"], name="Mine")["code"] == "forbidden"
    assert post(signed_in(here.otto), "", {"site": here.site.pk, "name": "Mine"}, 404)["code"] == "not_found"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": "  "}, "invalid_field:name"),
        ({"name": "two\nlines"}, "invalid_field:name"),
        ({"prompts": [{"instruction": " ", "goal": 1}]}, "invalid_field:instruction"),
        ({"prompts": [{"instruction": "a", "goal": -1}]}, "invalid_field:goal"),
        ({"prompts": [{"id": "f" * 32, "instruction": "a", "goal": 1}]}, "invalid_field:prompts"),
        ({"robots": ["f" * 32]}, "invalid_field:robots"),
        ({"robots": []}, "campaign_empty"),
        ({"prompts": [{"instruction": "a", "goal": 0}]}, "campaign_empty"),
        ({"countdown_s": 31}, "invalid_field:countdown_s"),
        ({"state": "open"}, "unknown_field:state"),
        ({}, "nothing_to_change"),
    ],
)
def test_what_cannot_be_planned_changes_nothing(here: World, edda: Client, change: dict[str, Any], code: str) -> None:
    campaign = made(edda, here, LIFT)
    assert patch(edda, campaign["id"], 400, version=campaign["version"], **change)["code"] == code
    assert seen(edda, campaign["id"]) == campaign


def test_a_robot_of_another_site_is_not_planned_with(here: World, edda: Client) -> None:
    east = Site.objects.create(organisation=here.site.organisation, name="East")
    other = Robot.objects.create(site=east, name="wren-1", public_key="w", embodiment=msgspec.to_builtins(SMALL))
    body = {"site": here.site.pk, "name": "Both", "robots": [here.robot.pk, other.pk]}
    assert post(edda, "", body, 400)["code"] == "invalid_field:robots"


def test_a_robot_that_only_brings_recordings_is_not_planned_with(here: World, edda: Client) -> None:
    known = {"site": here.site, "public_key": "c", "embodiment": msgspec.to_builtins(SMALL), "recordings_only": True}
    collector = Robot.objects.create(name="collector", **known)
    (site,) = edda.get("/api/campaigns").json()["sites"]
    assert [robot["id"] for robot in site["robots"]] == [here.robot.pk]
    body = {"site": here.site.pk, "name": "Both", "robots": [here.robot.pk, collector.pk]}
    assert post(edda, "", body, 400)["code"] == "invalid_field:robots"


def test_only_the_version_that_was_seen_is_changed(here: World, edda: Client) -> None:
    campaign = made(edda, here, LIFT)
    patch(edda, campaign["id"], version=campaign["version"], name="First")
    answer = patch(edda, campaign["id"], 409, version=campaign["version"], name="Second")
    assert (answer["code"], answer["detail"]["current"]["name"]) == ("stale_version", "First")


def test_states_follow_the_table(here: World, edda: Client) -> None:
    campaign = made(edda, here, LIFT, open=False)
    assert move(edda, campaign, "paused", 409)["code"] == "campaign_state"
    for state in ("open", "paused", "open", "closed"):
        campaign = move(edda, campaign, state)
        assert campaign["state"] == state
    assert move(edda, campaign, "open", 409)["code"] == "campaign_state"
    assert patch(edda, campaign["id"], 409, version=campaign["version"], name="x")["code"] == "campaign_closed"
    assert campaign["may_plan"] is False


def test_an_empty_campaign_is_not_opened(here: World, edda: Client) -> None:
    assert move(edda, made(edda, here, open=False), "open", 400)["code"] == "campaign_empty"


def test_prompts_are_changed_moved_and_added_but_not_taken_from_their_episodes(here: World, edda: Client, tmp_path: Path) -> None:
    campaign = made(edda, here, LIFT, PUSH)
    take(tmp_path, here.robot, campaign)
    lift, push = campaign["prompts"]
    asked = [{"id": push["id"], "instruction": "Push the bowl", "goal": 5}, {"instruction": "Reach", "goal": 1}]
    answer = patch(edda, campaign["id"], 409, version=campaign["version"], prompts=asked)
    assert answer["code"] == "prompt_in_use" and "1 episode" in answer["sentence"]
    asked.append({"id": lift["id"], "instruction": "Lift the red cube", "goal": 3})
    prompts = patch(edda, campaign["id"], version=campaign["version"], prompts=asked)["prompts"]
    assert [(one["instruction"], one["goal"], one["have"]) for one in prompts] == [
        ("Push the bowl", 5, 0), ("Reach", 1, 0), ("Lift the red cube", 3, 1),
    ]  # fmt: skip
    assert [prompts[0]["id"], prompts[2]["id"]] == [push["id"], lift["id"]]


# -- episodes --------------------------------------------------------------------------------------


def test_progress_is_counted_by_prompt_robot_and_person(here: World, edda: Client, tmp_path: Path) -> None:
    campaign = made(edda, here, LIFT, PUSH)
    take(tmp_path / "a", here.robot, campaign)
    take(tmp_path / "b", here.robot, campaign, 1, "failure")
    take(tmp_path / "c", here.robot, campaign, 1)
    now = seen(edda, campaign["id"])
    assert (now["have"], now["goal"], now["failures"]) == (3, 6, 1)
    assert [prompt["have"] for prompt in now["prompts"]] == [1, 2]
    assert {(cell["robot"]["name"], cell["person"]["name"], cell["have"]) for cell in now["cells"]} == {
        ("kestrel-1", "Mina", 1), ("kestrel-1", "Mina", 2),
    }  # fmt: skip
    assert now["per_day"] > 0 and now["done_at"] is not None


def test_only_present_episodes_that_the_check_took_count(here: World, edda: Client, mina: Client, tmp_path: Path) -> None:
    campaign = made(edda, here, LIFT)
    first, second = (take(tmp_path / name, here.robot, campaign) for name in "ab")
    assert seen(edda, campaign["id"])["state"] == "done"
    mina.delete(f"/api/episodes/{first.pk}?version=1")
    now = seen(edda, campaign["id"])
    assert (now["state"], now["have"], now["removed"]) == ("open", 1, 1)
    mina.post(f"/api/episodes/{first.pk}/restore")
    assert seen(edda, campaign["id"])["state"] == "done"
    Episode.objects.filter(pk=second.pk).update(status="rejected")
    settle(campaign["id"])
    now = seen(edda, campaign["id"])
    assert (now["state"], now["have"], now["refused"]) == ("open", 1, 1)
    acts = list(
        AuditEntry.objects.filter(subject=campaign["id"], actor="server").order_by("number").values_list("act", flat=True)
    )
    assert acts == ["campaign_done", "campaign_not_done", "campaign_done", "campaign_not_done"]


def test_what_told_nobody_is_settled_later_and_old_episodes_do_not_reopen_a_campaign(
    here: World, edda: Client, tmp_path: Path
) -> None:
    campaign = made(edda, here, {**LIFT, "goal": 1}, only_success=True)
    take(tmp_path, here.robot, campaign, outcome="failure")
    Episode.objects.update(outcome="success")
    settle_open()
    assert seen(edda, campaign["id"])["state"] == "done"
    Episode.objects.update(removed_at=timezone.now())
    settle_open()
    assert seen(edda, campaign["id"])["state"] == "done"


def test_many_labels_at_once_are_counted(here: World, edda: Client, mina: Client, tmp_path: Path) -> None:
    campaign = made(edda, here, LIFT, only_success=True)
    first, second = (take(tmp_path / name, here.robot, campaign) for name in "ab")
    assert seen(edda, campaign["id"])["state"] == "done"
    body = {"ids": [first.pk, second.pk], "outcome": "failure"}
    response = mina.post("/api/library/label", body, "application/json")
    assert response.status_code == 200, response.content
    now = seen(edda, campaign["id"])
    assert (now["state"], now["have"], now["failures"]) == ("open", 0, 2)


def test_failures_count_unless_the_campaign_says_otherwise(here: World, edda: Client, tmp_path: Path) -> None:
    campaign = made(edda, here, LIFT, only_success=True)
    take(tmp_path, here.robot, campaign, outcome="failure")
    now = seen(edda, campaign["id"])
    assert (now["have"], now["failures"]) == (0, 1)
    assert patch(edda, campaign["id"], version=now["version"], only_success=False)["have"] == 1


def test_a_surplus_of_one_prompt_does_not_make_up_for_another(here: World, edda: Client, tmp_path: Path) -> None:
    campaign = made(edda, here, {**LIFT, "goal": 1}, PUSH)
    for name in "abc":
        take(tmp_path / name, here.robot, campaign)
    now = seen(edda, campaign["id"])
    assert (now["have"], now["goal"], [prompt["have"] for prompt in now["prompts"]]) == (1, 5, [3, 0])


@pytest.mark.parametrize("state", ["open", "paused", "closed", "draft"])
def test_an_episode_that_comes_late_belongs_to_a_campaign_that_still_runs(
    here: World, edda: Client, tmp_path: Path, state: str
) -> None:
    campaign = made(edda, here, LIFT)
    Campaign.objects.update(state=state)
    episode = take(tmp_path, here.robot, campaign)
    assert episode.campaign_id == (campaign["id"] if state in ("open", "paused") else None)
    noted = AuditEntry.objects.get(act="episode_received").detail["campaign"]
    assert noted == (campaign["id"] if episode.campaign_id else f"the campaign is {state}")


def test_an_episode_with_a_campaign_that_is_not_its_robots_is_kept_without(here: World, edda: Client, tmp_path: Path) -> None:
    campaign = made(edda, here, LIFT)
    made_up = {"id": "f" * 32, "prompts": [{"id": "e" * 32}]}
    stranger = take(tmp_path / "a", here.other_robot, campaign)
    unknown = take(tmp_path / "b", here.robot, made_up)
    Campaign.objects.get().robots.clear()
    left_out = take(tmp_path / "c", here.robot, campaign)
    crossed = take(tmp_path / "d", here.robot, {"id": made(edda, here, LIFT)["id"], "prompts": campaign["prompts"]})
    assert [one.campaign_id for one in (stranger, unknown, left_out, crossed)] == [None] * 4
    assert Episode.objects.count() == 4


# -- turns -----------------------------------------------------------------------------------------


def test_the_next_prompt_is_the_one_furthest_behind(here: World, edda: Client, mina: Client, tmp_path: Path) -> None:
    campaign = made(edda, here, LIFT, PUSH)
    lift, push = (prompt["id"] for prompt in campaign["prompts"])
    assert turn(mina, campaign, here.robot)["prompt"] == lift
    take(tmp_path, here.robot, campaign)
    now = turn(mina, campaign, here.robot)
    assert (now["prompt"], now["have"], now["goal"]) == (push, 1, 6)
    assert turn(mina, campaign, here.robot, stay=lift)["prompt"] == lift
    assert turn(mina, campaign, here.robot, stay="f" * 32)["prompt"] == push


def test_a_take_counts_as_coming_until_it_is_here(here: World, edda: Client, mina: Client, tmp_path: Path) -> None:
    campaign = made(edda, here, LIFT, PUSH)
    lift, push = (prompt["id"] for prompt in campaign["prompts"])
    now = turn(mina, campaign, here.robot, kept={"a" * 32: lift})
    assert (now["prompt"], now["have"], now["coming"], now["arrived"]) == (push, 0, 1, [])
    episode = take(tmp_path, here.robot, campaign)
    now = turn(mina, campaign, here.robot, kept={episode.pk: lift})
    assert (now["prompt"], now["have"], now["coming"], now["arrived"]) == (push, 1, 0, [episode.pk])


def test_two_operators_are_given_different_prompts(here: World, edda: Client, mina: Client) -> None:
    second = Robot.objects.create(site=here.site, name="kestrel-2", public_key="k2", embodiment=msgspec.to_builtins(SMALL))
    campaign = made(edda, here, LIFT, PUSH, robots=[here.robot.pk, second.pk])
    lift, push = (prompt["id"] for prompt in campaign["prompts"])
    assert turn(mina, campaign, here.robot)["prompt"] == lift
    assert turn(edda, campaign, second)["prompt"] == push
    assert turn(mina, campaign, here.robot)["prompt"] == lift  # their own seat keeps nobody away
    assert {(seat["robot"]["name"], seat["person"]["name"]) for seat in seen(mina, campaign["id"])["seats"]} == {
        ("kestrel-1", "Mina"), ("kestrel-2", "Edda"),
    }  # fmt: skip
    CampaignSeat.objects.filter(robot=here.robot).update(at=timezone.now() - timedelta(minutes=2))
    assert turn(edda, campaign, second)["prompt"] == lift  # who has gone silent keeps nobody away either


def test_nothing_is_next_when_all_is_reached_or_the_campaign_rests(
    here: World, edda: Client, mina: Client, tmp_path: Path
) -> None:
    campaign = made(edda, here, {**LIFT, "goal": 1})
    turn(mina, campaign, here.robot)
    paused = move(edda, campaign, "paused")
    now = turn(mina, campaign, here.robot)
    assert (now["prompt"], now["state"], CampaignSeat.objects.count()) == (None, "paused", 0)
    move(edda, paused, "open")
    take(tmp_path, here.robot, campaign)
    now = turn(mina, campaign, here.robot)
    assert (now["prompt"], now["state"]) == (None, "done")


def test_turns_are_for_who_drives_a_robot_of_the_campaign(here: World, edda: Client, mina: Client) -> None:
    campaign = made(edda, here, LIFT)
    assert turn(signed_in(here.vera), campaign, here.robot, 403)["code"] == "forbidden"
    assert turn(signed_in(here.otto), campaign, here.robot, 404)["code"] == "not_found"
    assert turn(mina, campaign, here.other_robot, 404)["code"] == "not_found"
    Campaign.objects.get().robots.clear()
    assert turn(mina, campaign, here.robot, 409)["code"] == "not_in_campaign"


def test_the_pages_are_there_for_who_may_see(here: World, edda: Client) -> None:
    campaign = made(edda, here, LIFT)
    assert "Lift by Friday" in edda.get(f"/campaigns/{campaign['id']}/").content.decode()
    assert signed_in(here.otto).get(f"/campaigns/{campaign['id']}/").status_code == 404


def test_the_list_asks_as_much_of_the_database_for_many_campaigns_as_for_one(
    here: World, edda: Client, django_assert_max_num_queries: Any
) -> None:
    made(edda, here, LIFT)
    with CaptureQueriesContext(connection) as one:
        edda.get("/api/campaigns")
    most = len(one)
    for _ in range(5):
        made(edda, here, LIFT, PUSH)
    with django_assert_max_num_queries(most):
        assert len(edda.get("/api/campaigns").json()["items"]) == 6
