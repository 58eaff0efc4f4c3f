"""The server's end of the robot's socket, as small as it can be: real WebSockets, and a script of what it says."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from protocol import robot_link, wire
from protocol.permit import login_bytes

Script = Callable[["SmallServer", ServerConnection], Awaitable[None]]


class SmallServer:
    """`script` runs for each connection; `heard` are a robot's messages after its log-in, `pictures` the binary."""

    def __init__(self, public_key: str, script: Script | None = None) -> None:
        self.script = script or welcome_and_listen
        self.heard: list[Any] = []
        self.pictures: list[bytes] = []
        self.hellos: list[robot_link.Hello] = []
        self.connection: ServerConnection | None = None
        self._key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key))
        self._server: Server | None = None
        self.port = 0
        self.acknowledges = False  # log entries, as soon as they come

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[SmallServer]:
        await self.start()
        try:
            yield self
        finally:
            await self.stop()

    async def start(self) -> None:
        """Again on the port it had before, if it ran before."""
        self._server = await serve(self._connected, "127.0.0.1", self.port)
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _connected(self, connection: ServerConnection) -> None:
        assert connection.request is not None and connection.request.path == "/ws/robot/"
        self.connection = connection
        with contextlib.suppress(ConnectionClosed):
            await self.script(self, connection)

    async def say(self, message: wire.Message) -> None:
        assert self.connection is not None
        await self.connection.send(wire.encode(message))

    async def log_in(self, connection: ServerConnection) -> None:
        """Raises InvalidSignature when the robot does not hold its key."""
        hello = wire.decode(await connection.recv(), robot_link.FromRobot)
        assert isinstance(hello, robot_link.Hello)
        self.hellos.append(hello)
        await connection.send(wire.encode(robot_link.Challenge(nonce="n-1")))
        proof = wire.decode(await connection.recv(), robot_link.FromRobot)
        assert isinstance(proof, robot_link.Proof)
        self._key.verify(base64.b64decode(proof.signature), login_bytes(hello.robot, "n-1"))

    async def listen(self, connection: ServerConnection) -> None:
        async for raw in connection:
            if isinstance(raw, bytes):
                self.pictures.append(raw)
            else:
                message = wire.decode(raw, robot_link.FromRobot)
                self.heard.append(message)
                if self.acknowledges and isinstance(message, robot_link.Log):
                    await connection.send(wire.encode(robot_link.LogAck(through=message.entries[-1].n)))

    def of(self, kind: type) -> list[Any]:
        return [message for message in self.heard if isinstance(message, kind)]


def welcome(log_from: int = 1) -> robot_link.Welcome:
    return robot_link.Welcome(time_ns=time.time_ns(), log_from=log_from)


async def welcome_and_listen(server: SmallServer, connection: ServerConnection) -> None:
    try:
        await server.log_in(connection)
    except InvalidSignature:
        sentence = "The signature does not fit this robot's key."
        await connection.send(wire.encode(wire.Problem(code="signature_invalid", sentence=sentence)))
        await connection.close(4401, "signature_invalid")
        return
    await connection.send(wire.encode(welcome()))
    await server.listen(connection)


def refuse(code: str, sentence: str, **detail: object) -> Script:
    """A server that refuses the hello."""

    async def script(server: SmallServer, connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send(wire.encode(wire.Problem(code=code, sentence=sentence, detail=dict(detail))))
        await connection.close(4401, code)

    return script


async def until(done: Callable[[], Any], within_s: float = 30.0) -> None:
    """Waits for something that other processes or sockets bring about."""
    async with asyncio.timeout(within_s):
        while not done():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
