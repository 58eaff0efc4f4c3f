"""Redis as wake-up and short memory: newest state, snapshot and presence of each robot.  Losing it loses nothing that lasts."""

from __future__ import annotations

import asyncio
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
import redis.asyncio as redis
from django.conf import settings

from protocol.state import RobotState

STATE_S, SNAPSHOT_S = 10, 10
CHANNEL = "robots"


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """What a robot's socket tells all processes.  `stop_ack` names a source the robot says it has latched."""

    robot: str
    online: bool = True
    state: RobotState | None = None
    snapshot: bool = False
    stop_ack: str = ""
    alert: str = ""


def key(kind: str, robot: str) -> str:
    return f"reins-{settings.MODE}:{kind}:{robot}"


def channel() -> str:
    return f"reins-{settings.MODE}:{CHANNEL}"


_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, redis.Redis] = WeakKeyDictionary()


def client() -> redis.Redis:
    """One connection pool for each event loop, with short time-outs: a stopped Redis must not stop anything else."""
    loop = asyncio.get_running_loop()
    if loop not in _clients:
        _clients[loop] = redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2, health_check_interval=5
        )
    return _clients[loop]


async def publish(update: Update) -> None:
    await client().publish(channel(), msgspec.msgpack.encode(update))


async def keep_state(robot: str, update: Update) -> None:
    """Remember for processes that start later, and wake those that run."""
    raw = msgspec.msgpack.encode(update)
    async with client().pipeline(transaction=False) as pipe:
        pipe.set(key("state", robot), raw, ex=STATE_S)
        pipe.publish(channel(), raw)
        await pipe.execute()


async def gone(robot: str) -> None:
    """Its connection ended: nothing is remembered as current."""
    await client().delete(key("state", robot))
    await publish(Update(robot=robot, online=False))


async def states(robots: list[str]) -> dict[str, Update]:
    """Newest updates that are still remembered."""
    if not robots:
        return {}
    raws: list[Any] = await client().mget([key("state", robot) for robot in robots])
    return {r: msgspec.msgpack.decode(raw, type=Update) for r, raw in zip(robots, raws, strict=True) if raw}


async def keep_snapshot(robot: str, camera: int, jpeg: bytes) -> None:
    """`camera` is its number in the Embodiment."""
    async with client().pipeline(transaction=False) as pipe:
        for about in (robot, f"{robot}:{camera}"):
            pipe.set(key("snapshot", about), jpeg, ex=SNAPSHOT_S)
        await pipe.execute()
    await publish(Update(robot=robot, snapshot=True))


async def snapshot(robot: str, camera: int | None = None) -> bytes | None:
    """The newest picture of one camera, or of whichever came last."""
    found: Any = await client().get(key("snapshot", robot if camera is None else f"{robot}:{camera}"))
    return bytes(found) if found else None


async def want_snapshots(robots: list[str]) -> None:
    """Somebody looks at these robots now; their sockets pass it on while this is fresh."""
    async with client().pipeline(transaction=False) as pipe:
        for robot in robots:
            pipe.set(key("looked-at", robot), b"1", ex=5)
        await pipe.execute()


async def snapshots_wanted(robot: str) -> bool:
    return bool(await client().exists(key("looked-at", robot)))
