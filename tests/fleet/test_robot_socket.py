"""How a robot logs in and is revoked.  Numbers are rows of the bad-input matrix."""

from __future__ import annotations

import base64
import time

import msgspec
import pytest
from asgiref.sync import sync_to_async
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.utils import timezone

from fleet import robots
from fleet.models import Robot
from protocol import robot_link
from tests.fleet.conftest import Lab
from tests.fleet.rig import RobotProgram, as_kept, embodiment

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("quick")]


async def test_a_robot_logs_in_by_signing_the_challenge(lab: Lab) -> None:
    program = RobotProgram(lab.robot, lab.key)
    welcome = await program.log_in()
    assert welcome["log_from"] == 1
    assert abs(welcome["time_ns"] - time.time_ns()) < 60e9
    await program.leave()
    assert (await as_kept(lab.robot)).last_seen is not None


async def test_log_in_keeps_the_version_of_the_program(lab: Lab) -> None:
    program = RobotProgram(lab.robot, lab.key)
    await program.knock(program="0.2.0")
    await program.hear("welcome")
    assert (await as_kept(lab.robot)).program == "0.2.0"
    await program.leave()


async def test_row_44_a_signature_of_another_key_is_refused(lab: Lab) -> None:
    program = RobotProgram(lab.robot, Ed25519PrivateKey.generate())
    await program.knock()
    assert (await program.hear("refused"))["code"] == "signature_invalid"
    assert await program.closed() == 4401


async def test_row_44_a_signature_that_is_not_base64_is_refused(lab: Lab) -> None:
    program = RobotProgram(lab.robot, lab.key)
    await program.open()
    await program.tell(program.hello())
    await program.hear("challenge")
    await program.tell(robot_link.Proof(signature="not base64!"))
    assert (await program.hear("refused"))["code"] == "signature_invalid"


async def test_a_signature_cannot_be_used_on_another_connection(lab: Lab) -> None:
    first, second = RobotProgram(lab.robot, lab.key), RobotProgram(lab.robot, lab.key)
    await first.open()
    await first.tell(first.hello())
    nonce = (await first.hear("challenge"))["nonce"]
    await second.open()
    await second.tell(second.hello())
    await second.hear("challenge")
    replayed = lab.key.sign(f"reins-login-v1|{lab.robot.pk}|{nonce}".encode())
    await second.tell(robot_link.Proof(signature=base64.b64encode(replayed).decode()))
    assert (await second.hear("refused"))["code"] == "signature_invalid"


@pytest.mark.parametrize("protocol", [0, 2, 999])
async def test_row_46_a_protocol_outside_the_range_is_told_the_range(lab: Lab, protocol: int) -> None:
    program = RobotProgram(lab.robot, lab.key)
    await program.open()
    await program.tell(program.hello(protocol=protocol))
    refused = await program.hear("refused")
    assert refused["code"] == "upgrade_required"
    assert refused["detail"] == {"oldest": robot_link.OLDEST, "newest": robot_link.NEWEST}


async def test_an_unknown_robot_is_refused(lab: Lab) -> None:
    program = RobotProgram(lab.robot, lab.key)
    await program.open()
    await program.tell(program.hello(robot="0" * 32))
    assert (await program.hear("refused"))["code"] == "robot_unknown"


async def test_nothing_is_heard_before_the_log_in(lab: Lab) -> None:
    program = RobotProgram(lab.robot, lab.key)
    await program.open()
    await program.report()
    assert (await program.hear("refused"))["code"] == "log_in_first"
    assert await program.closed() == 4401


async def test_row_49_an_embodiment_with_one_name_twice_is_refused(lab: Lab) -> None:
    from tests.fleet.rig import BODY

    twice = msgspec.structs.replace(BODY, state=(*BODY.state, *BODY.state))
    program = RobotProgram(lab.robot, lab.key)
    await program.open()
    await program.tell(program.hello(embodiment=embodiment(twice)))
    assert (await program.hear("refused"))["code"] == "embodiment_invalid"


async def test_a_revoked_robot_cannot_log_in(lab: Lab) -> None:
    await Robot.objects.filter(pk=lab.robot.pk).aupdate(revoked_at=timezone.now())
    program = RobotProgram(lab.robot, lab.key)
    await program.open()
    await program.tell(program.hello())
    assert (await program.hear("refused"))["code"] == "revoked"
    assert (await program.closing())["reason"] == "revoked"


async def test_a_connected_robot_is_cut_when_it_is_revoked(lab: Lab) -> None:
    program = RobotProgram(lab.robot, lab.key)
    await program.log_in()
    await sync_to_async(robots.revoke)(lab.people["admin"], lab.robot)
    closing = await program.closing()
    assert (closing["code"], closing["reason"]) == (4403, "revoked")


async def test_a_connected_robot_is_cut_when_its_key_was_replaced(lab: Lab) -> None:
    program = RobotProgram(lab.robot, lab.key)
    await program.log_in()
    await Robot.objects.filter(pk=lab.robot.pk).aupdate(public_key="another")
    assert (await program.closing())["reason"] == "revoked"
