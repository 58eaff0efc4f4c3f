"""Rights that end while somebody watches or drives: the socket closes, the lease is revoked, within a second."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.sessions.models import Session

from fleet import access, keys, sessions, socket
from fleet.models import Membership, Robot
from protocol import live as live_words
from protocol import robot_link, teleop
from protocol.permit import RENEW_S, Renewal, Signed
from robot.kernel.permits import ServerKey
from robot.link.server import REPORT_LEASED_S, ReportPace
from teleop.models import ControlSession
from tests.fleet.conftest import Lab
from tests.fleet.rig import RobotProgram, Socket, fleet_page, sign_in
from tests.fleet.rig import state as robot_state
from tests.matrix.test_sockets import PRINT, lease

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_is_read_again_and_how_often_fits_in_a_second() -> None:
    """With the shipped times: the oldest answer a socket or a renewal may rest on."""
    assert access.access._rights._every_s + socket.WATCH_S <= 0.9
    assert sessions.REFRESH_S + socket.WATCH_S <= 0.9
    assert access.access._rights._every_s + REPORT_LEASED_S <= 0.9
    assert REPORT_LEASED_S < RENEW_S


def test_a_robot_whose_arm_rests_under_a_lease_reports_so_often() -> None:
    pace, resting = ReportPace(), robot_state(lease=lease("p"), mode="TELEOP", time_ns=0)
    pace.sent(resting, 0.0)
    assert not pace.due(resting, REPORT_LEASED_S - 0.01)
    assert pace.due(resting, REPORT_LEASED_S)


# -- what can end ------------------------------------------------------------------------------------


async def signed_out_elsewhere(lab: Lab) -> None:
    await Session.objects.all().adelete()


async def new_password(lab: Lab) -> None:
    person = lab.people["operator"]
    await sync_to_async(person.set_password)("another horse")
    await person.asave()


async def deactivated(lab: Lab) -> None:
    lab.people["operator"].is_active = False
    await lab.people["operator"].asave()


async def role_lost(lab: Lab) -> None:
    await Membership.objects.filter(person=lab.people["operator"]).adelete()


async def moved_to_another_site(lab: Lab) -> None:
    await Robot.objects.filter(pk=lab.robot.pk).aupdate(site=lab.foreign.site)


async def made_a_viewer(lab: Lab) -> None:
    await Membership.objects.filter(person=lab.people["operator"]).aupdate(role="viewer")


Ending = Callable[[Lab], Awaitable[None]]
OF_THE_SESSION: list[Ending] = [signed_out_elsewhere, new_password, deactivated]
OF_THE_RIGHT_TO_SEE: list[Ending] = [role_lost, moved_to_another_site]
OF_THE_RIGHT_TO_DRIVE: list[Ending] = [deactivated, role_lost, moved_to_another_site, made_a_viewer]


async def cockpit(lab: Lab) -> Socket:
    page = Socket(f"/ws/teleop/{lab.robot.pk}/", await sign_in(lab.people["operator"]))
    await page.open()
    await page.hear("hello")
    return page


@pytest.mark.parametrize("end", [*OF_THE_SESSION, *OF_THE_RIGHT_TO_SEE])
async def test_row_23_the_cockpit_closes_by_itself(lab: Lab, end: Ending) -> None:
    page = await cockpit(lab)
    await end(lab)
    assert await page.closed() == 4403


@pytest.mark.parametrize("end", OF_THE_SESSION)
async def test_row_23_the_list_closes_by_itself(lab: Lab, end: Ending) -> None:
    page = await fleet_page(lab.people["operator"])
    await page.hear("rows")
    await end(lab)
    assert await page.closed() == 4403


async def test_row_23_without_the_right_to_see_it_a_robot_leaves_the_list(lab: Lab) -> None:
    page = await fleet_page(lab.people["operator"])
    first = await page.hear("rows")
    await page.tell(live_words.Ack(n=first["n"]))
    await role_lost(lab)
    assert (await page.hear("rows"))["gone"] == [lab.robot.pk]
    await page.leave()


async def test_row_23_a_message_after_the_end_is_not_obeyed(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "WATCH_S", 60.0)
    page = await cockpit(lab)
    await signed_out_elsewhere(lab)
    sessions.sessions.forget()
    await page.tell(teleop.StopRequest(id="1"))
    assert await page.closed() == 4403


# -- the lease -----------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def driven(lab: Lab) -> AsyncIterator[RobotProgram]:
    """The robot reports, as often as it does, that the operator holds its lease."""
    program = RobotProgram(lab.robot, lab.key)
    await program.log_in()
    await ControlSession.objects.acreate(robot=lab.robot, person=lab.people["operator"], fingerprint=PRINT)

    async def report() -> None:
        while True:
            await program.report(mode="TELEOP", reason="GRANTED", nonce="n", lease=lease(lab.people["operator"].uid))
            await asyncio.sleep(REPORT_LEASED_S)

    task = asyncio.create_task(report())
    try:
        yield program
    finally:
        task.cancel()
        await program.leave()


async def renewal(lab: Lab, program: RobotProgram) -> Renewal:
    """The next one, as the robot's kernel reads it."""
    signed = (await program.hear("renew"))["renewal"]
    return ServerKey(keys.public_key(), lab.robot.pk).renewal(Signed(**signed))


@pytest.mark.parametrize("end", OF_THE_RIGHT_TO_DRIVE)
async def test_a_lease_is_revoked_when_its_holder_may_no_longer_drive(lab: Lab, end: Ending) -> None:
    async with driven(lab) as program:
        first = await renewal(lab, program)
        assert (first.epoch, first.seq, first.revoke) == (1, 2, False)
        await end(lab)
        counters = [first.counter]
        while not (later := await renewal(lab, program)).revoke:
            counters.append(later.counter)
        assert (later.epoch, later.seq, later.reason) == (1, 2, "rights_revoked")
        assert sorted({*counters, later.counter}) == [*counters, later.counter]
        assert len(counters) <= 3  # a renewal each second; the lost right is felt before the third


async def test_a_lease_of_somebody_unknown_is_revoked_at_once(lab: Lab) -> None:
    program = RobotProgram(lab.robot, lab.key)
    await program.log_in()
    await program.report(mode="TELEOP", reason="GRANTED", lease=lease("somebody"))
    assert (await renewal(lab, program)).revoke
    await program.leave()


async def test_a_held_robots_lease_is_not_renewed(lab: Lab) -> None:
    await Robot.objects.filter(pk=lab.robot.pk).aupdate(held_reason="looked at")
    program = RobotProgram(lab.robot, lab.key)
    await program.knock()
    await program.hear("held")
    for _ in range(3):
        await program.report(mode="TELEOP", reason="GRANTED", lease=lease(lab.people["operator"].uid))
    await program.tell(robot_link.TokenRequest(id="last"))
    said: list[dict[str, Any]] = [{"type": ""}]
    while said[-1]["type"] != "refused":
        said.append(json.loads((await program.wire.receive_output(5))["text"]))
    assert said[-1]["code"] == "held"
    assert "renew" not in {message["type"] for message in said}
    await program.leave()
