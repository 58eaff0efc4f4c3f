"""What a robot says of its run becomes rows and a trace, whatever comes twice, late, too long or from another."""

from __future__ import annotations

import asyncio
import errno
import json
import threading
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock, Mock

import msgspec
import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError

from dispatch import newest, places, robots, traces
from dispatch.models import HelpRequest, Run
from dispatch.services import help as helping
from dispatch.services import reports
from fleet.models import AuditEntry, Robot
from tests.dispatch.rig import THOUGHT, Pilot, doubting, kept, started
from tests.fleet.conftest import Lab

pytestmark = pytest.mark.django_db(transaction=True)


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


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EACCES])
async def test_a_disk_that_cannot_be_read_costs_no_word(
    lab: Lab, pilot: Pilot, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    run = await started(lab, pilot)
    robots.forget()
    monkeypatch.setattr(traces, "last", Mock(side_effect=OSError(number, "")))
    await pilot.say("moving")
    await pilot.say("holding", reason="doubt")
    await pilot.heard()
    assert ((await kept(run)).phase, await HelpRequest.objects.filter(run=run).acount()) == ("holding", 1)


async def test_where_the_trace_begins_is_read_while_others_are_served(
    lab: Lab, pilot: Pilot, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    began_ns = traces.began_ns
    monkeypatch.setattr(traces, "began_ns", lambda path: read.append(threading.get_ident()) or began_ns(path))
    await doubting(lab, pilot, monkeypatch)
    assert read and threading.get_ident() not in read


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


async def test_a_robot_is_told_to_end_a_run_that_nobody_here_knows(lab: Lab, pilot: Pilot) -> None:
    """As after a restore of the database: else it would stand in it for ever, and be busy for every other."""
    pilot.order = {"run": "f" * 32, "fence": 57}
    await pilot.say("holding", reason="revoked")
    told = await pilot.hear("run_end")
    assert (told["run"], told["fence"], told["result"], told["reason"]) == ("f" * 32, 57, "interrupted", "run_unknown")
    await pilot.say("ended", result="interrupted")
    assert (await pilot.hear("run_noted"))["run"] == "f" * 32


async def test_ever_new_runs_that_are_not_its_own_do_not_fill_the_audit(lab: Lab, pilot: Pilot) -> None:
    await started(lab, pilot)
    for number in range(robots.STRANGERS + 5):
        pilot.order = {"run": f"{number:032x}", "fence": 1}
        await pilot.say("moving")
    await pilot.heard()
    assert await AuditEntry.objects.filter(act="run_report_fenced").acount() == robots.STRANGERS


def test_reports_carry_only_what_the_protocol_knows() -> None:
    """What a trace keeps can be read as the message again."""
    from protocol.runs import RunReport

    report = RunReport(run="a" * 32, fence=1, n=3, time_ns=4, phase="holding", reason="doubt", doubt=0.5, reasoning=THOUGHT)
    known = json.loads(traces.line(report))
    del known["heard_ns"]
    assert msgspec.convert(known, RunReport) == report
