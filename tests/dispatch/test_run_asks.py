"""A run that holds asks for a person: who comes, answers and hands back, and what stands then."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import Client

from dispatch import places
from dispatch.models import HelpRequest
from dispatch.services import help as helping
from dispatch.services import runs
from fleet.models import AuditEntry
from protocol.errors import Refused
from tests.dispatch.rig import Pilot, doubting, kept, lease, permitted, started
from tests.fleet.conftest import Lab

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_hold_in_doubt_asks_for_help_with_the_pictures_before_it(
    lab: Lab, pilot: Pilot, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, request = await doubting(lab, pilot, monkeypatch)
    assert (request.state, request.reason, request.doubt, request.limit, request.pictures) == ("open", "doubt", 0.9, 0.6, 2)
    assert request.reasoning["target"]["name"] == "red cube"
    assert places.clip(run.pk, request.pk).exists()
    await pilot.say("holding", reason="doubt", doubt=0.95, limit=0.6)
    await pilot.heard()
    assert await HelpRequest.objects.acount() == 1
    assert await AuditEntry.objects.filter(act="help_asked").acount() == 1


async def test_a_late_chunk_asks_nobody(lab: Lab, pilot: Pilot) -> None:
    await started(lab, pilot)
    await pilot.say("holding", reason="starved")
    await pilot.heard()
    assert not await HelpRequest.objects.aexists()


async def test_who_takes_the_robot_takes_the_request_and_handing_back_answers_it(
    lab: Lab, pilot: Pilot, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, request = await doubting(lab, pilot, monkeypatch)
    await pilot.report(nonce="n-2", lease=lease(lab.people["operator"], "human"), mode="TELEOP")
    await pilot.say("taken")
    await pilot.heard()
    await request.arefresh_from_db()
    assert (request.state, request.taken_by_id) == ("taken", lab.people["operator"].pk)
    with pytest.raises(Refused) as caught:
        await sync_to_async(runs.resume)(await kept(run), lab.people["operator"], 5.0)
    assert caught.value.code == "still_taken"
    await pilot.report(nonce="n-3", mode="SAFE_HOLD", reason="RELEASED")
    await pilot.say("holding", reason="released")
    await pilot.heard()
    await request.arefresh_from_db()
    assert request.state == "open", "who drove has let go, and it waits for somebody"
    await sync_to_async(runs.resume)(await kept(run), lab.people["operator"], 5.0)
    resume = await pilot.hear("run_resume")
    assert resume["doubt_off_s"] == 5.0 and permitted(lab, resume).act == "policy"
    await pilot.say("moving")
    await pilot.heard()
    await request.arefresh_from_db()
    assert (request.state, request.answer) == ("answered", "took_over")
    assert (await kept(run)).order == ""


async def test_an_answer_lets_it_go_on_and_says_who_gave_it(lab: Lab, pilot: Pilot, monkeypatch: pytest.MonkeyPatch) -> None:
    run, request = await doubting(lab, pilot, monkeypatch)
    await sync_to_async(helping.go_on)(request, request.version, lab.people["dispatcher"], 8.0)
    assert (await pilot.hear("run_resume"))["doubt_off_s"] == 8.0
    await pilot.say("moving")
    await pilot.heard()
    await request.arefresh_from_db()
    assert (request.state, request.answer) == ("answered", "go_on")
    assert (await AuditEntry.objects.aget(act="help_answered")).actor == "dispatcher"
    with pytest.raises(Refused) as caught:
        await sync_to_async(helping.go_on)(request, request.version, lab.people["operator"], 8.0)
    assert caught.value.code == "help_closed"
    await pilot.say("holding", reason="doubt", doubt=0.7, limit=0.6)
    await pilot.heard()
    assert await HelpRequest.objects.filter(run=run).acount() == 2


def post(lab: Lab, path: str, body: dict[str, Any]) -> int:
    """As an operator's page does."""
    client = Client()
    client.force_login(lab.people["operator"])
    return client.post(path, json.dumps(body), content_type="application/json").status_code


async def test_only_go_on_over_a_doubt_lets_it_move_without_asking(
    lab: Lab, pilot: Pilot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who hands back, or lets go on after something else, has judged no doubt."""
    run, request = await doubting(lab, pilot, monkeypatch)
    answer = {"version": request.version, "answer": "go_on"}
    assert await sync_to_async(post)(lab, f"/api/help/{request.pk}/answer", answer) == 200
    assert (await pilot.hear("run_resume"))["doubt_off_s"] == 5.0
    await pilot.say("moving")
    await pilot.say("holding", reason="no_progress")
    await pilot.heard()
    other = await HelpRequest.objects.aget(run=run, reason="no_progress")
    answer = {"version": other.version, "answer": "go_on"}
    assert await sync_to_async(post)(lab, f"/api/help/{other.pk}/answer", answer) == 200
    assert (await pilot.hear("run_resume"))["doubt_off_s"] == 0.0
    await pilot.say("moving")
    await pilot.say("taken")
    await pilot.say("holding", reason="released")
    await pilot.heard()
    assert await sync_to_async(post)(lab, f"/api/runs/{run.pk}/resume", {}) == 200
    assert (await pilot.hear("run_resume"))["doubt_off_s"] == 0.0


async def test_what_was_handed_back_and_doubts_again_asks_again(lab: Lab, pilot: Pilot, monkeypatch: pytest.MonkeyPatch) -> None:
    run, request = await doubting(lab, pilot, monkeypatch)
    await pilot.say("taken")
    await pilot.say("holding", reason="released")
    await pilot.heard()
    await sync_to_async(runs.resume)(await kept(run), lab.people["operator"], 0.0)
    await pilot.hear("run_resume")
    await pilot.say("holding", reason="resuming")
    await pilot.say("holding", reason="doubt", doubt=0.9, limit=0.6)
    await pilot.heard()
    await request.arefresh_from_db()
    assert (request.state, request.taken_by_id) == ("open", None)
    assert (await kept(run)).order == ""


@pytest.mark.parametrize("words", [[("taken", ""), ("holding", "released")], [("holding", "resuming"), ("holding", "doubt")]])
async def test_going_on_is_not_said_again_after_a_person_has_driven_or_a_new_doubt(
    lab: Lab, pilot: Pilot, monkeypatch: pytest.MonkeyPatch, words: list[tuple[str, str]]
) -> None:
    monkeypatch.setattr("dispatch.orders.AGAIN_S", 0.0)
    run, _ = await doubting(lab, pilot, monkeypatch)
    await sync_to_async(runs.resume)(await kept(run), lab.people["operator"], 0.0)
    await pilot.hear("run_resume")
    for phase, reason in words:
        await pilot.say(phase, reason=reason)
    await pilot.heard()
    assert (await kept(run)).order == ""
    await pilot.report(nonce="n-2")
    assert "run_resume" not in await pilot.heard()


async def test_who_says_go_on_without_driving_is_not_written_down_as_having_driven(
    lab: Lab, pilot: Pilot, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, request = await doubting(lab, pilot, monkeypatch)
    await sync_to_async(helping.take)(request, request.version, lab.people["operator"])
    await sync_to_async(helping.go_on)(request, request.version, lab.people["operator"], 5.0)
    await pilot.say("holding", reason="resuming")
    await pilot.heard()
    await request.arefresh_from_db()
    assert request.state == "taken"
    await pilot.say("moving")
    await pilot.heard()
    await request.arefresh_from_db()
    assert (request.state, request.answer) == ("answered", "go_on")


async def test_a_policy_that_says_what_no_robot_may_follow_asks_for_a_person(lab: Lab, pilot: Pilot) -> None:
    run = await started(lab, pilot)
    await pilot.say("moving")
    await pilot.say("holding", reason="policy_output", sentence="The policy answered with a value that is no number.")
    await pilot.heard()
    assert (await HelpRequest.objects.aget(run=run)).reason == "policy_output"


async def test_two_who_come_at_once_one_has_it(lab: Lab, pilot: Pilot, monkeypatch: pytest.MonkeyPatch) -> None:
    _, request = await doubting(lab, pilot, monkeypatch)
    seen = request.version
    await sync_to_async(helping.take)(request, seen, lab.people["operator"])
    with pytest.raises(Refused) as caught:
        await sync_to_async(helping.take)(
            await HelpRequest.objects.select_related("taken_by").aget(pk=request.pk), seen, lab.people["engineer"]
        )
    assert caught.value.code == "stale_version"
