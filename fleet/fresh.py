"""One answer that many ask for: read from the database at most once a second, shared by all sockets of a process."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from asgiref.sync import sync_to_async
from django.db import Error

log = logging.getLogger(__name__)
T = TypeVar("T")


class Fresh(Generic[T]):
    """`read` is a plain function that may query.  While the database is away the last answer holds for `keep_s`; what
    `stale` makes of it holds after that.

    The first to ask after `every_s` reads; who asks meanwhile gets the last answer, or waits when there is none yet.
    """

    def __init__(
        self,
        read: Callable[[], T],
        empty: T,
        stale: Callable[[T], T] = lambda value: value,
        every_s: float = 1.0,
        keep_s: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._value, self._stale = read, empty, stale
        self._every_s, self._keep_s, self._clock = every_s, keep_s, clock
        self._tried_s = self._read_s = float("-inf")
        self._known = False
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    async def get(self) -> T:
        if not self._due():
            return self._value
        lock = self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())
        if lock.locked() and self._known:
            return self._value
        async with lock:
            if self._due():
                await self._renew()
        return self._value

    def forget(self) -> None:
        """The next who asks reads again, and the others wait for it (after a change made in this process)."""
        self._tried_s, self._known = float("-inf"), False

    def _due(self) -> bool:
        return not self._known or self._clock() - self._tried_s >= self._every_s

    async def _renew(self) -> None:
        self._tried_s = self._clock()
        try:
            self._value = await sync_to_async(self._read)()
            self._read_s = self._clock()
        except Error as error:
            log.warning("The database does not answer (%s)", error)
            if self._clock() - self._read_s > self._keep_s:
                self._value = self._stale(self._value)
        self._known = True
