"""Requests for help and orders while people, robots and the server get in each other's way.  Rows and reports, no sockets."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.utils import timezone

from dispatch import orders
from dispatch.models import HelpRequest, Run
from dispatch.services import help as helping
from dispatch.services import reports, runs
from fleet.models import Person
from protocol.errors import Refused
from protocol.runs import RunReport
from protocol.state import RobotState
from tests.dispatch.rig import row_of
from tests.fleet.conftest import Lab

pytestmark = pytest.mark.django_db(transaction=True)


def say(run: Run, phase: Any, n: int, reason: str = "", **more: Any) -> None:
    reports.take(run.pk, RunReport(run=run.pk, fence=run.fence, n=n, time_ns=n, phase=phase, reason=reason, **more))
    run.refresh_from_db()


def asking(lab: Lab) -> tuple[Run, HelpRequest]:
    run = row_of(lab, lab.people["operator"])
    say(run, "moving", 1)
    say(run, "holding", 2, "doubt")
    return run, HelpRequest.objects.get(run=run)


def test_a_hold_that_is_said_again_takes_a_request_from_nobody(lab: Lab) -> None:
    """As after a restart of the server, or when a late chunk is a second reason to hold."""
    run, request = asking(lab)
    helping.take(request, request.version, lab.people["operator"])
    for n, reason in ((3, "doubt"), (4, "server_lost"), (5, "starved")):
        say(run, "holding", n, reason)
        request.refresh_from_db()
        assert (request.state, request.taken_by, request.answer) == ("taken", lab.people["operator"], "")


def test_a_takeover_that_ends_without_handing_back_lets_it_wait_again(lab: Lab) -> None:
    run, request = asking(lab)
    say(run, "taken", 3)
    say(run, "holding", 4, "released")
    request.refresh_from_db()
    assert (request.state, request.answer) == ("open", "took_over")


LOST = ("server_lost", "deadman", "video_stale", "body_lost", "boot", "key_held")


@pytest.mark.parametrize("reason", LOST)
def test_a_hold_that_only_a_person_ends_calls_one(lab: Lab, monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    """As after a gap in the network that stopped a whole fleet."""
    run = row_of(lab, lab.people["operator"])
    say(run, "moving", 1)
    say(run, "holding", 2, reason, sentence="The server did not renew the lease.")
    request = HelpRequest.objects.get(run=run)
    assert (request.state, request.reason, request.sentence) == ("open", reason, "The server did not renew the lease.")
    ready(monkeypatch)
    helping.go_on(request, request.version, lab.people["operator"])
    assert Run.objects.get(pk=run.pk).order_detail == {"doubt_off_s": 0.0}
    say(run, "holding", 3, "resuming")
    say(run, "moving", 4)
    request.refresh_from_db()
    assert (request.state, request.answer) == ("answered", "go_on")


@pytest.mark.parametrize("reason", ["released", "stopped", "remote_motion_off", "starved", "server_away"])
def test_where_a_person_is_at_it_or_it_goes_on_by_itself_nobody_is_called(lab: Lab, reason: str) -> None:
    run = row_of(lab, lab.people["operator"])
    say(run, "moving", 1)
    say(run, "taken", 2)
    say(run, "holding", 3, reason)
    assert not HelpRequest.objects.exists()


def test_who_drove_and_lost_the_line_is_followed_by_somebody(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where they hand it back a moment later: then nobody is called twice, and going on is still said."""
    run, request = asking(lab)
    say(run, "taken", 3)
    say(run, "holding", 4, "deadman")
    request.refresh_from_db()
    assert (request.state, request.answer, request.taken_by) == ("open", "took_over", None)
    say(run, "taken", 5)
    hand_back(run, lab.people["operator"], monkeypatch)
    say(run, "holding", 6, "server_lost")
    request.refresh_from_db()
    assert (request.state, run.order, HelpRequest.objects.count()) == ("taken", "resume", 1)


def ready(monkeypatch: pytest.MonkeyPatch) -> None:
    robot = RobotState(mode="SAFE_HOLD", reason="RELEASED", nonce="n-1")
    monkeypatch.setattr(orders, "states", lambda ids: dict.fromkeys(ids, robot))


def hand_back(run: Run, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the cockpit does once nobody drives any more."""
    ready(monkeypatch)
    runs.resume(run, person, 5.0)


def test_a_hand_back_leaves_nobody_to_be_called_while_the_policy_takes_up_again(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, request = asking(lab)
    say(run, "taken", 3)
    say(run, "holding", 4, "released")
    hand_back(run, lab.people["operator"], monkeypatch)
    request.refresh_from_db()
    assert (request.state, request.taken_by, request.answer) == ("taken", lab.people["operator"], "took_over")
    say(run, "holding", 5, "resuming")
    say(run, "moving", 6)
    request.refresh_from_db()
    assert (request.state, request.answer) == ("answered", "took_over")


def test_a_word_that_was_under_way_while_it_was_handed_back_calls_nobody(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The robot's state and its word on the run come from two programs: the second may be the later one."""
    run, request = asking(lab)
    helping.take(request, request.version, lab.people["operator"])
    say(run, "taken", 3)
    hand_back(run, lab.people["operator"], monkeypatch)
    say(run, "holding", 4, "released")
    request.refresh_from_db()
    assert (request.state, run.order) == ("taken", "resume")
    say(run, "moving", 5)
    request.refresh_from_db()
    assert (request.state, request.answer) == ("answered", "took_over")


@pytest.mark.parametrize("words", [[("holding", "released")], []])
def test_what_was_handed_back_and_does_not_go_on_calls_somebody(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, words: list[tuple[str, str]]
) -> None:
    run, request = asking(lab)
    helping.take(request, request.version, lab.people["operator"])
    say(run, "taken", 3)
    if not words:
        say(run, "holding", 4, "released")
    hand_back(run, lab.people["operator"], monkeypatch)
    for n, (phase, reason) in enumerate(words, 4):
        say(run, phase, n, reason)
    Run.objects.filter(pk=run.pk).update(ordered_at=timezone.now() - orders.RESUME_FOR - datetime.timedelta(seconds=1))
    runs.take_back(run.pk)
    request.refresh_from_db()
    assert (request.state, request.taken_by, request.answer) == ("open", None, "took_over")


def test_of_two_who_answer_at_once_one_is_heard(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    run, request = asking(lab)
    other = HelpRequest.objects.select_related("run__robot", "run__task").get(pk=request.pk)
    checked = helping._check

    def slow(row: HelpRequest, version: int) -> None:
        checked(row, version)
        monkeypatch.setattr(helping, "_check", checked)
        helping.end(other, version, lab.people["engineer"], "failure")

    monkeypatch.setattr(helping, "_check", slow)
    monkeypatch.setattr(runs, "resume", lambda *about: run.ask("resume", about[1], {}))
    with pytest.raises(Refused) as caught:
        helping.go_on(request, request.version, lab.people["operator"], 5.0)
    run.refresh_from_db()
    assert (caught.value.code, run.order) == ("help_closed", "end")


def test_an_end_of_what_never_began_is_over_when_nobody_answers(lab: Lab) -> None:
    run = row_of(lab, lab.people["operator"])
    run.ask("end", lab.people["operator"], {"result": "cancelled", "reason": ""})
    runs.take_back_unanswered()
    run.refresh_from_db()
    assert run.phase == "ordered", "it may still answer"
    Run.objects.filter(pk=run.pk).update(ordered_at=timezone.now() - orders.START_FOR - datetime.timedelta(seconds=1))
    assert runs.take_back_unanswered() == 1
    run.refresh_from_db()
    run.task.refresh_from_db()
    assert (run.phase, run.result, run.order, run.task.state) == ("ended", "cancelled", "end", "cancelled")
    assert row_of(lab, lab.people["operator"]).fence == 2, "the robot is free for another"
