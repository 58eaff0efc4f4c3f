"""How a robot's processes log in on any socket: hello, a challenge, the proof that they have the robot's key."""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
import time
from abc import abstractmethod
from typing import Any

from asgiref.sync import sync_to_async
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from fleet import robots
from fleet.models import Robot
from fleet.socket import JsonSocket
from protocol import robot_link
from protocol.embodiment import Embodiment
from protocol.errors import Refused
from protocol.permit import login_bytes
from protocol.wire import Problem

LOGIN_S = 10.0


class KeySocket(JsonSocket):
    """Subclasses hand what they hear to `log_in` until `welcome` was called."""

    async def connect(self) -> None:
        self._row: Robot | None = None
        self._body: Embodiment | None = None
        self._program = self._nonce = ""
        self._welcomed = False
        await self.accept()
        self.start(self._login_timeout())

    @abstractmethod
    async def welcome(self, row: Robot) -> None:
        """The key is proven."""

    async def log_in(self, message: Any) -> None:
        try:
            if isinstance(message, robot_link.Hello) and not self._nonce:
                self._row, self._body = await sync_to_async(robots.knocking)(message)
                self._program = message.program
                self._nonce = secrets.token_urlsafe(24)
                await self.say(robot_link.Challenge(nonce=self._nonce))
            elif isinstance(message, robot_link.Proof) and self._row is not None and self._body is not None:
                _verify(self._row, self._nonce, message.signature)
                await sync_to_async(robots.describe)(self._row, self._body, self._program)
                self._welcomed = True
                await self.welcome(self._row)
            else:
                raise Refused("log_in_first", "Say hello, then answer the challenge.")
        except Refused as refusal:
            await self.say(Problem(code=refusal.code, sentence=refusal.sentence, detail=dict(refusal.detail)))
            await self.close(code=4401, reason=refusal.code)

    async def say_welcome(self, log_n: int) -> None:
        await self.say(robot_link.Welcome(time_ns=time.time_ns(), log_from=log_n + 1))

    async def _login_timeout(self) -> None:
        await asyncio.sleep(LOGIN_S)
        if not self._welcomed:
            await self.close(code=4401, reason="log_in_first")


def _verify(row: Robot, nonce: str, signature: str) -> None:
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(row.public_key, validate=True))
        key.verify(base64.b64decode(signature, validate=True), login_bytes(row.pk, nonce))
    except (InvalidSignature, binascii.Error, ValueError) as error:
        raise Refused("signature_invalid", "The signature does not fit this robot's key.") from error
