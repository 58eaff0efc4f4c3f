"""A robot's pilot on its own socket, and a server that lives in the test."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fleet.models import Organisation, Robot
from policies.models import PolicyVersion
from policies.serving.answering import answer
from policies.serving.batching import Rules
from policies.serving.health import Health
from policies.serving.taking import Desk
from protocol import inference
from protocol.inference import Chunk, Observed, Trouble
from protocol.policy import Policy
from tests.fleet.rig import BODY, RobotProgram, Socket
from tests.policies.serving.rig import PLACES, Acting, client, decision, observed


def version(organisation: Organisation, **fields: Any) -> PolicyVersion:
    about = {"name": "starter", "number": 1, "sha256": "0" * 64, "kinds": [BODY.kind], "made_by": "Ada", **fields}
    return PolicyVersion.objects.create(organisation=organisation, **about)


class Pilot(RobotProgram):
    def __init__(self, row: Robot, key: Ed25519PrivateKey) -> None:
        Socket.__init__(self, "/ws/robot/infer/")
        self.row, self.key = row, key

    async def ask(self, policy: str, n: int = 1, **fields: Any) -> Observed:
        message = observed(n, BODY, policy=policy, **fields)
        await self.wire.send_to(bytes_data=inference.encode(message))
        return message

    async def told(self, within_s: float = 5.0) -> Chunk | Trouble:
        event = await self.wire.receive_output(within_s)
        assert event["type"] == "websocket.send", f"the socket closed: {event}"
        message: Chunk | Trouble = inference.decode(event["bytes"], inference.ToPilot)
        return message


def say_ready(policy: str, server: str = "s1") -> None:
    """As a server that answers does twice a second."""
    health = Health(server=server, worker="here:1", at_s=time.time(), ready_s=time.time())
    client().hset(PLACES.health(policy), server, msgspec.msgpack.encode(health))


class Serving:
    """Answers one policy's questions in a thread of the test."""

    def __init__(self, policy: str, act: Policy | None = None) -> None:
        self._policy, self._act = policy, act or Acting(lambda one: decision(BODY))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Serving:
        say_ready(self._policy)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        desk = Desk(client(), PLACES, self._policy, Rules(wait_s=0.0))
        while not self._over.is_set():
            say_ready(self._policy)
            desk.give(answer(desk.take(0.05), self._act, None, "here:1").said)
