"""Asks a policy on the server, over this process' own WebSocket: observations up, chunks down, the newest only."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from protocol import inference, robot_link, wire
from protocol.errors import Refused
from robot.login import CALM_S, OPEN_S, Reconnect, prove, websocket_url
from robot.pilot.eyes import to_jpeg
from robot.pilot.thinker import Question, Thought, Trouble

log = logging.getLogger(__name__)

PATH = "/ws/robot/infer/"
_SILENT_S = 5.0  # ping interval and time-out
_MAX_ANSWERS = 64
_MOST_S = 3.0  # between two attempts: a run waits
_HURRIED = 8  # attempts in quick succession: a server that was only restarted is found again at once


class PolicyServer:
    """A `Thinker`.  `run` for as long as somebody may be asked; it connects again and again."""

    def __init__(
        self, server: str, hello: robot_link.Hello, sign: Callable[[bytes], bytes], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._url, self._hello, self._sign, self._clock = websocket_url(server, PATH), hello, sign, clock
        self._reconnect = Reconnect()
        self._question: Question | None = None
        self._wake = asyncio.Event()
        self._answers: deque[Thought | Trouble] = deque(maxlen=_MAX_ANSWERS)
        self._away = "Not connected yet."

    @property
    def away(self) -> str:
        return self._away

    @property
    def loading(self) -> bool:
        return False

    def ask(self, question: Question) -> None:
        self._question = question
        self._wake.set()

    def answers(self) -> list[Thought | Trouble]:
        found = list(self._answers)
        self._answers.clear()
        return found

    async def run(self) -> None:
        """Until cancelled.  A run stands still without it, so it hurries at first."""
        while True:
            began_s = self._clock()
            why = await self._connection()
            if why != self._away:
                log.warning("policies: %s; trying again", why)
            self._away = why
            if self._clock() - began_s >= CALM_S:
                self._reconnect.succeeded()
            hurry = self._reconnect.attempts < _HURRIED
            self._reconnect.attempts += hurry
            await asyncio.sleep(min(_MOST_S, self._reconnect.wait_s(hurry)))

    async def _connection(self) -> str:
        """Why it ended, as a sentence part."""
        try:
            async with connect(
                self._url, compression=None, proxy=None, open_timeout=OPEN_S, close_timeout=1.0,
                max_size=inference.MAX_BYTES, ping_interval=_SILENT_S, ping_timeout=_SILENT_S,
            ) as socket:  # fmt: skip
                await prove(socket.send, lambda: _hear_text(socket), self._hello, self._sign)
                log.info("policies: connected")
                self._away, self._question = "", None
                await self._serve(socket)
        except Refused as refused:
            return f"{refused.sentence} ({refused.code})"
        except TimeoutError:
            return f"{self._url} does not answer"
        except ConnectionClosed as closed:
            return f"the connection was closed ({closed.rcvd.reason or closed.rcvd.code if closed.rcvd else 'no answer'})"
        except (OSError, InvalidHandshake, InvalidURI) as error:
            return f"{self._url} cannot be reached ({error})"
        return "the connection ended"

    async def _serve(self, socket: ClientConnection) -> None:
        tasks = [asyncio.create_task(work(socket)) for work in (self._write, self._read)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()  # raises why it ended
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _write(self, socket: ClientConnection) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            question, self._question = self._question, None
            if question is not None:
                await socket.send(inference.encode(observed(question)))

    async def _read(self, socket: ClientConnection) -> None:
        async for raw in socket:
            try:
                if isinstance(raw, str):
                    raise Refused("inference_message", "Only binary messages are expected after the log-in.")
                self._answers.append(answer(inference.decode(raw, inference.ToPilot)))
            except Refused as refused:
                self._answers.append(Trouble(-1, refused.code, refused.sentence))


async def _hear_text(socket: ClientConnection) -> wire.Message | None:
    """None for what this program does not know."""
    raw = await socket.recv()
    try:
        message: wire.Message | None = None if isinstance(raw, bytes) else wire.decode(raw, robot_link.FromServer)
    except Refused:
        return None
    return message


def observed(question: Question) -> inference.Observed:
    prefix = b"" if question.prefix is None else np.ascontiguousarray(question.prefix, "<f4").tobytes()
    return inference.Observed(
        n=question.n,
        run=question.run,
        policy=question.policy,
        step=question.step,
        captured_ns=question.captured_ns,
        instruction=question.instruction,
        state=np.ascontiguousarray(question.state, "<f4").tobytes(),
        pictures={camera: to_jpeg(picture) for camera, picture in question.pictures.items()},
        prefix=prefix,
        delay_steps=question.delay_steps,
    )


def answer(message: inference.Chunk | inference.Trouble) -> Thought | Trouble:
    """`Refused("inference_message")` for actions that are no rows of numbers."""
    if isinstance(message, inference.Trouble):
        return Trouble(message.n, message.code, message.sentence)
    actions = inference.floats(message.actions, message.axes)
    return Thought(
        message.n, message.captured_ns, actions, message.dt_s, message.doubt, message.limit, message.reasoning, message.scores
    )
