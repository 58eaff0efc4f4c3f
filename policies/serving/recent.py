"""What a robot's policy was shown in the last seconds, for whoever is asked for help.  Kept in Redis, never longer."""

from __future__ import annotations

import msgspec
import redis
from django.conf import settings

from policies.serving.places import Places

KEPT_S = 15
MOST = 20 * KEPT_S  # pictures of one robot; policies ask less often than that
LIFE_S = 60  # after the last of them: whoever answers a call for help needs a moment


class Shown(msgspec.Struct, frozen=True, array_like=True):
    captured_ns: int
    pictures: dict[str, bytes]


def places() -> Places:
    return Places(f"reins-{settings.MODE}")


def encode(captured_ns: int, pictures: dict[str, bytes]) -> bytes:
    return msgspec.msgpack.encode(Shown(captured_ns, pictures))


def last(robot: str, seconds: float = KEPT_S) -> list[tuple[int, dict[str, bytes]]]:
    """(captured_ns, JPEG by camera), oldest first, of the `seconds` before the newest one.

    Raises redis.exceptions.RedisError when Redis is away.
    """
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
    try:
        raws: list[bytes] = client.lrange(places().recent(robot), 0, -1)  # type: ignore[assignment]
    finally:
        client.close()
    shown = [msgspec.msgpack.decode(raw, type=Shown) for raw in raws]
    newest_ns = max((one.captured_ns for one in shown), default=0)
    return [(one.captured_ns, one.pictures) for one in shown if newest_ns - one.captured_ns <= seconds * 1e9]
