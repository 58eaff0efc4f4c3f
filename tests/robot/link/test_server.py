"""The robot's socket to its server: log-in, refusals, reports, log, and coming back.  SAFETY rows 44 to 46 and 50."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.asyncio.server import ServerConnection

from protocol import robot_link, wire
from protocol.state import RobotState
from robot.identity import Identity
from robot.link.log import TransitionLog
from robot.link.server import ReportPace, Uplink
from robot.login import Reconnect, websocket_url
from tests.robot.link.small_server import SmallServer, refuse, until, welcome

ROBOT = "ab" * 16
HOLDING = RobotState(mode="SAFE_HOLD", reason="BOOT")


class Ears:
    def __init__(self) -> None:
        self.welcomes: list[robot_link.Welcome] = []
        self.held: list[str] = []
        self.messages: list[Any] = []

    def on_welcome(self, message: robot_link.Welcome) -> None:
        self.welcomes.append(message)

    def on_held(self, sentence: str) -> None:
        self.held.append(sentence)

    def on_message(self, message: wire.Message) -> None:
        self.messages.append(message)


class Robot:
    """An uplink with its ears, its log and its key; waits between attempts are noted, not slept."""

    def __init__(self, folder: Path) -> None:
        self.identity = Identity.create(folder)
        self.ears, self.log = Ears(), TransitionLog(folder / "log")
        self.waits: list[float] = []
        self.now_s = 0.0
        self.signer = self.identity

    def uplink(self, url: str) -> Uplink:
        hello = robot_link.Hello(robot=ROBOT, protocol=robot_link.PROTOCOL, program="test", embodiment="{}")
        return Uplink(
            url, hello, self.signer.sign, self.log, self.ears, clock=lambda: self.now_s, sleep=self._sleep,
            rng=random.Random(1),
        )  # fmt: skip

    async def _sleep(self, wait_s: float) -> None:
        self.waits.append(wait_s)
        await asyncio.sleep(0.01)


@pytest.fixture
def robot(tmp_path: Path) -> Robot:
    return Robot(tmp_path)


@contextlib.asynccontextmanager
async def connected(robot: Robot, server: SmallServer) -> AsyncIterator[Uplink]:
    """A running uplink, whatever becomes of it."""
    uplink = robot.uplink(server.url)
    task = asyncio.create_task(uplink.run())
    try:
        yield uplink
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def test_the_first_retry_comes_within_half_a_second_and_none_later_than_ten() -> None:
    for seed in range(50):
        reconnect = Reconnect(random.Random(seed))
        waits = [reconnect.wait_s() for _ in range(40)]
        assert 0.25 <= waits[0] <= 0.5
        assert sum(waits[:3]) <= 2.4  # a server that is back within this is found within 3 s
        assert all(5.0 <= wait <= 10.0 for wait in waits[12:])
        reconnect.succeeded()
        assert reconnect.wait_s() <= 0.5


def test_a_robot_that_is_driven_comes_back_sooner() -> None:
    reconnect = Reconnect(random.Random(1))
    assert all(0.15 <= reconnect.wait_s(urgent=True) <= 0.3 for _ in range(20))
    assert reconnect.wait_s() <= 0.5


def test_a_fleet_does_not_come_back_in_step() -> None:
    firsts = {round(Reconnect(random.Random(seed)).wait_s(), 3) for seed in range(100)}
    assert len(firsts) > 50


def test_reports_go_at_once_on_news_at_most_five_and_at_least_one_a_second() -> None:
    pace, moved = ReportPace(), msgspec.structs.replace(HOLDING, since_s=1.0, time_ns=5)
    assert pace.due(HOLDING, 0.0)
    pace.sent(HOLDING, 0.0)
    assert not pace.due(moved, 0.99)  # only numbers that always change
    assert pace.due(moved, 1.0)
    stopped = msgspec.structs.replace(HOLDING, mode="ESTOP", stops=("ada",))
    assert not pace.due(stopped, 0.19)
    assert pace.due(stopped, 0.2)


def test_the_socket_has_the_scheme_of_its_server() -> None:
    assert websocket_url("http://a:1") == "ws://a:1/ws/robot/"
    assert websocket_url("https://a/b") == "wss://a/b/ws/robot/"


async def test_a_robot_proves_its_key_and_reports(robot: Robot) -> None:
    async with SmallServer(robot.identity.public_key).running() as server, connected(robot, server) as uplink:
        await until(lambda: robot.ears.welcomes)
        uplink.report(HOLDING)
        await until(lambda: server.heard)
        assert server.hellos[0].robot == ROBOT
        assert server.heard == [robot_link.Report(state=HOLDING)]


async def test_row_44_a_wrong_key_is_refused_and_said_once(robot: Robot, caplog: pytest.LogCaptureFixture) -> None:
    server = SmallServer(robot.identity.public_key)
    robot.signer = Identity.create(robot.log._folder)
    async with server.running(), connected(robot, server) as uplink:
        await until(lambda: len(robot.waits) >= 3)
        assert not uplink.online
        assert robot.ears.welcomes == []
    said = [record.getMessage() for record in caplog.records if "signature_invalid" in record.getMessage()]
    assert len(said) == 1
    assert robot.waits[2] > robot.waits[0]


async def test_row_46_another_protocol_names_both_ranges(robot: Robot, caplog: pytest.LogCaptureFixture) -> None:
    script = refuse("upgrade_required", "This server speaks versions 7 to 9.", oldest=7, newest=9)
    server = SmallServer(robot.identity.public_key, script)
    async with server.running(), connected(robot, server):
        await until(lambda: robot.waits)
    assert f"versions 7 to 9. This program speaks {robot_link.PROTOCOL}. Update it." in caplog.text


async def test_row_45_a_robot_whose_key_lives_twice_is_held_until_the_welcome(robot: Robot) -> None:
    async def held_then_welcome(server: SmallServer, connection: ServerConnection) -> None:
        await server.log_in(connection)
        await connection.send(wire.encode(robot_link.Held(sentence="The key lives twice.")))
        await server.listen(connection)

    server = SmallServer(robot.identity.public_key, held_then_welcome)
    async with server.running(), connected(robot, server) as uplink:
        await until(lambda: robot.ears.held)
        assert robot.ears.welcomes == []
        uplink.report(HOLDING)  # the fleet page still sees it
        await until(lambda: server.of(robot_link.Report))
        await server.say(welcome())
        await until(lambda: robot.ears.welcomes)
    assert robot.ears.held == ["The key lives twice."]


@pytest.mark.parametrize("reason", ["revoked", "clone"])
async def test_a_revoked_robot_holds(robot: Robot, reason: str) -> None:
    async with SmallServer(robot.identity.public_key).running() as server, connected(robot, server):
        await until(lambda: robot.ears.welcomes)
        assert server.connection is not None
        await server.connection.close(4403, reason)
        await until(lambda: robot.ears.held)
    server = SmallServer(robot.identity.public_key, refuse("revoked", "This robot's key was revoked."))
    async with server.running(), connected(robot, server):
        await until(lambda: "This robot's key was revoked." in robot.ears.held)


async def test_it_comes_back_after_a_restart_of_the_server(robot: Robot) -> None:
    server = SmallServer(robot.identity.public_key)
    await server.start()
    async with connected(robot, server) as uplink:
        await until(lambda: uplink.online)
        robot.now_s = 60.0  # a good connection
        await server.stop()
        await until(lambda: not uplink.online)
        await server.start()
        await until(lambda: len(robot.ears.welcomes) == 2)
        assert robot.waits[0] <= 0.5
    await server.stop()


async def test_log_entries_are_sent_until_confirmed_and_go_on_where_the_server_is(robot: Robot) -> None:
    for event in ("boot", "grant", "release"):
        robot.log.append(1, event)

    async def knows_one(server: SmallServer, connection: ServerConnection) -> None:
        await server.log_in(connection)
        await connection.send(wire.encode(welcome(log_from=2)))
        await server.listen(connection)

    server = SmallServer(robot.identity.public_key, knows_one)
    async with server.running(), connected(robot, server) as uplink:
        await until(lambda: server.of(robot_link.Log))
        assert [e.event for e in server.of(robot_link.Log)[0].entries] == ["grant", "release"]
        robot.now_s = 5.0  # not confirmed in time
        uplink.report(HOLDING)
        await until(lambda: len(server.of(robot_link.Log)) == 2)
        await server.say(robot_link.LogAck(through=3))
        await until(lambda: robot.log.waiting == 0)
        robot.log.append(2, "stop")
        uplink.report(HOLDING)
        await until(lambda: len(server.of(robot_link.Log)) == 3)
        assert [e.n for e in server.of(robot_link.Log)[2].entries] == [4]


async def test_messages_reach_their_hearer_and_unknown_ones_are_said_once(robot: Robot, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    async with SmallServer(robot.identity.public_key).running() as server, connected(robot, server) as uplink:
        await until(lambda: uplink.online)
        assert server.connection is not None
        for raw in ('{"type":"dance"}', '{"type":"dance"}', "{", b"\x01", '{"type":"stop_now"}'):
            await server.connection.send(raw)
        await server.say(robot_link.StopNow(source="ada"))
        await until(lambda: robot.ears.messages)
        assert robot.ears.messages == [robot_link.StopNow(source="ada")]
        assert uplink.online
    lines = [record.getMessage() for record in caplog.records if "cannot read" in record.getMessage()]
    assert len(lines) == 3  # unknown_type, invalid_json, invalid_field


async def test_only_the_newest_picture_of_a_camera_waits(robot: Robot) -> None:
    async with SmallServer(robot.identity.public_key).running() as server, connected(robot, server) as uplink:
        await until(lambda: uplink.online)
        for n in range(5):
            uplink.snapshot(1, bytes([n]))
        uplink.snapshot(0, b"x" * (robot_link.SNAPSHOT_MAX + 1))
        await until(lambda: server.pictures)
        assert server.pictures == [bytes((robot_link.SNAPSHOT, 1, 4))]


async def test_answers_are_dropped_while_the_server_is_away_and_ended_sessions_kept(robot: Robot) -> None:
    server = SmallServer(robot.identity.public_key)
    await server.start()
    await server.stop()
    async with connected(robot, server) as uplink:
        uplink.tell(robot_link.StopAck(source="ada"))
        uplink.tell(robot_link.SessionEnded(session="s", reason="silent"))
        await server.start()
        await until(lambda: server.heard)
        assert server.heard == [robot_link.SessionEnded(session="s", reason="silent")]
    await server.stop()


async def test_a_server_that_does_not_read_never_makes_the_robot_wait(robot: Robot) -> None:
    release = asyncio.Event()

    async def deaf(server: SmallServer, connection: ServerConnection) -> None:
        await server.log_in(connection)
        await connection.send(wire.encode(welcome()))
        connection.transport.pause_reading()
        await release.wait()
        connection.transport.resume_reading()
        await server.listen(connection)

    async with SmallServer(robot.identity.public_key, deaf).running() as server, connected(robot, server) as uplink:
        await until(lambda: uplink.online)
        for n in range(2000):
            robot.now_s += 1.0
            uplink.report(msgspec.structs.replace(HOLDING, state=(float(n),) * 500))
            uplink.tell(robot_link.StopAck(source=str(n)))
            await asyncio.sleep(0)
        release.set()
        await until(lambda: server.of(robot_link.Report) and server.of(robot_link.Report)[-1].state.state[0] == 1999.0)
        assert len(server.of(robot_link.Report)) < 2000
        assert server.of(robot_link.StopAck)[-1].source == "1999"


async def test_a_refused_message_does_not_end_the_connection(robot: Robot, caplog: pytest.LogCaptureFixture) -> None:
    async def refuses(server: SmallServer, connection: ServerConnection) -> None:
        await server.log_in(connection)
        await connection.send(wire.encode(welcome()))
        await connection.recv()
        await connection.send(wire.encode(wire.Problem(code="too_many", sentence="Slow down.")))
        await server.listen(connection)

    async with SmallServer(robot.identity.public_key, refuses).running() as server, connected(robot, server) as uplink:
        await until(lambda: uplink.online)
        uplink.report(HOLDING)
        await until(lambda: "Slow down." in caplog.text)
        robot.now_s = 1.0
        uplink.report(HOLDING)
        await until(lambda: server.of(robot_link.Report))
        assert len(robot.ears.welcomes) == 1
