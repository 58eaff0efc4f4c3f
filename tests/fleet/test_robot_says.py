"""What a robot that is logged in may say, and what reaches it.  Numbers are rows of the bad-input matrix."""

from __future__ import annotations

import time

import pytest
from asgiref.sync import sync_to_async

from fleet import relay, robot_socket
from fleet.live import live
from protocol import robot_link
from tests.fleet.conftest import Lab
from tests.fleet.rig import RobotProgram, make_robot

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("quick")]


async def test_a_report_reaches_whoever_listens(lab: Lab) -> None:
    program = RobotProgram(lab.robot, lab.key)
    await program.log_in()
    listener = await live.listen([lab.robot.pk])
    await program.report(mode="TELEOP", reason="GRANTED")
    assert lab.robot.pk in await listener.changed(5.0)
    seen = live.seen(lab.robot.pk)
    assert seen.state is not None and seen.state.mode == "TELEOP" and seen.online(time.monotonic())
    await program.leave()
    while not seen.gone:
        await listener.changed(5.0)
    assert not seen.online(time.monotonic())
    listener.close()


async def test_row_47_a_report_with_a_million_numbers_is_refused(lab: Lab) -> None:
    program = RobotProgram(lab.robot, lab.key)
    await program.log_in()
    await program.report(state=tuple(float(n) for n in range(1_000_000)))
    assert (await program.hear("refused"))["code"] == "too_large"
    await program.report(state=(0.5,) * 1000)
    assert (await program.hear("refused"))["code"] == "too_many"
    await program.leave()


async def test_row_50_a_clock_that_is_off_by_days_is_noted(lab: Lab) -> None:
    program = RobotProgram(lab.robot, lab.key)
    await program.log_in()
    listener = await live.listen([lab.robot.pk])
    await program.report(time_ns=time.time_ns() + 2 * 86_400 * 10**9)
    await listener.changed(5.0)
    assert live.seen(lab.robot.pk).alert == "clock_off"
    await program.report()
    await listener.changed(5.0)
    assert live.seen(lab.robot.pk).alert == ""
    listener.close()
    await program.leave()


async def test_unknown_and_misshapen_messages_are_refused_by_name(lab: Lab) -> None:
    program = RobotProgram(lab.robot, lab.key)
    await program.log_in()
    for text, code in (
        ('{"v": 1, "type": "dance"}', "unknown_type"),
        ('{"v": 1, "type": "stop_ack"}', "invalid_field:source"),
        ('{"v": 1, "type": "stop_ack", "source": 5}', "invalid_field:source"),
        ('{"v": 1, "type": "stop_ack", "source": "x", "speed": 9}', "invalid_field:speed"),
        ('{"v": 7, "type": "stop_ack", "source": "x"}', "upgrade_required"),
        ("{", "invalid_json"),
    ):
        await program.tell(text)
        assert (await program.hear("refused"))["code"] == code
    await program.leave()


async def test_a_flood_closes_the_socket(lab: Lab) -> None:
    program = RobotProgram(lab.robot, lab.key)
    await program.log_in()
    for _ in range(600):
        await program.tell(robot_link.StopAck(source="x"))
    assert await program.closed() == 4429


async def test_others_reach_a_robot_by_its_id(lab: Lab) -> None:
    program = RobotProgram(lab.robot, lab.key)
    await program.log_in()
    await robot_socket.tell(lab.robot.pk, robot_link.StopNow(source="someone"))
    assert (await program.hear("stop_now"))["source"] == "someone"
    await program.leave()


async def test_snapshots_are_kept_and_asked_for_only_while_somebody_looks(lab: Lab) -> None:
    program = RobotProgram(lab.robot, lab.key)
    await program.log_in()
    assert (await program.hear("snapshots"))["wanted"] is False
    await relay.want_snapshots([lab.robot.pk])
    assert (await program.hear("snapshots"))["wanted"] is True
    await program.wire.send_to(bytes_data=bytes((robot_link.SNAPSHOT, 0)) + b"\xff\xd8 jpeg")
    await program.tell(robot_link.StopAck(source="in order"))
    listener = await live.listen([lab.robot.pk])
    await program.tell(robot_link.StopAck(source="in order"))
    await listener.changed(5.0)
    assert await relay.snapshot(lab.robot.pk) == b"\xff\xd8 jpeg"
    listener.close()
    await program.leave()


async def test_row_17_bytes_that_are_no_snapshot_close_the_socket(lab: Lab) -> None:
    program = RobotProgram(lab.robot, lab.key)
    await program.log_in()
    await program.wire.send_to(bytes_data=b"\x09whatever")
    assert await program.closed() == 4400


async def test_a_snapshot_over_its_limit_is_refused(lab: Lab) -> None:
    program = RobotProgram(lab.robot, lab.key)
    await program.log_in()
    await program.wire.send_to(bytes_data=bytes((robot_link.SNAPSHOT, 0)) + bytes(robot_link.SNAPSHOT_MAX + 1))
    assert (await program.hear("refused"))["code"] == "too_large"
    await program.leave()


async def test_a_robot_acts_only_for_itself(lab: Lab) -> None:
    """What one robot acknowledges says nothing about another."""
    other, key = await sync_to_async(make_robot)(lab.site, "kestrel-2")
    program = RobotProgram(other, key)
    await program.log_in()
    listener = await live.listen([other.pk, lab.robot.pk])
    await program.tell(robot_link.StopAck(source="someone"))
    await listener.changed(5.0)
    assert "someone" in live.seen(other.pk).stop_acks
    assert live.seen(lab.robot.pk).stop_acks == {}
    listener.close()
    await program.leave()
