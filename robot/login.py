"""How this robot opens a WebSocket to its server and proves who it is: the same for reports and for questions to policies."""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import Awaitable, Callable

from protocol import robot_link, wire
from protocol.errors import Refused
from protocol.permit import login_bytes

OPEN_S, LOGIN_S = 5.0, 10.0
CALM_S = 5.0  # a connection that lasted this long was a good one


class Reconnect:
    """How long to wait before attempt k: a random part of 0.5 s x 1.5^k, at most 10 s, so that a fleet does not knock
    in step; the first is under 0.5 s, so that a restarted server is found again at once."""

    def __init__(self, rng: random.Random | None = None) -> None:
        self._rng = rng or random.Random()
        self.attempts = 0

    def wait_s(self, urgent: bool = False) -> float:
        """`urgent`: a lease ends without the server's word, or a run stands still; it cannot last long."""
        if urgent:
            return self._rng.uniform(0.15, 0.3)
        most_s = min(10.0, 0.5 * 1.5**self.attempts)
        self.attempts = min(self.attempts + 1, 30)
        return most_s * self._rng.uniform(0.5, 1.0)

    def succeeded(self) -> None:
        self.attempts = 0


async def prove(
    say: Callable[[str], Awaitable[None]],
    hear: Callable[[], Awaitable[wire.Message | None]],
    hello: robot_link.Hello,
    sign: Callable[[bytes], bytes],
) -> robot_link.Welcome | robot_link.Held:
    """Hello, challenge, proof.  Raises Refused with what the server says, and TimeoutError."""
    await say(wire.encode(hello))
    async with asyncio.timeout(LOGIN_S):
        challenge = await hear()
    if not isinstance(challenge, robot_link.Challenge):
        raise _refusal(challenge)
    proof = sign(login_bytes(hello.robot, challenge.nonce))
    await say(wire.encode(robot_link.Proof(signature=base64.b64encode(proof).decode())))
    async with asyncio.timeout(LOGIN_S):
        answer = await hear()
    if not isinstance(answer, robot_link.Welcome | robot_link.Held):
        raise _refusal(answer)
    return answer


def _refusal(message: wire.Message | None) -> Refused:
    if not isinstance(message, wire.Problem):
        return Refused("login_unexpected", "The server does not log robots in as this program expects. Update it.")
    if message.code == "upgrade_required":
        sentence = f"{message.sentence} This program speaks {robot_link.PROTOCOL}. Update it."
        return Refused(message.code, sentence, **message.detail)
    return Refused(message.code, message.sentence)


def websocket_url(server: str, path: str = "/ws/robot/") -> str:
    """ws(s) address of one of the robots' sockets of an http(s) server."""
    return "ws" + server.removeprefix("http").rstrip("/") + path
