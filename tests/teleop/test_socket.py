"""The cockpit's socket: credentials that stay fresh, robots whose key is in doubt."""

from __future__ import annotations

from typing import Any

import pytest

from fleet.models import Robot
from fleet.robots import roster
from protocol import teleop
from teleop import ice
from tests.fleet.conftest import Lab
from tests.fleet.rig import RobotProgram, Socket, sign_in

pytestmark = pytest.mark.django_db(transaction=True)

SDP = "v=0\r\na=fingerprint:sha-256 " + ":".join(["AB"] * 32) + "\r\n"


async def cockpit(lab: Lab, role: str = "operator") -> Socket:
    page = Socket(f"/ws/teleop/{lab.robot.pk}/", await sign_in(lab.people[role]))
    assert (await page.open())[0]
    return page


async def test_a_page_that_stays_open_is_handed_new_relay_credentials(
    lab: Lab, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REINS_ICE_SERVERS, settings.REINS_TURN_SECRET = ["turn:turn.example:3478"], "secret"
    monkeypatch.setattr(ice, "FRESH_S", 1.1)
    page = await cockpit(lab)
    (first,) = (await page.hear("hello"))["ice_servers"]
    (second,) = (await page.hear("ice_servers"))["ice_servers"]
    assert int(second["username"].split(":")[0]) > int(first["username"].split(":")[0])
    assert second["credential"] != first["credential"]
    await page.leave()


async def test_a_robot_whose_key_is_in_doubt_is_offered_no_connection(lab: Lab) -> None:
    program = RobotProgram(lab.robot, lab.key)
    await program.log_in()
    await program.report()
    page = await cockpit(lab)
    while not (await page.hear("robot_now"))["online"]:
        pass
    await Robot.objects.filter(pk=lab.robot.pk).aupdate(held_reason="This robot's key is in use twice.")
    roster.forget()
    await program.hear("held")
    await program.report()
    await page.tell(teleop.Offer(id="offer-1", sdp=SDP))
    refused = await page.hear("refused")
    assert (refused["id"], refused["code"]) == ("offer-1", "robot_held")
    assert "Administrators release it" in refused["sentence"]
    with pytest.raises(TimeoutError):
        await program.hear("offer", within_s=0.5)
    await page.leave()
