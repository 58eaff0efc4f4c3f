"""How two robots with one key are found and held, and what is no second robot."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis.exceptions
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer

from fleet import robot_socket, robots
from fleet.models import AuditEntry, Robot
from protocol import robot_link
from tests.fleet.conftest import Lab
from tests.fleet.rig import RobotProgram, as_kept

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("quick")]


@contextlib.asynccontextmanager
async def speaking(*programs: RobotProgram) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(program.speak()) for program in programs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()


async def acts() -> list[str]:
    return [entry.act async for entry in AuditEntry.objects.order_by("number")]


async def test_row_45_one_key_live_twice_holds_both_until_one_is_left_and_released(lab: Lab) -> None:
    original, clone = RobotProgram(lab.robot, lab.key), RobotProgram(lab.robot, lab.key)
    await original.log_in()
    async with speaking(original):
        await clone.log_in()
        async with speaking(clone):
            await asyncio.gather(original.hear("held"), clone.hear("held"))
            assert "twice" in (await as_kept(lab.robot)).held_reason
            assert "held" in await acts()
            # released while both still speak: they are found again
            await sync_to_async(robots.release)(lab.people["admin"], await as_kept(lab.robot))
            await asyncio.gather(original.hear("held"), clone.hear("held"))
        await clone.leave()
        await sync_to_async(robots.release)(lab.people["admin"], await Robot.objects.select_related("site").aget(pk=lab.robot.pk))
        await original.hear("welcome")
    assert (await as_kept(lab.robot)).held_reason == ""
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
        await original.hear("held", 30)
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
    assert (await as_kept(lab.robot)).held_reason == ""
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
    assert (await as_kept(lab.robot)).held_reason == ""
    await new.leave()
