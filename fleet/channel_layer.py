"""The channel layer: Redis, but a Redis that goes away pauses messages instead of closing every socket."""

from __future__ import annotations

import asyncio
from typing import Any

import redis.exceptions
from channels_redis.core import RedisChannelLayer

RETRY_S = 0.5


class PatientLayer(RedisChannelLayer):
    """Waiting for the next message survives what sending may not: a refused or silent Redis."""

    brpop_timeout = 1  # seconds of one wait; how long a socket that is over may wait on

    async def receive(self, channel: str) -> Any:
        while True:
            try:
                return await super().receive(channel)
            except (redis.exceptions.RedisError, OSError):
                _end_if_cancelled()
                await asyncio.sleep(RETRY_S)

    async def _brpop_with_clean(self, index: int, channel: str, timeout: float) -> Any:  # noqa: ASYNC109
        found = await super()._brpop_with_clean(index, channel, timeout)
        if found is None:
            _end_if_cancelled()
        return found


def _end_if_cancelled() -> None:
    """The client swallows a cancellation that meets the making of its connection; whoever was cancelled must end."""
    task = asyncio.current_task()
    if task is not None and task.cancelling() > 0:
        raise asyncio.CancelledError
