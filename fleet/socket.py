"""What every WebSocket of the site does alike: strict messages, floods, and for people the session and the page's origin.

Close codes: 4400 wrong kind of frame, 4401 not signed in, 4403 session or right gone, 4404 nothing here, 4408 too slow,
4429 too many messages, 4500 the server failed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from abc import abstractmethod
from collections.abc import Coroutine
from typing import Any
from urllib.parse import urlsplit

import msgspec
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from fleet.limits import Ids, Rate
from fleet.models import Person
from fleet.sessions import sessions
from protocol.errors import Refused
from protocol.wire import MAX_MESSAGE, decode, encode, problem

log = logging.getLogger(__name__)
END_S = 0.2  # how long background work may take to notice that it is over
WATCH_S = 0.25  # how often a socket looks whether its session is still good


class JsonSocket(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Subclasses name the union `messages` and write `hear`; anything refused is answered, nothing is ever half done."""

    messages: Any
    per_s: float = 100.0
    longest: int = MAX_MESSAGE  # bytes of one message

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._rate = Rate(self.per_s)
        self._ids = Ids()
        self._background: set[asyncio.Task[None]] = set()

    @abstractmethod
    async def hear(self, message: Any) -> None:
        """One message of `messages`, decoded."""

    async def hear_bytes(self, data: bytes) -> None:
        await self.close(code=4400)

    async def say(self, message: msgspec.Struct) -> None:
        await self.send(text_data=encode(message))

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if not self._rate.take(time.monotonic()):
            await self.close(code=4429)
            return
        if text_data is None:
            await self.hear_bytes(bytes_data or b"")
            return
        id = ""
        try:
            message = decode(text_data, self.messages, self.longest)
            id = message.id
            if id and not self._ids.fresh(id):
                raise Refused("id_reuse", "This id was used before; nothing was done.")
            await self.hear(message)
        except Refused as refusal:
            await self.say(problem(refusal, id))

    async def to_socket(self, event: dict[str, Any]) -> None:
        """Text from another process of the site, already a message of this socket's protocol."""
        await self.send(text_data=event["text"])

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Work that ends with the socket; what it raises closes the socket instead of vanishing."""
        task = asyncio.create_task(self._guarded(work))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("%s: background work failed", type(self).__name__)
            await self.close(code=4500)

    async def disconnect(self, code: int) -> None:
        left = set(self._background) - {asyncio.current_task()}
        while left:  # more than once: waiting with a time-out may swallow a cancellation
            for task in left:
                task.cancel()
            _, left = await asyncio.wait(left, timeout=END_S)
        with contextlib.suppress(asyncio.CancelledError):
            await self.ended(code)

    async def ended(self, code: int) -> None:
        """The socket is gone; let go of what it held."""


class PersonSocket(JsonSocket):
    """A page of somebody who is signed in.  The session is looked at again and again."""

    person: Person

    async def connect(self) -> None:
        if not self._own_page():
            await self.close()  # before accepting: the handshake fails with 403
            return
        await self.accept()
        user = self.scope.get("user")
        if not isinstance(user, Person) or not await sessions.valid(self._session_key(), user.pk):
            await self.close(code=4401)
            return
        self.person = user
        self.start(self._watch())
        try:
            await self.opened()
        except Refused as refusal:
            await self.say(problem(refusal))
            await self.close(code=4404)

    async def opened(self) -> None:
        """Called once for an accepted socket of a person."""

    async def still_welcome(self) -> bool:
        """Whether the person may keep this socket; asked every `WATCH_S`."""
        return True

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if not hasattr(self, "person"):
            return
        if not await sessions.valid(self._session_key(), self.person.pk):
            await self.close(code=4403)
            return
        await super().receive(text_data, bytes_data)

    async def _watch(self) -> None:
        # rights change in the database, which rings no bell
        while await sessions.valid(self._session_key(), self.person.pk) and await self.still_welcome():  # noqa: ASYNC110
            await asyncio.sleep(WATCH_S)
        await self.close(code=4403)

    def _session_key(self) -> str:
        return str(getattr(self.scope.get("session"), "session_key", "") or "")

    def _own_page(self) -> bool:
        """Only pages of this site may open it: Origin's host must be the one that was asked for, or a trusted one."""
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self.scope["headers"]}
        origin = headers.get("origin", "")
        if origin in settings.CSRF_TRUSTED_ORIGINS:
            return True
        parts = urlsplit(origin)
        return parts.scheme in ("http", "https") and parts.netloc == headers.get("host", "")
