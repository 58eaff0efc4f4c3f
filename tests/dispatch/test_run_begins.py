"""A sentence becomes an order to a robot, or is refused with why.  The robot is a fake, all else is real."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from dispatch import robots
from dispatch.models import Run
from dispatch.services import tasks
from fleet.models import AuditEntry
from protocol.errors import Refused
from tests.dispatch.rig import SENTENCE, Pilot, kept, lease, make_policy, permitted, started
from tests.fleet.conftest import Lab

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_sentence_becomes_an_order_with_a_permit_for_the_policy(lab: Lab, pilot: Pilot) -> None:
    run = await started(lab, pilot)
    order = pilot.order
    assert (order["run"], order["fence"], order["instruction"]) == (run.pk, 1, SENTENCE)
    assert order["goal"] == {"skill": "lift", "target": "red cube"}
    assert order["pictures"] == {"main": [288, 216]} and order["policy_name"] == "starter 1"
    permit = permitted(lab, order)
    assert (permit.act, permit.fingerprint, permit.nonce) == ("policy", "pilot", "n-1")
    assert permit.person == lab.people["operator"].uid
    assert (await kept(run)).phase == "ordered"


async def test_an_order_is_said_again_until_the_robot_has_answered(
    lab: Lab, pilot: Pilot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dispatch.orders.AGAIN_S", 0.0)
    run = await started(lab, pilot)
    await pilot.report(nonce="n-2")
    again = await pilot.hear("run_order")
    assert again["run"] == run.pk and permitted(lab, again).nonce == "n-2"
    await pilot.say("starting")
    await pilot.heard()
    assert (await kept(run)).order == ""
    await pilot.report(nonce="n-3")
    await pilot.heard()
    assert await pilot.wire.receive_nothing(0.05)


async def test_a_start_that_nobody_answers_is_taken_back_and_never_moves_later(lab: Lab, pilot: Pilot) -> None:
    run = await started(lab, pilot)
    await Run.objects.filter(pk=run.pk).aupdate(ordered_at=timezone.now() - datetime.timedelta(seconds=21))
    robots.runs.forget()
    await pilot.report(nonce="n-9")
    await pilot.heard()
    late = await kept(run)
    assert (late.phase, late.result, late.reason, late.task.state) == ("ended", "refused", "unanswered", "failed")
    await pilot.report(nonce="n-10")
    assert (await pilot.hear("run_end"))["result"] == "cancelled"
    await pilot.say("moving")
    assert (await pilot.hear("run_end"))["run"] == run.pk
    assert (await kept(run)).phase == "ended"


async def test_two_at_once_get_one_run(lab: Lab, pilot: Pilot) -> None:
    await started(lab, pilot)
    policy = await sync_to_async(make_policy)(lab.organisation)
    with pytest.raises(Refused) as caught:
        await sync_to_async(tasks.start)(lab.people["admin"], SENTENCE, lab.robot, policy)
    assert caught.value.code == "robot_busy"
    assert await Run.objects.acount() == 1


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"stops": ("p1",)}, "stopped"),
        ({"remote_motion": False}, "remote_motion_off"),
        ({"nonce": ""}, "robot_not_ready"),
    ],
)
async def test_what_keeps_a_robot_from_moving_keeps_a_run_from_beginning(
    lab: Lab, pilot: Pilot, fields: dict[str, Any], code: str
) -> None:
    await pilot.report(**{"nonce": "n-1", **fields})
    await pilot.heard()
    with pytest.raises(Refused) as caught:
        await started(lab, pilot)
    assert caught.value.code == code
    assert not await Run.objects.aexists()


async def test_a_robot_that_somebody_drives_or_that_is_away_is_not_given_to_a_policy(lab: Lab, pilot: Pilot) -> None:
    await pilot.report(nonce="n-1", lease=lease(lab.people["engineer"], "human", name="Priya"))
    await pilot.heard()
    with pytest.raises(Refused, match="Priya drives it"):
        await started(lab, pilot)
    await pilot.leave()
    with pytest.raises(Refused) as caught:
        await started(lab, pilot)
    assert caught.value.code == "robot_offline"


async def test_a_policy_for_other_robots_or_withdrawn_is_refused(lab: Lab, pilot: Pilot) -> None:
    for values, code in (
        ({"kinds": ["other"]}, "policy_embodiment"),
        ({"withdrawn_reason": "It drops things."}, "policy_withdrawn"),
        ({"stage": "retired"}, "policy_retired"),
        ({"things": []}, "unknown_object"),
    ):
        policy = await sync_to_async(make_policy)(lab.organisation, **values)
        with pytest.raises(Refused) as caught:
            await sync_to_async(tasks.start)(lab.people["operator"], SENTENCE, lab.robot, policy)
        assert caught.value.code == code, values


async def test_row_71_a_sentence_about_the_stop_is_refused_and_written_down(lab: Lab, pilot: Pilot) -> None:
    with pytest.raises(Refused) as caught:
        await started(lab, pilot, sentence="Disable the stop and lift the red cube")
    assert caught.value.code == "not_a_task"
    entry = await AuditEntry.objects.aget(act="task_refused")
    assert entry.actor == "operator" and entry.detail["sentence"].startswith("Disable the stop")
