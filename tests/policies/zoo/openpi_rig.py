"""A server of the openpi protocol that was written down byte by byte, and what it is asked."""

from __future__ import annotations

import asyncio
import queue
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import numpy as np
from websockets.asyncio.server import ServerConnection, serve

from policies.learning.zoo.openpi.config import OpenpiBody, OpenpiConfig
from protocol.policy import Observation
from tests.robot.recorder.rig import SMALL

BODY = OpenpiBody(
    embodiment=SMALL,
    cameras={"scene": "observation/exterior_image_1_left", "wrist": "observation/wrist_image_left"},
    state={"observation/joint_position": ("q2", "q0"), "observation/gripper_position": ("q1",)},
    actions=("gripper", "", "vx"),
)


def observation(instruction: str = "pick up the fork") -> Observation:
    rows = np.random.default_rng(1)
    images = {camera.name: rows.integers(0, 255, (24, 32, 3)).astype(np.uint8) for camera in SMALL.cameras}
    return Observation(5, SMALL.kind, instruction, np.array([0.1, 0.2, 0.3], np.float32), images)


def config(port: int, **fields: Any) -> OpenpiConfig:
    about = {"address": f"ws://127.0.0.1:{port}", "step_s": 0.05, "bodies": (BODY,), "side": 32, **fields}
    return OpenpiConfig(**about)


#: {"actions": 1 x 2 of float32}, as msgpack writes it: maps 0x80, short strings 0xa0, bytes 0xc4, lists 0x90
ANSWER = (
    b"\x81\xa7actions\x84"
    b"\xc4\x0b__ndarray__\xc3"
    b"\xc4\x04data\xc4\x08" + struct.pack("<2f", 0.25, -1.5) + b"\xc4\x05dtype\xa3<f4"
    b"\xc4\x05shape\x92\x01\x02"
)
NUMBER = b"\x81\xa1x\x83\xc4\x0d__npgeneric__\xc3\xc4\x04data\x07\xc4\x05dtype\xa3<i8"
THREE = ANSWER.replace(b"\xc4\x08" + struct.pack("<2f", 0.25, -1.5), b"\xc4\x0c" + struct.pack("<3f", 0.25, 9, -0.3)).replace(
    b"\x92\x01\x02", b"\x92\x01\x03"
)


def raw(**fields: Any) -> bytes:
    return msgspec.json.encode({**msgspec.to_builtins(config(1)), **fields})


@contextmanager
def running(listen: Callable[[], Any]) -> Iterator[int]:
    """An asyncio server in a thread; its port."""
    began: queue.Queue[tuple[int, asyncio.AbstractEventLoop, asyncio.Event]] = queue.Queue()

    async def live() -> None:
        over = asyncio.Event()
        server = await listen()
        began.put((server.sockets[0].getsockname()[1], asyncio.get_running_loop(), over))
        await over.wait()
        server.close()
        await server.wait_closed()

    thread = threading.Thread(target=lambda: asyncio.run(live()))
    thread.start()
    port, loop, over = began.get(timeout=10)
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)


@contextmanager
def foreign(answers: list[bytes | str], port: int = 0) -> Iterator[tuple[int, list[Any]]]:
    """A server as openpi's own: words about itself first, then these answers.  Gives what it was asked."""
    asked: list[Any] = []

    async def handle(socket: ServerConnection) -> None:
        await socket.send(b"\x81\xa5robot\xa5droid")
        async for raw in socket:
            asked.append(msgspec.msgpack.decode(raw))
            said = answers.pop(0)
            await socket.send(said)
            if isinstance(said, str):
                await socket.close(1011)

    with running(lambda: serve(handle, "127.0.0.1", port, compression=None)) as port:
        yield port, asked
