"""The channel layer: Redis, but a Redis that goes away pauses messages instead of closing every socket."""

from __future__ import annotations

import asyncio
from typing import Any

import redis.exceptions
from channels_redis.core import RedisChannelLayer

RETRY_S = 0.5


class PatientLayer(RedisChannelLayer):
    """Waiting for the next message survives what sending may not: a refused or silent Redis."""

    async def receive(self, channel: str) -> Any:
        while True:
            try:
                return await super().receive(channel)
            except (redis.exceptions.RedisError, OSError):
                await asyncio.sleep(RETRY_S)
