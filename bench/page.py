"""A cockpit without a browser: connects for a person, takes the lease, drives in circles, presses the remote stop.

It says what the real page says, as often and over the same ways, but draws nothing.  A program of its own, told what to
do by lines of JSON: {"do": "drive"}, "stop", "clear" or "count"; it answers in lines of JSON with monotonic times.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import aiortc.rtcrtpreceiver
import msgspec
from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCRtpReceiver, RTCSessionDescription
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

from protocol import channel, command, teleop, wire
from protocol.embodiment import Embodiment

M = TypeVar("M", bound=wire.Message)
PERIOD_S = 0.02
PING_S = 1.0
SERVER_STOP_S = 1.0  # as the page: the server repeats it by itself
ANSWER_S = 3.0
PATIENCE_S = 8.0  # then it says what it waits for
STRAY_S = 0.2  # the server's last repetition may come so late
FRESH_S = 0.2  # nobody takes the lease before there are pictures
NEUTRAL_TURNS = 10  # at rest first; the robot wants one of these to arrive
CIRCLE_M_S, CIRCLE_S = 0.06, 2.0
HOME_PER_S = 1.0  # how fast the centre is sought again
TICKS_PER_PICTURE = 3000
CAMERAS = 2


class _Uncoded:
    """In place of a decoder: pictures are counted where they are complete, nothing is drawn."""

    def decode(self, _: object) -> list[object]:
        return []


class Shown:
    """The newest picture of one camera whose last packet has come; that earlier ones are whole is not asked for."""

    def __init__(self, receiver: Any) -> None:
        self.newest: int | None = None
        self.at_s = float("-inf")
        self.count = 0
        receiver._RTCRtpReceiver__remote_bitrate_estimator = None  # aiortc's falls with the traffic of a scene at rest
        self._receive = receiver._handle_rtp_packet
        receiver._handle_rtp_packet = self._on_packet

    async def _on_packet(self, packet: Any, arrival_time_ms: int) -> None:
        if packet.marker and (self.newest is None or (packet.timestamp - self.newest) & 0xFFFFFFFF < 1 << 31):
            self.newest, self.at_s = packet.timestamp, time.monotonic()
            self.count += 1
        await self._receive(packet, arrival_time_ms)

    def index(self, origin: int) -> int:
        return command.NO_FRAME if self.newest is None else ((self.newest - origin) & 0xFFFFFFFF) // TICKS_PER_PICTURE


class Page:
    """One connection.  `say` takes the answers."""

    def __init__(self, url: str, robot: str, cookies: str, say: Callable[[dict[str, Any]], None]) -> None:
        self._url, self._robot, self._cookies, self._say = url, robot, cookies, say
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        self._ids = self._others = 0
        self._lease: tuple[int, int] | None = None
        self._commands = self._heartbeats = self._turns = 0
        self._neutral_until = 0
        self._telemetry: channel.Telemetry | None = None
        self.server_state: teleop.RobotNow | None = None
        self.stops: tuple[str, ...] = ()
        self.mode = self._refusal = ""
        self._pressed_s: float | None = None
        self._server_stop_s = 0.0
        self._server_answered = asyncio.Event()  # the stop it was asked for
        self._server_answered.set()
        self._tasks: set[asyncio.Task[None]] = set()

    # -- connecting

    async def open(self) -> None:
        address = self._url.replace("http", "ws", 1) + f"/ws/teleop/{self._robot}/"
        headers = {"Cookie": self._cookies}
        self.socket: ClientConnection = await connect(
            address, additional_headers=headers, origin=Origin(self._url), proxy=None, max_size=1 << 20
        )
        self.hello: teleop.Hello = wire.decode(await self.socket.recv(), teleop.FromServer)
        self._start(self._hear_server())
        await self._connect_peer()
        self._start(self._turn_for_ever())
        self._start(self._ping_for_ever())

    async def _connect_peer(self) -> None:
        aiortc.rtcrtpreceiver.get_decoder = lambda _: _Uncoded()
        self.control = self._peer.createDataChannel("control", ordered=False, maxRetransmits=0)
        self.state = self._peer.createDataChannel("state")
        known = RTCRtpReceiver.getCapabilities("video")
        assert known is not None
        h264 = [c for c in known.codecs if c.mimeType in ("video/H264", "video/rtx")]
        self.shown = []
        for _ in range(CAMERAS):
            transceiver = self._peer.addTransceiver("video", direction="recvonly")
            transceiver.setCodecPreferences(h264)
            self.shown.append(Shown(transceiver.receiver))
        self.state.on("message", self._hear_robot)
        opened = [self._opened(which) for which in (self.control, self.state)]
        greeting = self._expect("hello")
        await self._peer.setLocalDescription(await self._peer.createOffer())
        answer = self._expect("answer")
        await self.tell_server(teleop.Offer(sdp=self._peer.localDescription.sdp))
        sdp = (await asyncio.wait_for(answer, 15)).sdp
        await self._peer.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
        await asyncio.wait_for(asyncio.gather(*opened), 15)
        self.robot: channel.Hello = await asyncio.wait_for(greeting, 15)
        self._embodiment = msgspec.json.decode(self.robot.embodiment, type=Embodiment)

    def _opened(self, which: RTCDataChannel) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        which.on("open", lambda: done.set_result(None))
        return done

    # -- hearing

    async def _hear_server(self) -> None:
        async for raw in self.socket:
            message = wire.decode(raw, teleop.FromServer)
            if isinstance(message, teleop.RobotNow):
                self.server_state = message
                await self.tell_server(teleop.Ack(n=message.n))
            elif isinstance(message, teleop.StopState) and message.state == "acknowledged":
                self._server_answered.set()
            self._answered(message.id or message.__struct_config__.tag, message)

    def _hear_robot(self, raw: str | bytes) -> None:
        message = wire.decode(raw, channel.FromRobot)
        if isinstance(message, channel.Telemetry):
            self._telemetry = message
        elif isinstance(message, channel.State):
            self.mode, self.stops = message.robot.mode, message.robot.stops
        elif isinstance(message, channel.Stopped):
            self.stops = (*self.stops, message.source)
        self._answered(message.id or message.__struct_config__.tag, message)

    def _expect(self, what: object) -> asyncio.Future[Any]:
        return self._waiting.setdefault(str(what), asyncio.get_running_loop().create_future())

    def _answered(self, what: object, message: wire.Message) -> None:
        if isinstance(message, wire.Problem):
            self._refusal = f"{message.code}: {message.sentence}"
        waiting = self._waiting.pop(str(what), None)
        if waiting is not None and not waiting.done():
            waiting.set_result(message)

    # -- saying

    def new_id(self) -> str:
        self._ids += 1
        return f"page-{self._ids}"

    async def tell_server(self, message: teleop.FromBrowser) -> None:
        await self.socket.send(wire.encode(message))

    def tell_robot(self, message: channel.FromBrowser) -> None:
        if self.state.readyState == "open":
            self.state.send(wire.encode(message))

    async def _ask_server(self, message: teleop.FromBrowser, kind: type[M]) -> M | None:
        """The answer, or None when it was refused or did not come."""
        waiting = self._expect(message.id)
        await self.tell_server(message)
        return await self._answer(message.id, waiting, kind)

    async def _ask_robot(self, message: channel.FromBrowser, kind: type[M]) -> M | None:
        waiting = self._expect(message.id)
        self.tell_robot(message)
        return await self._answer(message.id, waiting, kind)

    async def _answer(self, id: str, waiting: asyncio.Future[Any], kind: type[M]) -> M | None:
        try:
            message = await asyncio.wait_for(waiting, ANSWER_S)
        except TimeoutError:
            self._waiting.pop(id, None)
            return None
        return message if isinstance(message, kind) else None

    # -- 50 times a second

    async def _turn_for_ever(self) -> None:
        due_s = time.monotonic()
        while True:
            self._turn(time.monotonic())
            due_s = max(due_s + PERIOD_S, time.monotonic())
            await asyncio.sleep(due_s - time.monotonic())

    def _turn(self, now_s: float) -> None:
        self._repeat_stop(now_s)
        if self._lease is None or self.control.readyState != "open":
            return
        self._turns += 1
        self._commands += 1
        self._heartbeats += 1
        self._datagram(command.COMMAND, self._commands, now_s, self._wish(now_s))
        self._datagram(command.HEARTBEAT, self._heartbeats, now_s)

    def _datagram(self, kind: int, n: int, now_s: float, values: tuple[float, ...] = ()) -> None:
        epoch, seq = self._lease or (0, 0)
        main = self.robot.cameras[0]
        seen = self.shown[0].index(self.robot.rtp_origin[main])
        sent_us = int(now_s * 1e6)
        self.control.send(command.pack(command.Command(kind, command.DEADMAN, epoch, seq, n, sent_us, seen, values)))

    def _wish(self, now_s: float) -> tuple[float, ...]:
        """Round and round about the middle of the workspace, never at rest; at rest first."""
        told = self._telemetry
        if told is None or self._turns < self._neutral_until:
            return self._still(told)
        if self._turns > self._neutral_until + 50 and not any(told.done[:3]):  # what should have come first was lost
            self._neutral_until = self._turns + NEUTRAL_TURNS
        names = [quantity.name for quantity in self._embodiment.state]
        tool = [told.state[names.index(f"tool_{axis}")] for axis in "xyz"]
        box = self._embodiment.workspace
        assert box is not None
        home = [(low + high) / 2 - at for low, high, at in zip(box.low, box.high, tool, strict=True)]
        pull = [max(-0.5, min(0.5, HOME_PER_S * away / CIRCLE_M_S)) * CIRCLE_M_S for away in home]
        angle = 2 * math.pi * now_s / CIRCLE_S
        around = (CIRCLE_M_S * math.cos(angle), CIRCLE_M_S * math.sin(angle), 0.0)
        moves = tuple(a + p for a, p in zip(around, pull, strict=True))
        return (*moves, *self._still(told)[3:])

    def _still(self, told: channel.Telemetry | None) -> tuple[float, ...]:
        return tuple(0.0 if axis.is_rate or told is None else told.done[i] for i, axis in enumerate(self._embodiment.action))

    async def _ping_for_ever(self) -> None:
        while True:
            self.tell_robot(channel.Ping(id=self.new_id(), sent_us=int(time.monotonic() * 1e6)))
            await asyncio.sleep(PING_S)

    # -- the stop

    def press(self) -> float:
        """Now; repeated each turn until the robot has answered."""
        now_s = self._pressed_s = time.monotonic()
        self._server_stop_s = 0.0
        self._server_answered.clear()
        self._repeat_stop(now_s)
        return now_s

    def _repeat_stop(self, now_s: float) -> None:
        if self._pressed_s is None:
            return
        if self.hello.person in self.stops:
            self._say({"answered_s": time.monotonic(), "pressed_s": self._pressed_s})
            self._pressed_s = self._lease = None
            return
        self._others += 1
        self._datagram(command.STOP, self._others, now_s)
        if self.state.bufferedAmount == 0:
            self.tell_robot(channel.Stop(id=self.new_id(), source=self.hello.person))
        if now_s - self._server_stop_s >= SERVER_STOP_S:
            self._server_stop_s = now_s
            self._start(self.tell_server(teleop.StopRequest(id=self.new_id())))

    # -- what it is told to do

    async def drive(self) -> None:
        """Clears its own stop, waits for pictures, takes the lease and drives until told otherwise; says `driving`."""
        began_s = time.monotonic()
        while True:
            if time.monotonic() - began_s > PATIENCE_S:
                began_s = time.monotonic()
                self._say({"waiting": self._about()})
            if self.hello.person in self.stops:
                await self._server_knows()
                await self._clear()
            elif time.monotonic() - self.shown[0].at_s < FRESH_S and await self._take():
                break
            await asyncio.sleep(0.05)
        self._say({"driving": list(self._lease or ()), "at_s": time.monotonic()})

    def _about(self) -> str:
        """Why it does not drive, as far as it knows."""
        age_s = time.monotonic() - self.shown[0].at_s
        told = f"{self.mode}, stops {self.stops}, newest picture {age_s:.1f} s old"
        return f"{self._peer.connectionState}, channel {self.state.readyState}, {told}, last refusal {self._refusal!r}"

    async def _take(self) -> bool:
        asked = teleop.PermitRequest(id=self.new_id(), act="drive")
        permitted = await self._ask_server(asked, teleop.Permitted)
        if permitted is None:
            return False
        granted = await self._ask_robot(channel.Acquire(id=self.new_id(), permit=permitted.permit), channel.Granted)
        if granted is None:
            return False
        self._commands = self._heartbeats = 0
        self._neutral_until = self._turns + NEUTRAL_TURNS
        self._lease = (granted.epoch, granted.seq)
        return True

    async def _server_knows(self) -> None:
        """The stop's way through the server has come to its end; else a late one would stop the next drive."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._server_answered.wait(), ANSWER_S)
        await asyncio.sleep(STRAY_S)

    async def _clear(self) -> None:
        asked = teleop.PermitRequest(id=self.new_id(), act="clear")
        permitted = await self._ask_server(asked, teleop.Permitted)
        if permitted is None:
            return
        message = channel.Clear(id=self.new_id(), source=self.hello.person, permit=permitted.permit)
        if await self._ask_robot(message, channel.Done) is not None:
            self.stops = tuple(source for source in self.stops if source != self.hello.person)

    async def clear(self) -> None:
        """Until no stop of this person is latched, also none that was still under way; says `cleared`."""
        quiet_s = time.monotonic()
        while time.monotonic() - quiet_s < 2 * STRAY_S:
            if self.hello.person in self.stops:
                await self._server_knows()
                await self._clear()
                quiet_s = time.monotonic()
            await asyncio.sleep(PERIOD_S)
        self._say({"cleared": self.hello.person})

    async def count(self) -> None:
        """Says how many pictures of each camera have come so far."""
        self._say({"pictures": [shown.count for shown in self.shown], "at_s": time.monotonic()})

    async def stop(self) -> None:
        """Presses at a random moment of the next two turns."""
        await asyncio.sleep(random.random() * 2 * PERIOD_S)
        self._say({"pressed_s": self.press()})

    async def obey(self, line: str) -> None:
        can = {"drive": self.drive, "stop": self.stop, "clear": self.clear, "count": self.count}
        self._start(can[json.loads(line)["do"]]())

    async def close(self) -> None:
        with suppress(Exception):
            await asyncio.wait_for(self.tell_server(teleop.Bye()), 1)
        await self._peer.close()

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._say({"failed": repr(task.exception())})


def say(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


async def main(arguments: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    page = Page(arguments.url, arguments.robot, arguments.cookies, say)
    await page.open()
    say({"open": page.hello.person})
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        await page.obey(line.decode())
    await page.close()


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("robot")
    parser.add_argument("cookies")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main(parsed()))
