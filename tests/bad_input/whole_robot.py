"""The robot's side of a session from the data channels to the actuator: real sessions, real kernel, a body that remembers.

Only the network (a fake peer), the clock and the server are not real; the server's key is.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from protocol import channel, command, wire
from protocol.permit import Permit, Signed, seal
from protocol.robot_link import Offer
from robot import layout
from robot.bodies.body import BodyState
from robot.door import Door, door_pair
from robot.kernel import door
from robot.kernel.kernel import Kernel, Outlets
from robot.kernel.latch import Latch
from robot.kernel.permits import ServerKey
from robot.link.frame_table import first_index
from robot.link.outlets import Outlets as LinkOutlets
from robot.link.outlets import PeerEvents
from robot.link.session import Sessions
from robot.mailbox import Mailbox
from robot.media import door as media_door
from robot.rings import Ring
from tests.robot.link.fake_peer import EMBODIMENT, FakePeer, fingerprint, state
from tests.robot.link.test_sdp import offer as sdp_offer

DT_S = 0.02
START_S = 100.0
FORTH = 0.4  # m/s of the one axis


class RememberingBody:
    """Keeps the last action."""

    embodiment = EMBODIMENT
    watchdog_s = 0.15

    def __init__(self, robot: WholeRobot) -> None:
        self._robot = robot
        self.action = [0.0]

    def observe(self) -> BodyState | None:
        return BodyState(self._robot.now_s, np.zeros(1, np.float32), None)

    def act(self, action: NDArray[np.float32]) -> None:
        self.action = action.tolist()

    def stop(self) -> None:
        self.action = [0.0]

    def close(self) -> None:
        return None


class WholeRobot:
    """`tick` lets 20 ms pass: a picture where one is due, one turn of the kernel, what the link does with its words."""

    def __init__(self, folder: Path) -> None:
        self.now_s = START_S
        self.body = RememberingBody(self)
        self.server = Ed25519PrivateKey.generate()
        key = base64.b64encode(self.server.public_key().public_bytes_raw()).decode()
        self._status = Mailbox.create(folder / "status", layout.STATUS_BYTES)
        rows = Ring.create(folder / "rows", layout.ROW_SLOTS, layout.ROW_BYTES)
        events = Ring.create(folder / "events", layout.EVENT_SLOTS, layout.EVENT_BYTES)
        kernel_end, link_end = door_pair()
        self._link = Door(link_end)
        self.kernel = Kernel(
            self.body, ServerKey(key, "r1"), {"link": Door(kernel_end)}, Outlets(self._status, rows, events),
            Latch(folder / "latch"), epoch=7, remote_motion=True, now_s=self.now_s, utc_ns=lambda: 0,
        )  # fmt: skip
        outlets = LinkOutlets(self._link.send, lambda _: True, self._record, self._reset, self._paint, lambda _: None)
        self.sessions = Sessions("r1", EMBODIMENT, outlets, self.server.sign, lambda: self.now_s, self._new_peer)
        self.sessions.set_state(state())
        self.recorded: list[Any] = []
        self.peer: FakePeer
        self._n = {"command": 0, "heartbeat": 0}

    # -- time

    def tick(self) -> None:
        self.now_s += DT_S
        index = int(self.now_s * 30)
        self.sessions.on_media_packet(
            media_door.Packet(
                camera="scene",
                index=index,
                capture_mono_s=self.now_s,
                keyframe=True,
                data=b"\0\0\0\1\x65picture",
                render_ms=0,
                capture_ms=0,
                encode_ms=0,
                sent_mono_s=self.now_s,
            )
        )
        self.kernel.tick(self.now_s, lambda: self.now_s)
        for packet in self._link.packets(100):
            self.sessions.on_kernel_event(door.decode_from_kernel(packet))
        self.sessions.set_status(self.status)
        self.sessions.tick()

    def run(self, seconds: float, value: float | None) -> None:
        """A good page: heartbeats and, unless `value` is None, commands each tick."""
        for _ in range(round(seconds / DT_S)):
            self.peer.events.on_control(self.datagram(command.HEARTBEAT))
            if value is not None:
                self.peer.events.on_control(self.datagram(values=(value,)))
            self.tick()

    @property
    def status(self) -> door.Status:
        found = self._status.get()
        assert found is not None
        return door.decode_status(found[0])

    # -- what a page does

    async def connect(self, session: str = "s1") -> None:
        offered = sdp_offer(f"sha-256 {fingerprint(session)}")
        await self.sessions.offer(Offer(session=session, person="p1", name="Ada", sdp=offered))
        self.peer.events.on_open()
        self.tick()

    def say(self, message: wire.Message) -> None:
        self.peer.events.on_state(wire.encode(message))

    def acquire(self) -> channel.Granted | wire.Problem:
        self.say(channel.Acquire(id="take", permit=self.permit("drive")))
        self.tick()
        answer = self.peer.said[-1]
        answers = [said for said in self.peer.said if said.id == "take"]
        assert answers, answer
        granted: channel.Granted | wire.Problem = answers[-1]
        return granted

    async def drive(self) -> None:
        """Granted, neutral, then FORTH until the output has it."""
        await self.connect()
        assert isinstance(self.acquire(), channel.Granted)
        self.run(0.1, 0.0)
        self.run(0.6, FORTH)
        assert abs(self.body.action[0] - FORTH) < 1e-6

    def permit(self, act: str, **changes: Any) -> Signed:
        fields: dict[str, Any] = {
            "robot": "r1", "act": act, "person": "p1", "name": "Ada", "fingerprint": self.peer.remote_fingerprint,
            "nonce": self.status.nonce, **changes,
        }  # fmt: skip
        payload = msgspec.json.encode(Permit(**fields))
        return seal(payload, self.server.sign(payload))

    def datagram(self, kind: int = command.COMMAND, values: tuple[float, ...] = (0.0,), **changes: Any) -> bytes:
        """A good datagram of the current lease, but for `changes`."""
        name = "heartbeat" if kind == command.HEARTBEAT else "command"
        self._n[name] += 1
        lease = self.status.lease
        fields: dict[str, Any] = {
            "epoch": lease.epoch if lease else 7, "seq": lease.seq if lease else 1, "n": self._n[name],
            "sent_us": round(self.now_s * 1e6), "seen_frame": int(self.now_s * 30) - first_index(START_S), **changes,
        }  # fmt: skip
        carried = values if kind == command.COMMAND else ()
        return command.pack(command.Command(kind, command.DEADMAN, values=carried, **fields))

    def told(self) -> dict[str, int]:
        """What the newest telemetry says was refused over the last second."""
        heard = self.peer.heard(channel.Telemetry)
        assert heard, "no telemetry yet"
        return dict(heard[-1].refused)

    # -- around it

    def _new_peer(self, ice_servers: Sequence[dict[str, Any]], events: PeerEvents) -> Any:
        self.peer = FakePeer(ice_servers, events)
        return self.peer

    async def _record(self, person: str, name: str, request: Any) -> None:
        self.recorded.append(request)

    async def _reset(self, seed: int | None) -> None:
        self.recorded.append(seed)

    async def _paint(self, colours: dict[str, str]) -> None:
        self.recorded.append(colours)
