"""The robot's outbound WebSocket to its server: log-in, reports, log, signalling.  No video, no command to move.

When the server is away it tries again for ever; what it could not send is either the newest (reports, pictures), kept
(the log), or of no use any more (answers).
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from protocol import robot_link, wire
from protocol.errors import Refused
from protocol.state import RobotState
from robot.link.log import TransitionLog
from robot.login import CALM_S, OPEN_S, Reconnect, prove, websocket_url

log = logging.getLogger(__name__)

ACK_S = 5.0
REPORT_MIN_S, REPORT_MAX_S = 0.2, 1.0
REPORT_LEASED_S = 0.3  # each report of a lease asks the server again, so that a lost right ends it within a second
MAX_MESSAGE = 256 * 1024  # bytes from the server: an offer with its candidates is far below
WRITE_LIMIT = 64 * 1024  # bytes the system has not taken yet before sending waits
MAX_WAITING = 256
_MANY_SORTS = 100  # of complaints within one connection
_SILENT_S = 10.0  # ping interval and time-out
_LASTING = (robot_link.SessionEnded, robot_link.TokenRequest)  # still of use after a reconnect
_HOLDING = ("revoked", "clone")  # close reasons after which nothing may move


class ReportPace:
    """When a state is worth sending: at once on news, at most 5 and at least 1 a second, more while somebody drives."""

    def __init__(self) -> None:
        self._sent_s = float("-inf")
        self._sent: tuple[object, ...] | None = None

    def due(self, state: RobotState, now_s: float) -> bool:
        since_s = now_s - self._sent_s
        longest_s = REPORT_MAX_S if state.lease is None else REPORT_LEASED_S
        return since_s >= longest_s or (since_s >= REPORT_MIN_S and news(state) != self._sent)

    def sent(self, state: RobotState, now_s: float) -> None:
        self._sent_s, self._sent = now_s, news(state)

    def reset(self) -> None:
        self._sent_s = float("-inf")


def news(state: RobotState) -> tuple[object, ...]:
    """Everything but numbers that always change; while somebody drives, where the robot is counts too."""
    lease = state.lease
    return (
        state.mode, state.reason, state.actor, state.stops, state.remote_motion, state.nonce, state.permitted,
        state.watchers, state.recording.state, state.recording.sentence, state.health.notes,
        (lease.epoch, lease.seq) if lease else None,
        tuple((camera.name, camera.live, camera.masked) for camera in state.cameras), state.masks,
        state.state if lease else None,
    )  # fmt: skip


class Ears(Protocol):
    """Who is told what the server says; all on the event loop, all return at once."""

    def on_welcome(self, message: robot_link.Welcome) -> None: ...
    def on_held(self, sentence: str) -> None: ...
    def on_message(self, message: wire.Message) -> None:
        """Offer, EndSession, Renew, StopNow, Token, Snapshots, Masks."""


class Uplink:
    """`sign` signs with the robot's key.  `run` for ever; `tell`, `report`, `snapshot` at any time, never waiting."""

    def __init__(
        self,
        url: str,
        hello: robot_link.Hello,
        sign: Callable[[bytes], bytes],
        transitions: TransitionLog,
        ears: Ears,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self.url, self.online = websocket_url(url), False
        self._hello, self._sign, self._log, self._ears = hello, sign, transitions, ears
        self._clock, self._sleep = clock, sleep
        self._reconnect, self._pace = Reconnect(rng), ReportPace()
        self._wake = asyncio.Event()
        self._out: deque[wire.Message] = deque()
        self._report: RobotState | None = None
        self._snapshots: dict[int, bytes] = {}
        self._log_sent: tuple[int, float] | None = None  # (last number of the batch under way, when)
        self._said: set[str] = set()
        self._away = ""  # the last reason said

    def tell(self, message: wire.Message) -> None:
        """Sends when there is a connection; what makes sense only now is dropped when there is none."""
        if not self.online and not isinstance(message, _LASTING):
            return
        if len(self._out) >= MAX_WAITING:
            self._once("slow", "the server reads too slowly; the oldest messages are dropped")
            self._out.popleft()
        self._out.append(message)
        self._wake.set()

    def report(self, state: RobotState) -> None:
        """The newest state; sent when `ReportPace` says so."""
        self._report = state
        if self.online and (self._pace.due(state, self._clock()) or self._log_due() or self._snapshots):
            self._wake.set()

    def snapshot(self, camera: int, jpeg: bytes) -> None:
        """The newest small picture of a camera, by its index in the Embodiment."""
        if len(jpeg) <= robot_link.SNAPSHOT_MAX:
            self._snapshots[camera] = jpeg
            self._wake.set()

    async def run(self) -> None:
        """Connects again and again until cancelled."""
        while True:
            began_s = self._clock()
            why = await self._connection()
            if self._clock() - began_s >= CALM_S and self.online:
                self._reconnect.succeeded()
            self._offline()
            wait_s = self._reconnect.wait_s(self._report is not None and self._report.lease is not None)
            if why != self._away:
                self._away = why
                log.warning("server: %s; trying again", why)
            await self._sleep(wait_s)

    # -- one connection -----------------------------------------------------------------------------------------------

    async def _connection(self) -> str:
        """Why it ended, as a sentence part."""
        try:
            async with connect(
                self.url, compression=None, proxy=None, open_timeout=OPEN_S, close_timeout=1.0, max_size=MAX_MESSAGE,
                ping_interval=_SILENT_S, ping_timeout=_SILENT_S, write_limit=WRITE_LIMIT,
            ) as socket:  # fmt: skip
                try:
                    await self._log_in(socket)
                    await self._serve(socket)
                except ConnectionClosed as closed:
                    return self._closed(closed)
        except Refused as refused:
            return f"{refused.sentence} ({refused.code})"
        except TimeoutError:
            return f"{self.url} does not answer"
        except (OSError, InvalidHandshake, InvalidURI, ConnectionClosed) as error:
            return f"{self.url} cannot be reached ({error})"
        return "the connection ended"

    async def _log_in(self, socket: ClientConnection) -> None:
        """Raises Refused with what the server says, TimeoutError, ConnectionClosed."""
        try:
            answer = await prove(socket.send, lambda: self._hear(socket), self._hello, self._sign)
        except Refused as refused:
            if refused.code in _HOLDING:
                self._ears.on_held(refused.sentence)
            raise
        log.info("server: connected")
        self.online, self._away, self._log_sent = True, "", None
        self._said.clear()
        self._pace.reset()
        self._heard(answer)
        self._wake.set()

    async def _serve(self, socket: ClientConnection) -> None:
        writer = asyncio.create_task(self._write(socket))
        reader = asyncio.create_task(self._read(socket))
        try:
            await asyncio.wait((reader, writer), return_when=asyncio.FIRST_COMPLETED)
            for task in (writer, reader):
                if task.done():
                    task.result()  # raises why it ended
        finally:
            writer.cancel()
            reader.cancel()
            await asyncio.gather(writer, reader, return_exceptions=True)

    async def _read(self, socket: ClientConnection) -> None:
        while True:
            message = await self._hear(socket)
            if message is not None:
                self._heard(message)

    async def _hear(self, socket: ClientConnection) -> wire.Message | None:
        return self._decoded(await socket.recv())

    def _decoded(self, raw: str | bytes) -> wire.Message | None:
        """None for what this program does not know; said once, so that a newer server cannot flood the log."""
        try:
            if isinstance(raw, bytes):
                raise Refused("unknown_type", "Binary messages are not expected from the server.")
            message: wire.Message = wire.decode(raw, robot_link.FromServer, MAX_MESSAGE)
        except Refused as refused:
            self._once(refused.code, f"the server sent something this program cannot read: {refused.sentence}")
            return None
        return message

    def _heard(self, message: wire.Message) -> None:
        match message:
            case robot_link.LogAck():
                self._log.confirmed(message.through)
                self._log_sent = None
                self._wake.set()
            case robot_link.Held():
                self._ears.on_held(message.sentence)
            case robot_link.Welcome():  # at the log-in, or later when an administrator has ended a hold
                self._log.confirmed(message.log_from - 1)
                self._ears.on_welcome(message)
            case wire.Problem():
                self._once(message.code, f"the server refused a message: {message.sentence}")
            case robot_link.Challenge():
                self._once("challenge", "the server sent a challenge after the log-in")
            case _:
                try:
                    self._ears.on_message(message)
                except Refused as refused:
                    self._once(refused.code, f"the server asked for what cannot be done: {refused.sentence}")

    def _closed(self, closed: ConnectionClosed) -> str:
        reason = closed.rcvd.reason if closed.rcvd else ""
        if reason in _HOLDING:
            self._ears.on_held(f"The server closed the connection: {reason}.")
        return f"the connection was closed ({reason or (closed.rcvd.code if closed.rcvd else 'no answer')})"

    # -- writing ------------------------------------------------------------------------------------------------------

    async def _write(self, socket: ClientConnection) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._out:
                await socket.send(wire.encode(self._out.popleft()))
            if self._report is not None and self._pace.due(self._report, self._clock()):
                report = self._report
                self._pace.sent(report, self._clock())
                await socket.send(wire.encode(robot_link.Report(state=report)))
            await self._write_log(socket)
            while self._snapshots:
                camera, jpeg = self._snapshots.popitem()
                await socket.send(bytes((robot_link.SNAPSHOT, camera)) + jpeg)

    async def _write_log(self, socket: ClientConnection) -> None:
        """One batch at a time, again when it is not confirmed in time."""
        if not self._log_due():
            return
        self._log_sent = (self._log.next_n, self._clock())
        through = await asyncio.to_thread(self._log.sync)
        if entries := self._log.batch(through):
            self._log_sent = (entries[-1].n, self._clock())
            await socket.send(wire.encode(robot_link.Log(entries=entries)))

    def _log_due(self) -> bool:
        late = self._log_sent is None or self._clock() - self._log_sent[1] >= ACK_S
        return late and self._log.waiting > 0

    def _offline(self) -> None:
        self.online = False
        self._snapshots.clear()
        self._out = deque((m for m in self._out if isinstance(m, _LASTING)), MAX_WAITING)

    def _once(self, key: str, sentence: str) -> None:
        if key not in self._said and len(self._said) < _MANY_SORTS:
            self._said.add(key)
            log.warning("server: %s", sentence)
