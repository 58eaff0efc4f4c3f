"""A sentence becomes an order to a robot, its word becomes rows and a trace.  The robot is a fake, all else is real."""

from __future__ import annotations

import asyncio
import datetime
import json
import threading
import time
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import msgspec
import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError
from django.utils import timezone

from dispatch import clips, leases, newest, places, robots, traces
from dispatch.models import HelpRequest, Run
from dispatch.services import help as helping
from dispatch.services import reports, runs, tasks
from fleet import keys
from fleet.access import access
from fleet.models import AuditEntry, Membership, Robot
from protocol.errors import Refused
from protocol.permit import Renewal, Signed
from robot.kernel.permits import ServerKey
from tests.dispatch.rig import SENTENCE, THOUGHT, Pilot, kept, lease, make_policy, row_of, started
from tests.fleet.conftest import Lab

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def pilot(lab: Lab) -> Pilot:
    """The robot, connected and ready."""
    program = Pilot(lab.robot, lab.key)
    await program.ready()
    await program.heard()
    return program


def permitted(lab: Lab, message: dict[str, Any]) -> Any:
    """As the robot's kernel reads it."""
    return ServerKey(keys.public_key(), lab.robot.pk).claim(Signed(**message["permit"]))


# -- beginning -----------------------------------------------------------------------------------------


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


# -- what the robot says -------------------------------------------------------------------------------


async def test_a_run_is_followed_from_its_start_to_the_worlds_word(lab: Lab, pilot: Pilot) -> None:
    run = await started(lab, pilot)
    await pilot.say("starting", episode="e" * 32)
    await pilot.say("moving", doubt=0.2, limit=0.6, reasoning=THOUGHT, step=1)
    await pilot.heard()
    now = await kept(run)
    assert (now.phase, now.episode, now.task.state) == ("moving", "e" * 32, "running")
    shown = json.loads(await newest.read(run.pk) or b"{}")
    assert shown["reasoning"]["target"]["name"] == "red cube" and shown["doubt"] == 0.2
    await pilot.say("ended", result="success", judge="world", seconds=6.5, step=33, episode="e" * 32)
    assert (await pilot.hear("run_noted"))["run"] == run.pk
    now = await kept(run)
    assert (now.phase, now.result, now.judge, now.seconds, now.chunks) == ("ended", "success", "world", 6.5, 33)
    assert now.task.state == "done" and now.ended_at is not None


async def test_nothing_is_written_to_the_database_for_a_chunk(lab: Lab, pilot: Pilot, monkeypatch: pytest.MonkeyPatch) -> None:
    run = await started(lab, pilot)
    await pilot.say("moving")
    await pilot.heard()
    asked: list[str] = []
    monkeypatch.setattr("dispatch.services.reports.take", lambda id, *_: asked.append(id))
    for chunk in range(20):
        await pilot.say("moving", chunk=chunk, doubt=0.1, limit=0.6)
    await pilot.heard()
    assert asked == []
    raw, _ = traces.piece(places.trace(run.pk), 0)
    assert [json.loads(line)["n"] for line in raw.splitlines()] == list(range(21))


async def test_a_slow_disk_keeps_nobody_else_waiting_and_the_lines_in_order(
    lab: Lab, pilot: Pilot, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await started(lab, pilot)
    await pilot.say("moving")
    await pilot.heard()
    append, disk, here = traces.append, threading.Event(), threading.get_ident()

    def slow(path: Path, raw: bytes) -> bool:
        assert threading.get_ident() != here and disk.wait(10)
        return append(path, raw)

    monkeypatch.setattr(traces, "append", slow)
    robot = robots.ConnectedRobot(await Robot.objects.select_related("site").aget(pk=lab.robot.pk), AsyncMock())
    words = [asyncio.create_task(robots.on_run(robot, pilot.word("moving", chunk=chunk))) for chunk in range(4)]
    async with asyncio.timeout(10):
        while robots.followed[run.pk].n < 4:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        disk.set()
        await asyncio.gather(*words)
    raw, _ = traces.piece(places.trace(run.pk), 0)
    assert [json.loads(line)["n"] for line in raw.splitlines()] == list(range(5))


async def test_a_report_that_comes_twice_or_late_changes_nothing(lab: Lab, pilot: Pilot) -> None:
    run = await started(lab, pilot)
    await pilot.say("moving")
    await pilot.say("holding", reason="starved")
    await pilot.say("moving", n=0)
    await pilot.heard()
    assert (await kept(run)).phase == "holding"


async def test_what_was_heard_before_a_restart_of_the_server_is_not_heard_again(lab: Lab, pilot: Pilot) -> None:
    run = await started(lab, pilot)
    for _ in range(3):
        await pilot.say("moving")
    await pilot.heard()
    robots.forget()
    await pilot.say("moving", n=1)
    await pilot.say("moving", n=3)
    await pilot.heard()
    raw, _ = traces.piece(places.trace(run.pk), 0)
    assert [json.loads(line)["n"] for line in raw.splitlines()] == [0, 1, 2, 3]


async def test_a_word_that_the_database_missed_is_written_down_when_it_is_back(
    lab: Lab, pilot: Pilot, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await started(lab, pilot)
    await pilot.say("moving")
    await pilot.heard()
    take, away = reports.take, [True]

    def sometimes(*args: Any) -> Any:
        if away:
            raise OperationalError("away")
        return take(*args)

    monkeypatch.setattr(reports, "take", sometimes)
    await pilot.say("holding", reason="doubt", doubt=0.9, limit=0.6)
    await pilot.report(nonce="n-2")
    await pilot.heard()
    assert (await kept(run)).phase == "moving"
    away.clear()
    await pilot.report(nonce="n-3")
    await pilot.heard()
    assert (await kept(run)).phase == "holding"
    assert await HelpRequest.objects.filter(run=run, reason="doubt").acount() == 1


async def test_a_word_of_which_only_the_trace_knows_is_written_down_after_a_restart(lab: Lab, pilot: Pilot) -> None:
    run = await started(lab, pilot)
    await pilot.say("moving")
    await pilot.heard()
    word = pilot.word("holding", reason="doubt", doubt=0.9, limit=0.6)
    traces.append(places.trace(run.pk), traces.line(word))  # and then the process ended
    robots.forget()
    await pilot.tell(word)
    await pilot.heard()
    assert (await kept(run)).phase == "holding"
    request = await HelpRequest.objects.aget(run=run)
    await sync_to_async(helping.take)(request, request.version, lab.people["operator"])
    robots.forget()
    await pilot.tell(word)
    await pilot.heard()
    await request.arefresh_from_db()
    assert request.state == "taken", "the same word again changes nothing"


async def test_a_disk_that_is_full_costs_the_trace_and_not_the_call_for_help(
    lab: Lab, pilot: Pilot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> bool:
        raise OSError(28, "No space left on device")

    run = await started(lab, pilot)
    monkeypatch.setattr(traces, "append", full)
    await pilot.say("moving")
    await pilot.say("holding", reason="doubt", doubt=0.9, limit=0.6)
    await pilot.heard()
    assert await HelpRequest.objects.filter(run=run).acount() == 1
    await pilot.say("ended", result="failure", judge="world")
    await pilot.hear("run_noted")
    assert (await kept(run)).result == "failure"


async def test_what_no_column_can_hold_keeps_no_word_from_being_written_down(lab: Lab, pilot: Pilot) -> None:
    run = await started(lab, pilot)
    await pilot.say("moving", episode="e" * 32)
    await pilot.say("holding", reason="no_progress", sentence="Stuck\0 here." * 99, step=2**32 - 1, episode="../" * 99)
    await pilot.heard()
    now = await kept(run)
    assert (now.phase, now.reason, now.chunks, now.episode) == ("holding", "no_progress", 2**31 - 1, "e" * 32)
    assert len(now.sentence) == 300 and now.sentence.startswith("Stuck here.")
    assert "\0" not in (await HelpRequest.objects.aget(run=run)).sentence


async def test_the_end_is_noted_each_time_it_is_said(lab: Lab, pilot: Pilot) -> None:
    run = await started(lab, pilot)
    ended = pilot.word("ended", result="failure", judge="world")
    for _ in range(3):
        await pilot.tell(ended)
        assert (await pilot.hear("run_noted"))["fence"] == 1
    assert (await kept(run)).result == "failure"
    assert await AuditEntry.objects.filter(act="run_ended").acount() == 1


async def test_row_48_a_word_on_a_run_that_is_not_its_own_is_fenced_and_written_down(lab: Lab, pilot: Pilot) -> None:
    run = await started(lab, pilot)
    mine = pilot.order
    foreign = await Run.objects.acreate(
        task_id=(await kept(run)).task_id, site=lab.foreign.site, robot=lab.foreign, policy_id=run.policy_id, fence=7
    )
    for order in ({"run": foreign.pk, "fence": 7}, {"run": "f" * 32, "fence": 1}, {**mine, "fence": 2}, {"run": "", "fence": 1}):
        pilot.order = order
        await pilot.say("ended", result="success", judge="world", id=f"x{pilot.n}")
        assert (await pilot.hear("refused"))["code"] == "fenced"
    assert (await Run.objects.aget(pk=foreign.pk)).phase == "ordered"
    assert (await kept(run)).phase == "ordered"
    entries = [entry async for entry in AuditEntry.objects.filter(act="run_report_fenced")]
    assert {entry.actor for entry in entries} == {"robot kestrel-1"} and len(entries) == 4


async def test_ever_new_runs_that_are_not_its_own_do_not_fill_the_audit(lab: Lab, pilot: Pilot) -> None:
    await started(lab, pilot)
    for number in range(robots.STRANGERS + 5):
        pilot.order = {"run": f"{number:032x}", "fence": 1}
        await pilot.say("moving")
    await pilot.heard()
    assert await AuditEntry.objects.filter(act="run_report_fenced").acount() == robots.STRANGERS


# -- the lease -----------------------------------------------------------------------------------------


async def renewed(lab: Lab, pilot: Pilot, held: Any) -> Renewal:
    await pilot.report(nonce="n-1", lease=held, mode="AUTONOMY", reason="GRANTED")
    return ServerKey(keys.public_key(), lab.robot.pk).renewal(Signed(**(await pilot.hear("renew"))["renewal"]))


async def test_a_policys_lease_is_renewed_while_its_run_is_open(lab: Lab, pilot: Pilot) -> None:
    await started(lab, pilot)
    await pilot.say("moving")
    renewal = await renewed(lab, pilot, lease(lab.people["operator"]))
    assert (renewal.epoch, renewal.seq, renewal.revoke) == (1, 2, False)


async def test_a_policy_without_a_run_loses_its_lease(lab: Lab, pilot: Pilot) -> None:
    assert (await renewed(lab, pilot, lease(lab.people["operator"]))).reason == "no_run"
    await started(lab, pilot)
    await pilot.say("ended", result="success")
    await pilot.hear("run_noted")
    renewal = await renewed(lab, pilot, lease(lab.people["operator"], seq=3))
    assert (renewal.revoke, renewal.reason) == (True, "no_run")


async def test_a_policy_loses_its_lease_when_its_robot_does_not_carry_out_an_end(lab: Lab, pilot: Pilot) -> None:
    run = await started(lab, pilot)
    await pilot.say("moving")
    await pilot.heard()
    await sync_to_async(runs.end)(await kept(run), lab.people["operator"], "cancelled")
    assert not (await renewed(lab, pilot, lease(lab.people["operator"]))).revoke
    await Run.objects.filter(pk=run.pk).aupdate(ordered_at=timezone.now() - leases.END_FOR)
    robots.runs.forget()
    renewal = await renewed(lab, pilot, lease(lab.people["operator"]))
    assert (renewal.revoke, renewal.reason) == (True, "run_over")


async def test_a_policy_loses_its_lease_with_the_rights_of_who_started_it(lab: Lab, pilot: Pilot) -> None:
    await started(lab, pilot, "dispatcher")
    await pilot.say("moving")
    assert not (await renewed(lab, pilot, lease(lab.people["dispatcher"]))).revoke
    await Membership.objects.filter(person=lab.people["dispatcher"]).adelete()
    access.forget()
    renewal = await renewed(lab, pilot, lease(lab.people["dispatcher"], seq=3))
    assert (renewal.revoke, renewal.reason) == (True, "rights_revoked")


# -- help ----------------------------------------------------------------------------------------------


async def doubting(lab: Lab, pilot: Pilot, monkeypatch: pytest.MonkeyPatch) -> tuple[Run, HelpRequest]:
    """A run that asks, with two pictures of what it saw."""

    async def recent(robot: str, seconds: float = clips.SECONDS) -> list[tuple[int, dict[str, bytes]]]:
        now_ns = time.time_ns()
        return [(1, {"main": b"of the run before"}), (now_ns, {"main": b"a"}), (now_ns + 1, {"main": b"b"})]

    monkeypatch.setattr(clips, "recent", recent)
    run = await started(lab, pilot)
    await pilot.say("moving")
    words = "The scene is unlike what it was trained on."
    await pilot.say("holding", reason="doubt", sentence=words, doubt=0.9, limit=0.6, reasoning=THOUGHT)
    await pilot.heard()
    return run, await HelpRequest.objects.select_related("run__task", "run__robot").aget(run=run)


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


# -- ending --------------------------------------------------------------------------------------------


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


def test_reports_carry_only_what_the_protocol_knows() -> None:
    """What a trace keeps can be read as the message again."""
    from protocol.runs import RunReport

    report = RunReport(run="a" * 32, fence=1, n=3, time_ns=4, phase="holding", reason="doubt", doubt=0.5, reasoning=THOUGHT)
    known = json.loads(traces.line(report))
    del known["heard_ns"]
    assert msgspec.convert(known, RunReport) == report
