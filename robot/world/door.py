"""The door of a world process: a local socket where the same machine may ask for a reset, a step, colours or a judge.

Nothing that is asked here moves an arm, but in a lock-step world.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from protocol.errors import Refused
from robot.world import wire

_REQUEST_BYTES = 4096
log = logging.getLogger(__name__)


class Asked(Protocol):
    """What the door needs of the world behind it."""

    resets: int
    scene: str

    def reset(self, seed: int, scene: str) -> None: ...
    def step(self, request: wire.Step, now_s: float) -> None: ...
    def paint(self, colours: dict[str, str]) -> None: ...
    def aim(self, request: wire.Aim) -> None: ...


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    """`path` by way of an open folder: socket names hold 107 bytes, folders of a robot may be longer."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


class WorldDoor:
    """Serves any number of visitors from one thread, a bounded number of requests at a time."""

    def __init__(self, path: Path, world: Asked, lockstep: bool) -> None:
        self._world, self._path, self._lockstep = world, path, lockstep
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.setblocking(False)
        path.unlink(missing_ok=True)
        with _short(path) as name:
            self._listener.bind(name)
        path.chmod(0o600)
        self._listener.listen(8)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)

    def serve(self, timeout_s: float) -> None:
        """Waits at most `timeout_s`, answering who asks; never shorter, so that it can pace a loop."""
        end_s = time.monotonic() + timeout_s
        while True:
            for key, _ in self._selector.select(max(0.0, end_s - time.monotonic())):
                sock = key.fileobj
                if sock is self._listener:
                    visitor, _ = self._listener.accept()
                    visitor.setblocking(False)
                    self._selector.register(visitor, selectors.EVENT_READ)
                elif isinstance(sock, socket.socket):
                    self._answer(sock)
            if time.monotonic() >= end_s:
                return

    def close(self) -> None:
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._selector.close()
        self._path.unlink(missing_ok=True)

    def _answer(self, visitor: socket.socket) -> None:
        try:
            raw = visitor.recv(_REQUEST_BYTES)
            if raw:
                visitor.send(msgspec.msgpack.encode(self._do(raw)))
                return
        except OSError:  # the visitor is gone, or does not listen
            pass
        self._selector.unregister(visitor)
        visitor.close()

    def _do(self, raw: bytes) -> wire.Answer:
        try:
            request = msgspec.msgpack.decode(raw, type=wire.Request)
            if isinstance(request, wire.Reset):
                self._world.reset(request.seed, request.scene or self._world.scene)
            elif isinstance(request, wire.Paint):
                self._world.paint(request.colours)
            elif isinstance(request, wire.Aim):
                self._world.aim(request)
            elif self._lockstep:
                self._world.step(request, time.monotonic())
            else:
                raise Refused("not_lockstep", "This world runs in real time. Start it in lock-step to step it.")
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return wire.Answer("request_unreadable", f"The request cannot be read: {error}.")
        except Refused as refused:
            return wire.Answer(refused.code, refused.sentence)
        except Exception as error:  # physics raise whatever they stumble over; the arm must go on being driven
            log.exception("a request could not be carried out")
            return wire.Answer("world_failed", f"The simulated world could not do it: {error}. Reset the scene.")
        return wire.Answer(resets=self._world.resets)


def ask_world(run_dir: Path, request: wire.Request, timeout_s: float = 10.0) -> wire.Answer:
    """Asks the world in `run_dir` and waits.  Refused("world_away") when there is none; other refusals as it says."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        sock.settimeout(timeout_s)
        try:
            with _short(run_dir / wire.DOOR) as name:
                sock.connect(name)
            sock.send(msgspec.msgpack.encode(request))
            answer = msgspec.msgpack.decode(sock.recv(_REQUEST_BYTES), type=wire.Answer)
        except (OSError, msgspec.DecodeError) as error:
            raise Refused("world_away", f"The simulated world does not answer ({error}). Is the robot running?") from error
    if answer.code:
        raise Refused(answer.code, answer.sentence)
    return answer
