"""Our policies for everybody's robots: a server of the openpi protocol.

`python -m policies.learning.zoo.openpi.server FOLDER MAPPING.json --port 8001`: a policy's folder, and an `OpenpiBody` that says
which keys the robot uses.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from policies.learning.zoo.openpi import codec
from policies.learning.zoo.openpi.config import OpenpiBody, answer, observation
from protocol.errors import Refused
from protocol.policy import Policy, check_decision

log = logging.getLogger(__name__)
MOST_BYTES = 32 << 20  # of a question


class OpenpiServer:
    """One policy for any number of connections; questions are answered one after the other."""

    def __init__(self, policy: Policy, body: OpenpiBody, step_s: float = 0.0) -> None:
        self._policy, self._body, self._thinking = policy, body.check(), asyncio.Lock()
        self._about: dict[str, object] = {"robot": body.embodiment.name, "actions": list(body.actions), "server": "reins"}
        if step_s:
            self._about["step_s"] = step_s

    async def listen(self, host: str, port: int) -> Server:
        return await serve(self._connection, host, port, compression=None, max_size=MOST_BYTES, process_request=_health)

    async def _connection(self, socket: ServerConnection) -> None:
        await socket.send(codec.encode(self._about))
        try:
            async for raw in socket:
                async with self._thinking:  # elsewhere, so that others are heard meanwhile
                    told = await asyncio.to_thread(self._answer, raw)
                await socket.send(told)
        except ConnectionClosed:
            log.info("a robot left in the middle of a question")
        except Refused as refusal:
            await _refuse(socket, f"{refusal.code}: {refusal.sentence}")
        except Exception as error:  # whatever a policy stumbles over, the robot hears that it did
            log.warning("the policy failed", exc_info=True)
            await _refuse(socket, f"policy_failed: The policy failed: {type(error).__name__}.")

    def _answer(self, raw: str | bytes) -> bytes:
        if isinstance(raw, str):
            raise Refused("openpi_message", "Questions are binary.")
        began_s = time.perf_counter()
        given = observation(self._body, codec.decode(raw))
        [decided] = self._policy.act([given])
        actions = answer(self._body, check_decision(decided, self._body.embodiment))
        return codec.encode({"actions": actions, "server_timing": {"infer_ms": 1000 * (time.perf_counter() - began_s)}})


async def _refuse(socket: ServerConnection, why: str) -> None:
    with contextlib.suppress(ConnectionClosed):
        await socket.send(why)
        await socket.close(1011, "the text before this says why")


def _health(connection: ServerConnection, request: Request) -> Response | None:
    return connection.respond(http.HTTPStatus.OK, "OK\n") if request.path == "/healthz" else None


def read_mapping(path: Path) -> OpenpiBody:
    """Refused: `policy_config`."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=OpenpiBody).check()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("policy_config", f"{path} cannot be read: {error}.") from error


async def run(folder: Path, mapping: Path, host: str, port: int) -> None:
    import torch

    from policies.learning.policy import open_policy

    torch.set_num_threads(1)
    policy = open_policy(folder)
    server = await OpenpiServer(policy, read_mapping(mapping), policy.model.config.step_s).listen(host, port)
    log.warning("serving %s at ws://%s:%d", folder.name, host, port)
    await server.serve_forever()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("mapping", type=Path)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8001)
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        asyncio.run(run(options.folder, options.mapping, options.host, options.port))
    except Refused as refusal:
        sys.stderr.write(refusal.sentence + "\n")
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
