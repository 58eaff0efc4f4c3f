"""What a robot program and a page do on their sockets, in a few words; against the real application."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import time
from typing import Any

import msgspec
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.test import Client

from fleet.models import Person, Robot, Site
from protocol import robot_link
from protocol.embodiment import Axis, Camera, Embodiment, Quantity
from protocol.permit import login_bytes
from protocol.state import RobotState
from protocol.wire import encode

HOST = "testserver"
_EYE = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0))
BODY = Embodiment(
    name="tabletop",
    state=(Quantity("joint", "rad", -3.0, 3.0),),
    action=(Axis("vx", "m/s", -0.35, 0.35, 1.0),),
    control_hz=50.0,
    record_hz=30.0,
    policy_hz=10.0,
    cameras=(Camera("main", 640, 480, 30.0, ((500.0, 0.0, 320.0), (0.0, 500.0, 240.0), (0.0, 0.0, 1.0)), "world", _EYE),),
)


def embodiment(body: Embodiment = BODY) -> str:
    return msgspec.json.encode(body).decode()


def public_key(key: Ed25519PrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def make_robot(site: Site, name: str, key: Ed25519PrivateKey | None = None) -> tuple[Robot, Ed25519PrivateKey]:
    key = key or Ed25519PrivateKey.generate()
    row = Robot.objects.create(
        site=site, name=name, public_key=public_key(key), embodiment=msgspec.to_builtins(BODY), embodiment_hash=BODY.hash
    )
    return row, key


def state(**fields: Any) -> RobotState:
    return RobotState(**{"mode": "SAFE_HOLD", "reason": "BOOT", "time_ns": time.time_ns(), **fields})


OPEN: list[Socket] = []  # by this test, to hang up


class Socket:
    """One WebSocket to the application; messages go in and come out as dicts."""

    def __init__(self, path: str, headers: dict[str, str] | None = None) -> None:
        from config.asgi import application

        raw = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        self.wire = WebsocketCommunicator(application, path, headers=raw)

    async def open(self) -> tuple[bool, int | None]:
        """(accepted, close code)."""
        OPEN.append(self)
        return await self.wire.connect(timeout=5)

    async def tell(self, message: Any) -> None:
        await self.wire.send_to(text_data=message if isinstance(message, str) else encode(message))

    async def hear(self, kind: str, within_s: float = 5.0) -> dict[str, Any]:
        """The next message of this type; others are passed over."""
        end_s = time.monotonic() + within_s
        while True:
            event = await self.wire.receive_output(max(0.01, end_s - time.monotonic()))
            assert event["type"] == "websocket.send", f"{kind} was expected, the socket closed: {event}"
            message: dict[str, Any] = json.loads(event["text"])
            if message["type"] == kind:
                return message

    async def closed(self, within_s: float = 5.0) -> int:
        """The code with which the server closes; messages before that are passed over."""
        return int((await self.closing(within_s))["code"])

    async def closing(self, within_s: float = 5.0) -> dict[str, Any]:
        end_s = time.monotonic() + within_s
        while True:
            event = await self.wire.receive_output(max(0.01, end_s - time.monotonic()))
            if event["type"] == "websocket.close":
                await self.wire.disconnect(code=event.get("code", 1000), timeout=5)
                return dict(event)

    async def leave(self) -> None:
        await self.wire.disconnect(timeout=5)

    async def hang_up(self) -> None:
        """At the end of a test: the socket is gone, whatever state it was in."""
        if not self.wire.future.done():
            with contextlib.suppress(TimeoutError, asyncio.CancelledError):
                await self.wire.disconnect(timeout=2)


class RobotProgram(Socket):
    """The link of a robot: logs in with its key."""

    def __init__(self, row: Robot, key: Ed25519PrivateKey) -> None:
        super().__init__("/ws/robot/")
        self.row, self.key = row, key

    def hello(self, **changes: Any) -> robot_link.Hello:
        fields = {"robot": self.row.pk, "protocol": 1, "program": "0.1.0", "embodiment": embodiment(), **changes}
        return robot_link.Hello(**fields)

    async def knock(self, **changes: Any) -> None:
        """Connects and answers the challenge."""
        assert (await self.open())[0]
        await self.tell(self.hello(**changes))
        challenge = await self.hear("challenge")
        signature = self.key.sign(login_bytes(self.row.pk, challenge["nonce"]))
        await self.tell(robot_link.Proof(signature=base64.b64encode(signature).decode()))

    async def log_in(self) -> dict[str, Any]:
        await self.knock()
        return await self.hear("welcome")

    async def report(self, **fields: Any) -> None:
        await self.tell(robot_link.Report(state=state(**fields)))

    async def speak(self) -> None:
        """Reports for ever, as a living robot does."""
        while True:
            await self.report()
            await asyncio.sleep(0.05)


async def sign_in(person: Person) -> dict[str, str]:
    """Headers of a page of this site that the person is signed in on."""
    return {"origin": f"http://{HOST}", "host": HOST, "cookie": f"sessionid={await sync_to_async(_session)(person)}"}


def _session(person: Person) -> str:
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client.cookies["sessionid"].value


async def fleet_page(person: Person) -> Socket:
    page = Socket("/ws/fleet/", await sign_in(person))
    assert (await page.open())[0]
    return page


async def as_kept(robot: Robot) -> Robot:
    """The row as the database has it now."""
    return await Robot.objects.aget(pk=robot.pk)
