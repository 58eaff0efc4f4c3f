"""The pilot's own socket to the policies: real WebSockets, a server in the test's hand."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol import inference, robot_link
from robot.identity import Identity
from robot.pilot.server import PolicyServer
from robot.pilot.thinker import Question, Thought, Trouble
from tests.robot.link.small_server import until
from tests.robot.pilot.stub import Server, chunk


class Line:
    """A server and a pilot's connection to it."""

    def __init__(self, folder: Path) -> None:
        self.identity = Identity.create(folder)
        self.server = Server(self.identity.public_key, Ed25519PrivateKey.generate())
        self.asks: PolicyServer | None = None

    def connect(self) -> PolicyServer:
        hello = robot_link.Hello(robot="ab" * 16, protocol=1, program="test", embodiment="{}")
        return PolicyServer(self.server.url, hello, self.identity.sign)


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[tuple[Server, PolicyServer]]:
    there = Line(tmp_path)
    async with there.server.running():
        asks = there.connect()
        task = asyncio.create_task(asks.run())
        yield there.server, asks
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def question(n: int, prefix: object = None) -> Question:
    picture = np.full((72, 96, 3), (200, 40, 90), np.uint8)
    held = None if prefix is None else np.asarray(prefix, np.float32)
    return Question(n, "ab" * 16, "cd" * 16, n, "kind", 5, "Lift it", np.arange(3, dtype=np.float32), {"scene": picture}, held, 2)


async def test_a_question_goes_up_whole_and_its_chunk_comes_down(line: tuple[Server, PolicyServer]) -> None:
    server, asks = line

    async def answering(observed: inference.Observed) -> inference.Chunk:
        return chunk(observed, np.ones((4, 7)), doubt=0.5, limit=1.0, scores={"a": 1.0})

    server.answering = answering
    await until(lambda: asks.away == "")
    asks.ask(question(1, np.ones((2, 7))))
    found: list[Thought | Trouble] = []
    await until(lambda: found.extend(asks.answers()) or found)
    (told,) = found
    assert isinstance(told, Thought)
    assert (told.n, told.captured_ns, told.doubt, told.limit, told.dt_s) == (1, 5, 0.5, 1.0, 0.1)
    assert told.actions.shape == (4, 7)
    (observed,) = server.observed
    assert inference.floats(observed.state, 3).tolist() == [[0.0, 1.0, 2.0]]
    assert inference.floats(observed.prefix, 7).shape == (2, 7)
    assert (observed.step, observed.delay_steps, observed.instruction) == (1, 2, "Lift it")
    assert observed.pictures["scene"][:2] == b"\xff\xd8"


async def test_trouble_and_nonsense_are_answers_and_the_line_stays(line: tuple[Server, PolicyServer]) -> None:
    server, asks = line
    await until(lambda: asks.away == "" and server.asking is not None)
    assert server.asking is not None
    crooked = inference.Chunk(n=3, captured_ns=5, actions=b"123", axes=7, dt_s=0.1)
    for raw in (
        b"\x00",
        "text",
        inference.encode(inference.Trouble(n=2, code="queue_full", sentence="Full.")),
        inference.encode(crooked),
    ):
        await server.asking.send(raw)
    found: list[Thought | Trouble] = []
    await until(lambda: found.extend(asks.answers()) or len(found) == 4)
    assert [(told.n, told.code) for told in found if isinstance(told, Trouble)] == [
        (-1, "inference_message"), (-1, "inference_message"), (2, "queue_full"), (-1, "inference_message"),
    ]  # fmt: skip
    assert asks.away == ""


async def test_a_server_that_comes_back_is_found_again(line: tuple[Server, PolicyServer]) -> None:
    server, asks = line
    await until(lambda: asks.away == "")
    await server.stop()
    await until(lambda: asks.away != "")
    asks.ask(question(1))  # of no use any more when the line is back
    await server.start()
    await until(lambda: asks.away == "", 10.0)
    asks.ask(question(2))
    await until(lambda: server.observed)
    assert [observed.n for observed in server.observed] == [2]


async def test_a_key_that_is_not_known_is_said(tmp_path: Path) -> None:
    there = Line(tmp_path)
    there.server = Server(Identity.create(tmp_path).public_key, Ed25519PrivateKey.generate())
    async with there.server.running():
        asks = there.connect()
        task = asyncio.create_task(asks.run())
        await until(lambda: asks.away not in ("", "Not connected yet."))
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
