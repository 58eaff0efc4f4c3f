"""A connection to a robot ends with the page it belongs to: by every way a socket can go, and not a moment too early."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator

import pytest
from django.contrib.sessions.models import Session

from fleet import keys
from fleet.models import Membership
from protocol import teleop
from protocol.permit import Renewal, Signed
from robot.kernel.permits import ServerKey
from teleop import presence
from teleop.leases import Renewals
from teleop.models import ControlSession
from teleop.presence import GAP_S, LOOK_S, PATIENCE_S, Missing
from tests.fleet.conftest import Lab
from tests.fleet.rig import RobotProgram, Socket
from tests.matrix.test_sockets import PRINT, cockpit, connected, lease, program

__all__ = ["program"]
LOST = 1006  # the code of a socket whose line is gone


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"KEPT_S": 1, "PATIENCE_S": 0.5, "LOOK_S": 0.1}.items():
        monkeypatch.setattr(presence, name, value)


@contextlib.asynccontextmanager
async def speaking(robot: RobotProgram, **fields: object) -> AsyncIterator[None]:
    async def speak() -> None:
        while True:
            await robot.report(nonce="n-1", **fields)
            await asyncio.sleep(0.1)

    task = asyncio.create_task(speak())
    try:
        yield
    finally:
        task.cancel()


async def not_ended(robot: RobotProgram, for_s: float) -> None:
    """The robot is told of no end for so long.  (A time-out while hearing would end the robot's socket.)"""
    end_s = time.monotonic() + for_s
    while (left_s := end_s - time.monotonic()) > 0:
        with contextlib.suppress(TimeoutError):
            event = await asyncio.wait_for(robot.wire.output_queue.get(), left_s)
            assert json.loads(event["text"])["type"] != "end_session"


async def open_session() -> ControlSession:
    return await ControlSession.objects.aget(ended_at=None)


async def lost(page: Socket) -> None:
    await page.wire.disconnect(code=LOST, timeout=5)


# -- the socket is closed ----------------------------------------------------------------------------


@pytest.mark.parametrize("code", [4400, 4401, 4403, 4404, 4408, 4429, 4500])
async def test_whoever_is_told_to_go_loses_the_connection_to_the_robot(
    lab: Lab, program: RobotProgram, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the page never answers the close, so that the socket ends with 1006."""
    page = await connected(lab, program, "viewer")
    session = (await open_session()).pk.hex
    if code == 4429:
        monkeypatch.setattr("fleet.limits.Rate.take", lambda self, now_s: False)
        await page.tell(teleop.Ack(n=1))
    elif code == 4408:
        monkeypatch.setattr("fleet.limits.Window.stuck", lambda self, now_s: True)
    else:
        monkeypatch.setattr("fleet.limits.Window.stuck", lambda self, now_s: 1 / 0 if code == 4500 else False)
        if code in (4401, 4403):
            await Session.objects.all().adelete()
        elif code in (4400, 4404):
            await page.wire.send_to(bytes_data=b"x")
    ended = await program.hear("end_session")
    assert (ended["session"], ended["reason"]) == (session, "not_allowed")
    await lost(page)
    assert not await ControlSession.objects.filter(ended_at=None).aexists()


async def test_row_a_viewer_who_never_acknowledges_is_cut_off_from_the_pictures_too(lab: Lab, program: RobotProgram) -> None:
    page = await connected(lab, program, "viewer")
    page_closes = asyncio.create_task(page.closing(25))
    async with speaking(program):
        for n in range(5):  # news that the page does not acknowledge
            await program.report(nonce=f"n-{n}")
        ended = await program.hear("end_session", 20)
    assert ended["reason"] == "not_allowed"
    assert (await page_closes)["code"] == 4408


async def test_a_lost_socket_leaves_the_connection_alone_at_first(lab: Lab, program: RobotProgram) -> None:
    page = await connected(lab, program, "viewer")
    await lost(page)
    async with speaking(program):
        await not_ended(program, 1.0)
    assert await ControlSession.objects.filter(ended_at=None).aexists()


# -- nobody speaks for it any more -------------------------------------------------------------------


@pytest.mark.usefixtures("impatient")
async def test_a_connection_whose_page_never_comes_back_ends(lab: Lab, program: RobotProgram) -> None:
    """Whatever the person does next: here they have lost their role, and before that their line."""
    page = await connected(lab, program, "operator")
    session = (await open_session()).pk.hex
    await lost(page)
    await Membership.objects.filter(person=lab.people["operator"]).adelete()
    async with speaking(program):
        ended = await program.hear("end_session", 10)
    assert (ended["session"], ended["reason"]) == (session, "page_gone")
    assert (await ControlSession.objects.aget()).end_reason in ("", "page_gone")


@pytest.mark.usefixtures("impatient")
async def test_a_new_socket_alone_does_not_keep_the_old_connection(lab: Lab, program: RobotProgram) -> None:
    page = await connected(lab, program, "operator")
    await lost(page)
    again = await cockpit(lab, "operator")
    async with speaking(program):
        assert (await program.hear("end_session", 10))["reason"] == "page_gone"
    await again.leave()


@pytest.mark.usefixtures("impatient")
async def test_a_page_that_is_there_keeps_its_connection(lab: Lab, program: RobotProgram) -> None:
    page = await connected(lab, program, "operator")
    async with speaking(program):
        await not_ended(program, 4.0)
    await page.leave()


async def test_a_robot_with_more_peers_than_it_should_is_told_again_which_are_over(lab: Lab, program: RobotProgram) -> None:
    """An end that was lost on the way, with the line or with Redis."""
    page = await connected(lab, program, "viewer")
    session = await open_session()
    await lost(page)
    await ControlSession.objects.filter(pk=session.pk).aupdate(ended_at=session.started_at, end_reason="page_left")
    async with speaking(program, watchers=1):
        assert (await program.hear("end_session", 5))["session"] == session.pk.hex


def test_what_is_missing_ends_after_its_patience_and_not_before() -> None:
    missing = Missing()
    assert missing.due("r", 0.0)
    assert missing.look("r", ["a"], 0.0) == set()
    assert not missing.due("r", LOOK_S - 0.01)
    for second in range(1, int(PATIENCE_S)):
        assert missing.look("r", ["a"], float(second)) == set()
    assert missing.look("r", ["a", "b"], PATIENCE_S) == {"a"}


def test_a_word_in_between_begins_the_patience_again() -> None:
    missing = Missing()
    for second in range(5):
        missing.look("r", ["a"], float(second))
    missing.look("r", [], 5.0)
    assert missing.look("r", ["a"], 6.0) == set()
    assert missing.look("other", ["a"], 9.0) == set()


def test_while_nobody_could_be_asked_nothing_comes_nearer_to_its_end() -> None:
    missing = Missing()
    missing.look("r", ["a"], 0.0)
    for second in range(1, 60):
        missing.unknown("r", float(second))
    assert missing.look("r", ["a"], 60.0) == set()
    assert missing.look("r", ["a"], 62.5) == set()
    assert missing.look("r", ["a"], 65.0) == {"a"}


def test_a_gap_in_the_looking_counts_for_nothing() -> None:
    missing = Missing()
    missing.look("r", ["a"], 0.0)
    assert missing.look("r", ["a"], GAP_S + 60.0) == set()


# -- the page comes back -----------------------------------------------------------------------------


@pytest.mark.usefixtures("impatient")
async def test_a_page_that_comes_back_goes_on_with_its_connection(lab: Lab, program: RobotProgram) -> None:
    first = await connected(lab, program, "operator")
    session = (await open_session()).pk.hex
    await lost(first)
    again = await cockpit(lab, "operator")
    await again.tell(teleop.Resume(id="1", session=session))
    async with speaking(program):
        await not_ended(program, 3.0)
    await again.tell(teleop.PermitRequest(id="2", act="drive"))
    permitted = await again.hear("permitted")
    assert ServerKey(keys.public_key(), lab.robot.pk).claim(Signed(**permitted["permit"])).fingerprint == PRINT
    await Session.objects.all().adelete()
    ended = await program.hear("end_session")
    assert (ended["session"], ended["reason"]) == (session, "not_allowed")
    assert await again.closed() == 4403


async def test_the_socket_that_was_thought_lost_ends_nothing_after_a_resume(lab: Lab, program: RobotProgram) -> None:
    first = await connected(lab, program, "operator")
    session = (await open_session()).pk.hex
    again = await cockpit(lab, "operator")
    await again.tell(teleop.Resume(id="1", session=session))
    await again.tell(teleop.PermitRequest(id="2", act="drive"))
    await again.hear("permitted")
    await asyncio.sleep(0.3)
    await first.leave()
    await not_ended(program, 0.5)
    await again.tell(teleop.Bye())
    assert (await program.hear("end_session"))["session"] == session
    await again.leave()


@pytest.mark.parametrize("whose", ["another person", "another robot", "over", "nonsense"])
async def test_only_ones_own_open_session_at_this_robot_is_resumed(lab: Lab, program: RobotProgram, whose: str) -> None:
    row = await ControlSession.objects.acreate(
        robot=lab.foreign if whose == "another robot" else lab.robot,
        person=lab.people["engineer" if whose == "another person" else "operator"],
        fingerprint=PRINT,
    )
    if whose == "over":
        await ControlSession.objects.aupdate(ended_at=row.started_at)
    page = await cockpit(lab, "operator")
    await page.tell(teleop.Resume(id="1", session="\0" if whose == "nonsense" else row.pk.hex))
    assert (await page.hear("refused"))["code"] == "session_unknown"
    await page.tell(teleop.PermitRequest(id="2", act="drive"))
    assert (await page.hear("refused"))["code"] == "no_session"
    await page.leave()


# -- the lease ---------------------------------------------------------------------------------------


async def renewal(lab: Lab, robot: RobotProgram) -> Renewal:
    signed = (await robot.hear("renew", 10))["renewal"]
    return ServerKey(keys.public_key(), lab.robot.pk).renewal(Signed(**signed))


@pytest.mark.usefixtures("impatient")
async def test_a_lease_is_not_renewed_for_somebody_who_is_signed_in_no_more(lab: Lab, program: RobotProgram) -> None:
    """The socket was lost first, so that signing out finds no socket of this connection."""
    page = await connected(lab, program, "operator")
    held = lease(lab.people["operator"].uid)
    async with speaking(program, mode="TELEOP", reason="GRANTED", lease=held):
        assert not (await renewal(lab, program)).revoke
        await lost(page)
        await Session.objects.all().adelete()
        while not (last := await renewal(lab, program)).revoke:
            pass
    assert last.reason == "page_gone"


async def test_a_lease_of_a_connection_that_is_no_session_is_revoked(lab: Lab, program: RobotProgram) -> None:
    await program.report(mode="TELEOP", reason="GRANTED", lease=lease(lab.people["operator"].uid))
    assert (await renewal(lab, program)).revoke


def test_renewals_count_up_when_the_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    renewals, times = Renewals(), iter((1000, 400, 300, 2000))
    monkeypatch.setattr("teleop.leases.time.time_ns", lambda: next(times))
    assert [renewals.counter() for _ in range(4)] == [1000, 1001, 1002, 2000]
