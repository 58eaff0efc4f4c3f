"""Somebody who answers questions of the openpi protocol: connections, words about itself first, refusals as text."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http
import logging
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from policies.learning.zoo.openpi import codec
from protocol.errors import Refused

log = logging.getLogger(__name__)
MOST_BYTES = 32 << 20  # of a question


class Listening:
    """`answer` is given a question and says the answer, or raises Refused.  One question at a time, in a thread of its own, so
    that others are heard meanwhile."""

    def __init__(self, about: dict[str, Any], answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        self._about, self._answer, self._thinking = about, answer, asyncio.Lock()

    async def listen(self, host: str, port: int) -> Server:
        return await serve(self._connection, host, port, compression=None, max_size=MOST_BYTES, process_request=_health)

    async def _connection(self, socket: ServerConnection) -> None:
        try:
            await socket.send(codec.encode(self._about))
            async for raw in socket:
                async with self._thinking:
                    told = await asyncio.to_thread(self._told, raw)
                await socket.send(told)
        except ConnectionClosed:
            log.info("a robot left in the middle of a question")
        except Refused as refusal:
            await _refuse(socket, f"{refusal.code}: {refusal.sentence}")
        except Exception as error:  # whatever a policy stumbles over, the robot hears that it did
            log.warning("the policy failed", exc_info=True)
            await _refuse(socket, f"policy_failed: The policy failed: {type(error).__name__}.")

    def _told(self, raw: str | bytes) -> bytes:
        if isinstance(raw, str):
            raise Refused("openpi_message", "Questions are binary.")
        began_s = time.perf_counter()
        answer = self._answer(codec.decode(raw))
        return codec.encode({**answer, "server_timing": {"infer_ms": 1000 * (time.perf_counter() - began_s)}})


def serve_from(
    parser: argparse.ArgumentParser,
    port: int,
    run: Callable[[argparse.Namespace], Coroutine[Any, Any, None]],
    argv: Sequence[str] | None,
) -> int:
    """The whole process of such a server, which `parser` names the policy for; its exit code.  A refusal is said in words."""
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=port)
    told = parser.parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        asyncio.run(run(told))
    except Refused as refusal:
        sys.stderr.write(refusal.sentence + "\n")
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


async def _refuse(socket: ServerConnection, why: str) -> None:
    with contextlib.suppress(ConnectionClosed):
        await socket.send(why)
        await socket.close(1011, "the text before this says why")


def _health(connection: ServerConnection, request: Request) -> Response | None:
    return connection.respond(http.HTTPStatus.OK, "OK\n") if request.path == "/healthz" else None
