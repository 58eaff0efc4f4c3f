"""A kernel on the bench: real doors, mailbox, rings and signatures, a body that notes what it was told.  Not a test."""

from __future__ import annotations

import base64
import itertools
from pathlib import Path

import msgspec
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from protocol import command as wire
from protocol.command import Command
from protocol.permit import Permit, Renewal, Signed, seal
from protocol.row import Row
from robot.bodies.body import BodyState
from robot.door import Door, door_pair
from robot.kernel import door as words
from robot.kernel.door import Answer, Event, Status, Stopped
from robot.kernel.kernel import Kernel, Outlets
from robot.kernel.latch import Latch
from robot.kernel.permits import ServerKey
from robot.layout import EVENT_BYTES, EVENT_SLOTS, ROW_BYTES, ROW_SLOTS, STATUS_BYTES
from robot.mailbox import Mailbox
from robot.rings import Ring
from tests.robot.kernel.rig import FORTH, POINT, ZERO

SERVER = Ed25519PrivateKey.generate()
KEY = base64.b64encode(SERVER.public_key().public_bytes_raw()).decode()
Told = Answer | Stopped | Event


class Body:
    """Remembers what it was told; `state` is what it says."""

    embodiment = POINT
    watchdog_s = 0.15

    def __init__(self) -> None:
        self.state: BodyState | None = BodyState(0.0, np.array([0.0, 0.25], np.float32), (0.0, 0.0, 0.5))
        self.told: list[tuple[float, ...] | str] = []

    def observe(self) -> BodyState | None:
        return self.state

    def act(self, action: NDArray[np.float32]) -> None:
        assert action.dtype == np.float32
        self.told.append(tuple(action.tolist()))

    def stop(self) -> None:
        self.told.append("stop")

    def close(self) -> None:
        pass


class Bench:
    """A kernel, and the other ends of its doors."""

    def __init__(self, folder: Path, epoch: int = 1, remote_motion: bool = True) -> None:
        self.now, self.body, self.folder = 0.0, Body(), folder
        pairs = {name: door_pair() for name in words.DOORS}
        self.doors = {name: Door(theirs) for name, (_, theirs) in pairs.items()}
        self.status_box = Mailbox.create(folder / "status", STATUS_BYTES)
        self.rows = Ring.create(folder / "rows", ROW_SLOTS, ROW_BYTES)
        self.events = Ring.create(folder / "events", EVENT_SLOTS, EVENT_BYTES)
        self.kernel = Kernel(
            self.body, ServerKey(KEY, "robot-1"), {name: Door(ours) for name, (ours, _) in pairs.items()},
            Outlets(self.status_box, self.rows, self.events), Latch(folder / "latch"), epoch=epoch,
            remote_motion=remote_motion, now_s=0.0, utc_ns=lambda: 10**18 + round(self.now * 1e9),
        )  # fmt: skip
        self.numbers = itertools.count()

    def tick(self, after: float = 0.02) -> Status:
        self.now += after
        if self.body.state is not None:
            self.body.state = BodyState(self.now, self.body.state.state, self.body.state.tool_m, self.body.state.torque)
        self.kernel.tick(self.now, lambda: self.now + 0.001)
        return self.status()

    def status(self) -> Status:
        found = self.status_box.get()
        assert found is not None
        assert found[1] == self.now
        return words.decode_status(found[0])

    def ask(self, message: msgspec.Struct, door: str = "link") -> list[Told]:
        """Sends, ticks, and gives what came back through the same door, without events."""
        assert self.doors[door].send(message)
        self.tick()
        told = [words.decode_from_kernel(packet) for packet in self.doors[door].packets(100)]
        return [message for message in told if not isinstance(message, Event)]

    def answer(self, message: msgspec.Struct, door: str = "link") -> Answer:
        (answer,) = self.ask(message, door)
        assert isinstance(answer, Answer)
        return answer

    def permit(self, act: str = "drive", fingerprint: str = "AA", robot: str = "robot-1") -> Signed:
        nonce = self.kernel.authority.nonces.current(self.now)
        permit = Permit(robot=robot, act=act, person="ann", name="Ann", fingerprint=fingerprint, nonce=nonce)  # type: ignore[arg-type]
        return sign(permit)

    def send(self, kind: int, values: tuple[float, ...] = (), door: str = "link", **origin: object) -> None:
        number = next(self.numbers)
        lease = self.kernel.authority.lease
        epoch, seq = (lease.epoch, lease.seq) if lease else (1, 1)
        raw = wire.pack(Command(kind, wire.DEADMAN, epoch, seq, number, round(self.now * 1e6), 0, values))
        message = words.Command(fingerprint="AA", raw=raw, seen_capture_mono_s=self.now, **origin)  # type: ignore[arg-type]
        assert self.doors[door].send(message)

    def drive(self, values: tuple[float, ...] = FORTH) -> None:
        """Takes the lease and moves: two ticks."""
        assert self.answer(words.Acquire(id="a", fingerprint="AA", permit=self.permit())).code == ""
        self.send(wire.HEARTBEAT)
        self.send(wire.COMMAND, ZERO)
        self.send(wire.COMMAND, values)
        self.tick()

    def row(self) -> Row:
        return words.decode_row(self.rows.reader(oldest=True).read()[0][-1])

    def told_events(self) -> list[Event]:
        return [words.decode_event(record) for record in self.events.reader(oldest=True).read()[0]]


def sign(message: Permit | Renewal) -> Signed:
    payload = msgspec.json.encode(message)
    return seal(payload, SERVER.sign(payload))
