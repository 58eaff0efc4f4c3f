"""A run's end, by a person, by its robot or by nobody's answer, and what may begin after it."""

from __future__ import annotations

import datetime

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from dispatch.models import Run
from dispatch.services import runs, tasks
from protocol.errors import Refused
from tests.dispatch.rig import Pilot, doubting, kept, row_of, started
from tests.fleet.conftest import Lab

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_persons_end_is_told_until_the_robot_has_ended(lab: Lab, pilot: Pilot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dispatch.orders.AGAIN_S", 0.0)
    run = await started(lab, pilot)
    await pilot.say("moving")
    await pilot.heard()
    await sync_to_async(runs.end)(await kept(run), lab.people["operator"], "failure", "it dropped it")
    assert (await pilot.hear("run_end"))["result"] == "failure"
    await pilot.report(nonce="n-2")
    assert (await pilot.hear("run_end"))["reason"] == "it dropped it"
    await pilot.say("ended", result="failure", judge="person")
    await pilot.hear("run_noted")
    now = await kept(run)
    assert (now.phase, now.result, now.judge, now.task.state, now.order) == ("ended", "failure", "person", "failed", "")


async def test_an_end_that_the_robot_has_not_answered_is_not_replaced_by_going_on(
    lab: Lab, pilot: Pilot, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = await doubting(lab, pilot, monkeypatch)
    seen = await kept(run)
    await sync_to_async(runs.end)(await kept(run), lab.people["operator"], "failure")
    for row, code in ((await kept(run), "run_ending"), (seen, "run_moves")):
        with pytest.raises(Refused) as caught:
            await sync_to_async(runs.resume)(row, lab.people["engineer"], 5.0)
        assert caught.value.code == code
    assert (await kept(run)).order == "end"


async def test_a_robot_that_is_away_waits_and_nobody_else_gets_its_run(lab: Lab, pilot: Pilot) -> None:
    run = await started(lab, pilot)
    await pilot.say("moving")
    await pilot.heard()
    await pilot.leave()
    await lab.robot.arefresh_from_db()
    assert (await kept(run)).phase == "moving"
    await sync_to_async(runs.end)(await kept(run), lab.people["operator"], "cancelled")
    assert (await kept(run)).phase == "moving", "it was here a moment ago, so its lease may live"
    await lab.robot.__class__.objects.filter(pk=lab.robot.pk).aupdate(last_seen=timezone.now() - datetime.timedelta(seconds=6))
    await sync_to_async(runs.end)(await kept(run), lab.people["operator"], "cancelled")
    now = await kept(run)
    assert (now.phase, now.result, now.reason, now.task.state) == ("ended", "cancelled", "robot_lost", "cancelled")
    back = Pilot(lab.robot, lab.key)
    await back.ready()
    assert (await back.hear("run_end"))["run"] == run.pk
    back.order = pilot.order
    await back.say("ended", result="interrupted", n=99)
    await back.hear("run_noted")
    assert (await kept(run)).result == "cancelled"


async def test_a_task_that_failed_is_tried_again_with_a_higher_fence(lab: Lab, pilot: Pilot) -> None:
    run = await started(lab, pilot)
    await pilot.say("ended", result="interrupted", reason="restarted")
    await pilot.hear("run_noted")
    task = (await kept(run)).task
    policy = await sync_to_async(lambda: run.policy)()
    await pilot.report(nonce="n-5")
    await pilot.heard()
    second = await sync_to_async(tasks.again)(task, task.version, lab.people["operator"], lab.robot, policy)
    assert (await pilot.began())["fence"] == 2
    with pytest.raises(Refused) as caught:
        await sync_to_async(tasks.again)(task, task.version, lab.people["operator"], lab.robot, policy)
    assert caught.value.code == "task_running"
    assert (await kept(second)).task.state == "running"


async def test_a_database_that_lags_behind_its_robot_catches_up_with_the_robots_refusal(lab: Lab, pilot: Pilot) -> None:
    """As after a restore: what the robot had begun meanwhile is unknown here."""
    run = await started(lab, pilot)
    await pilot.say("ended", result="refused", reason="fenced", sentence="Too late.", highest=57)
    await pilot.hear("run_noted")
    now = await kept(run)
    assert (now.result, now.reason, now.fence, now.highest) == ("refused", "fenced", 1, 57)
    assert now.sentence.endswith("Start the task again.") and "run 57" in now.sentence
    await pilot.report(nonce="n-5")
    await pilot.heard()
    policy = await sync_to_async(lambda: run.policy)()
    await sync_to_async(tasks.again)(now.task, now.task.version, lab.people["operator"], lab.robot, policy)
    assert (await pilot.began())["fence"] == 58
    await pilot.say("starting")
    await pilot.heard()
    assert await sync_to_async(Run.next_fence)(lab.robot) == 59


def test_a_persons_word_judges_a_run_that_nobody_judged(lab: Lab) -> None:
    run = row_of(lab, lab.people["operator"], phase="ended", result="interrupted")
    run.task.become("failed")
    runs.judge(run, run.version, lab.people["reviewer"], "success")
    run.refresh_from_db()
    run.task.refresh_from_db()
    assert (run.result, run.judge, run.task.state) == ("success", "person", "done")
    with pytest.raises(Refused) as caught:
        runs.judge(run, 1, lab.people["reviewer"], "failure")
    assert caught.value.code == "stale_version"


def test_a_robot_that_says_nothing_at_all_keeps_no_run(lab: Lab) -> None:
    run = row_of(lab, lab.people["operator"], ordered_at=timezone.now() - datetime.timedelta(seconds=30))
    assert runs.take_back_unanswered() == 1
    run.refresh_from_db()
    assert (run.phase, run.result) == ("ended", "refused")
    assert runs.take_back_unanswered() == 0
