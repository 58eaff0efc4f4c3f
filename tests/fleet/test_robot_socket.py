"""How a robot logs in, is told apart from its twin, is held, revoked, and what it may say.

Numbers are rows of the bad-input matrix.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec
import pytest
import redis.exceptions
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.utils import timezone

from fleet import relay, robot_socket, robots
from fleet.live import live
from fleet.models import AuditEntry, Membership, Person, Robot, Site
from protocol import robot_link
from tests.fleet.conftest import Lab
from tests.fleet.rig import RobotProgram, embodiment, make_robot

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The same rules with shorter waits."""
    for name, seconds in (("LOOK_S", 0.05), ("IN_FLIGHT_S", 0.05), ("AGAIN_S", 0.1), ("TWIN_S", 0.6), ("NEW_S", 0.2)):
        monkeypatch.setattr(robot_socket, name, seconds)
    monkeypatch.setattr(robots.roster, "_every_s", 0.05)
    yield


@contextlib.asynccontextmanager
async def speaking(*programs: RobotProgram) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(program.speak()) for program in programs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()


async def row(lab: Lab) -> Robot:
    return await Robot.objects.aget(pk=lab.robot.pk)


async def acts() -> list[str]:
    return [entry.act async for entry in AuditEntry.objects.order_by("number")]


async def test_a_robot_logs_in_by_signing_the_challenge(lab: Lab) -> None:
    program = RobotProgram(lab.robot, lab.key)
    welcome = await program.log_in()
    assert welcome["log_from"] == 1
    assert abs(welcome["time_ns"] - time.time_ns()) < 60e9
    await program.leave()
    assert (await row(lab)).last_seen is not None


async def test_log_in_keeps_the_version_of_the_program(lab: Lab) -> None:
    program = RobotProgram(lab.robot, lab.key)
    await program.knock(program="0.2.0")
    await program.hear("welcome")
    assert (await row(lab)).program == "0.2.0"
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


async def test_row_45_one_key_live_twice_holds_both_until_one_is_left_and_released(lab: Lab) -> None:
    original, clone = RobotProgram(lab.robot, lab.key), RobotProgram(lab.robot, lab.key)
    await original.log_in()
    async with speaking(original):
        await clone.log_in()
        async with speaking(clone):
            await asyncio.gather(original.hear("held"), clone.hear("held"))
            assert "twice" in (await row(lab)).held_reason
            assert "held" in await acts()
            # released while both still speak: they are found again
            await sync_to_async(robots.release)(lab.people["admin"], await row(lab))
            await asyncio.gather(original.hear("held"), clone.hear("held"))
        await clone.leave()
        await sync_to_async(robots.release)(lab.people["admin"], await Robot.objects.select_related("site").aget(pk=lab.robot.pk))
        await original.hear("welcome")
    assert (await row(lab)).held_reason == ""
    await original.leave()


async def test_one_key_that_logs_in_twice_at_the_same_moment_is_found(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is announced only when both are ready to be: whoever is not listening by then never hears of the other."""
    layer = type(get_channel_layer())
    send, both = layer.group_send, asyncio.Barrier(2)

    async def at_once(self: Any, group: str, event: dict[str, Any]) -> None:
        if event["type"] == "twin.arrived":
            await asyncio.wait_for(both.wait(), 5)
        await send(self, group, event)

    monkeypatch.setattr(layer, "group_send", at_once)
    one, other = RobotProgram(lab.robot, lab.key), RobotProgram(lab.robot, lab.key)
    await asyncio.gather(one.log_in(), other.log_in())
    async with speaking(one), speaking(other):
        await asyncio.gather(one.hear("held"), other.hear("held"))
    await one.leave()
    await other.leave()


async def test_a_twin_that_logged_in_without_redis_is_found_when_it_returns(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = type(get_channel_layer())
    send, add = layer.group_send, layer.group_add
    away = True

    async def group_send(self: Any, group: str, event: dict[str, Any]) -> None:
        if away:
            raise redis.exceptions.ConnectionError("away")
        await send(self, group, event)

    async def group_add(self: Any, group: str, channel: str) -> None:
        if away:
            raise redis.exceptions.ConnectionError("away")
        await add(self, group, channel)

    monkeypatch.setattr(layer, "group_send", group_send)
    monkeypatch.setattr(layer, "group_add", group_add)
    one, other = RobotProgram(lab.robot, lab.key), RobotProgram(lab.robot, lab.key)
    await one.log_in()
    await other.log_in()
    away = False
    async with speaking(one), speaking(other):
        await asyncio.gather(one.hear("held"), other.hear("held"))
    await one.leave()
    await other.leave()


async def test_who_logs_in_with_a_stolen_key_again_and_again_is_found_all_the_same(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More often than it takes to tell two robots from one that has come again."""
    monkeypatch.setattr(robot_socket, "AGAIN_S", 0.5)
    original = RobotProgram(lab.robot, lab.key)
    await original.log_in()

    async def steal() -> None:
        while True:
            thief = RobotProgram(lab.robot, lab.key)
            await thief.knock()
            await asyncio.sleep(0.1)
            await thief.leave()

    thief = asyncio.create_task(steal())
    async with speaking(original):
        await original.hear("held", 8)
    thief.cancel()
    await original.leave()


async def test_a_held_robot_that_logs_in_hears_that_it_is_held_and_may_not_write_its_log(lab: Lab) -> None:
    await Robot.objects.filter(pk=lab.robot.pk).aupdate(held_reason="looked at")
    program = RobotProgram(lab.robot, lab.key)
    await program.knock()
    assert (await program.hear("held"))["sentence"] == "looked at"
    await program.tell(robot_link.Log(entries=(robot_link.LogEntry(n=1, time_ns=1, event="granted"),)))
    assert (await program.hear("refused"))["code"] == "held"
    await program.leave()


async def test_a_half_open_connection_is_replaced_and_nobody_is_held(lab: Lab) -> None:
    """The older connection of a robot whose network broke never speaks again."""
    old, new = RobotProgram(lab.robot, lab.key), RobotProgram(lab.robot, lab.key)
    await old.log_in()
    await new.log_in()
    async with speaking(new):
        assert (await old.closing())["reason"] == "replaced"
    assert (await row(lab)).held_reason == ""
    await new.leave()


async def test_what_a_broken_link_kept_back_is_no_second_robot(lab: Lab) -> None:
    """One late burst on the older connection, then silence."""
    old, new = RobotProgram(lab.robot, lab.key), RobotProgram(lab.robot, lab.key)
    await old.log_in()
    await new.log_in()
    await asyncio.sleep(0.15)
    for _ in range(5):
        await old.report()
    assert (await old.closing())["reason"] == "replaced"
    assert (await row(lab)).held_reason == ""
    await new.leave()


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


async def test_the_log_is_chained_once_and_in_order(lab: Lab) -> None:
    program = RobotProgram(lab.robot, lab.key)
    await program.log_in()
    person = lab.people["operator"]
    entries = [robot_link.LogEntry(n=n, time_ns=n, event=f"event {n}", actor=person.uid, reason="why") for n in (1, 2, 3)]
    await program.tell(robot_link.Log(entries=(entries[1], entries[0])))
    assert (await program.hear("log_ack"))["through"] == 2
    await program.tell(robot_link.Log(entries=tuple(entries)))  # an answer was lost, so all are sent again
    assert (await program.hear("log_ack"))["through"] == 3
    kept = [entry async for entry in AuditEntry.objects.order_by("number")]
    assert [entry.act for entry in kept] == ["event 1", "event 2", "event 3"]
    assert {entry.actor for entry in kept} == {"operator"}
    assert kept[0].detail["reason"] == "why" and kept[0].organisation_id == lab.organisation.pk
    await program.leave()
    again = RobotProgram(lab.robot, lab.key)
    assert (await again.log_in())["log_from"] == 4
    await again.leave()


@pytest.mark.parametrize("who", ["of another organisation", "of another site", "of no organisation", "nonsense"])
async def test_a_robot_speaks_for_nobody_who_has_no_role_where_it_stands(lab: Lab, who: str) -> None:
    person = lab.outsider
    if who == "of another site":
        east = await Site.objects.acreate(organisation=lab.organisation, name="East")
        person = lab.people["operator"]
        await Membership.objects.filter(person=person).aupdate(site=east)
    elif who == "of no organisation":
        person = await Person.objects.acreate(username="nobody")
    actor = "\0" * 32 if who == "nonsense" else person.uid
    program = RobotProgram(lab.robot, lab.key)
    await program.log_in()
    await program.tell(robot_link.Log(entries=(robot_link.LogEntry(n=1, time_ns=1, event="granted", actor=actor),)))
    await program.hear("log_ack")
    entry = await AuditEntry.objects.aget(act="granted")
    assert entry.actor == f"robot kestrel-1: {'' if who == 'nonsense' else actor}"
    await program.leave()


async def test_a_robot_names_who_has_a_role_at_its_own_site(lab: Lab) -> None:
    await Membership.objects.filter(person=lab.people["operator"]).aupdate(site=lab.site)
    program = RobotProgram(lab.robot, lab.key)
    await program.log_in()
    entry = robot_link.LogEntry(n=1, time_ns=1, event="granted", actor=lab.people["operator"].uid)
    await program.tell(robot_link.Log(entries=(entry,)))
    await program.hear("log_ack")
    assert (await AuditEntry.objects.aget(act="granted")).actor == "operator"
    await program.leave()


async def test_a_gap_in_the_log_is_itself_an_entry(lab: Lab) -> None:
    program = RobotProgram(lab.robot, lab.key)
    await program.log_in()
    await program.tell(robot_link.Log(entries=(robot_link.LogEntry(n=4, time_ns=1, event="late"),)))
    await program.hear("log_ack")
    gap = await AuditEntry.objects.aget(act="log gap")
    assert (gap.detail["from"], gap.detail["to"]) == (1, 3)
    await program.leave()


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
