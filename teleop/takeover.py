"""Asking the person who drives for the lease: their answer, or ten seconds without one."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from fleet.models import Person
from protocol.errors import Refused

PATIENCE_S = 10.0


class Takeover:
    """One page's asking.  `tell` reaches all pages of the robot; only the holder's shows the question."""

    def __init__(self, robot: str, person: Person, tell: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
        self._robot, self._person, self._tell = robot, person, tell
        self._asked = ""
        self._answer: asyncio.Future[bool] | None = None

    async def ask(self, patience_s: float = PATIENCE_S) -> tuple[bool, Literal["holder", "timeout"]]:
        """(consent, who decided).  Without an answer the person may take it."""
        if self._answer is not None:
            raise Refused("asked_already", "The holder has been asked; wait for the answer.")
        self._asked, self._answer = uuid.uuid4().hex, asyncio.get_running_loop().create_future()
        try:
            event = {"type": "take.asked", "request": self._asked, "name": self._person.shown, "seconds": patience_s}
            await self._tell(event)
            return await asyncio.wait_for(self._answer, patience_s), "holder"
        except TimeoutError:
            return True, "timeout"
        finally:
            self._answer = None

    def answered(self, request: str, consent: bool) -> None:
        if self._answer is not None and request == self._asked and not self._answer.done():
            self._answer.set_result(consent)
