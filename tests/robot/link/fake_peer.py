"""A connection that keeps what it is told, and a robot to talk about.  For tests of sessions without a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from protocol import channel, command, wire
from protocol.embodiment import Axis, Camera, Embodiment, Quantity
from protocol.errors import Refused
from protocol.permit import Signed
from protocol.robot_link import Offer, SessionEnded
from protocol.state import RobotState
from robot.kernel import door
from robot.link.outlets import Outlets, PeerEvents, RecordRequest
from robot.link.sdp import Offered
from robot.link.session import Sessions
from robot.media import door as media_door
from tests.robot.link.test_sdp import offer as sdp_offer

_EYE = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
_POSE = tuple(tuple(float(i == j) for j in range(4)) for i in range(4))
EMBODIMENT = Embodiment(
    "arm", (Quantity("q", "rad", -1, 1),), (Axis("vx", "m/s", -1, 1, 1),), 50, 30, 10,
    tuple(Camera(name, 640, 480, 30, _EYE, "base", _POSE) for name in ("scene", "wrist")),
)  # fmt: skip
SIGNED = Signed("cGF5bG9hZA==", "c2lnbmF0dXJl")


class FakePeer:
    """Answers every offer and writes down what it is told."""

    def __init__(self, ice_servers: Sequence[dict[str, Any]], events: PeerEvents) -> None:
        self.events, self.ice_servers = events, ice_servers
        self.cameras: tuple[str, ...] = ()
        self.local_fingerprint, self.remote_fingerprint = "LOCAL", ""
        self.rtp_origin: dict[str, int] = {}
        self.buffered = 0
        self.said: list[Any] = []
        self.control: list[bytes] = []
        self.pushed: list[tuple[str, int]] = []
        self.restarted: list[str] = []
        self.closed = False

    async def answer(self, offered: Offered, cameras: Sequence[str]) -> str:
        self.cameras, self.remote_fingerprint = tuple(cameras), offered.fingerprint
        self.rtp_origin = dict.fromkeys(cameras, 7)
        return "answer"

    def send_state(self, text: str) -> None:
        self.said.append(wire.decode(text, channel.FromRobot))

    def send_control(self, raw: bytes) -> None:
        self.control.append(raw)

    def push(self, camera: str, index: int, keyframe: bool, payloads: list[bytes]) -> None:
        self.pushed.append((camera, index))

    def restart(self, camera: str) -> None:
        self.restarted.append(camera)

    async def close(self) -> None:
        self.closed = True

    def heard(self, kind: type[Any]) -> list[Any]:
        return [message for message in self.said if isinstance(message, kind)]


class Stage:
    """Sessions with everything around them written down.  `now_s` is the clock; `kernel_full` closes its door."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.kernel_full = False
        self.to_kernel: list[Any] = []
        self.to_media: list[Any] = []
        self.recorded: list[tuple[str, str, RecordRequest]] = []
        self.ended: list[SessionEnded] = []
        self.peers: dict[str, FakePeer] = {}
        self.painted: list[dict[str, str]] = []
        outlets = Outlets(self._kernel, self._media, self._record, self._reset, self._paint, self.ended.append)
        self.sessions = Sessions("r1", EMBODIMENT, outlets, lambda raw: b"signed " + raw, lambda: self.now_s, self._peer)

    async def connect(self, session: str = "s1", person: str = "p1") -> FakePeer:
        """A session whose channels are open; its fingerprint is made of the session's name."""
        sdp = sdp_offer(f"sha-256 {fingerprint(session)}")
        await self.sessions.offer(Offer(session=session, person=person, name=person.title(), sdp=sdp))
        peer = self._last
        self.peers[session] = peer
        peer.events.on_open()
        return peer

    def ask(self, peer: FakePeer, message: msgspec.Struct) -> None:
        peer.events.on_state(wire.encode(message))

    def give_lease(self, peer: FakePeer) -> None:
        """The kernel says that this peer holds the lease."""
        holder = door.Holder(
            epoch=3, seq=4, kind="human", person="p1", name="P1", fingerprint=peer.remote_fingerprint, since_mono_s=99.0
        )
        self.sessions.set_status(status(lease=holder))

    def _peer(self, ice_servers: Sequence[dict[str, Any]], events: PeerEvents) -> Any:
        self._last = FakePeer(ice_servers, events)
        return self._last

    def _kernel(self, message: msgspec.Struct) -> bool:
        if not self.kernel_full:
            self.to_kernel.append(message)
        return not self.kernel_full

    def _media(self, message: msgspec.Struct) -> bool:
        self.to_media.append(message)
        return True

    async def _record(self, person: str, name: str, request: RecordRequest) -> None:
        if isinstance(request, channel.SaveLast):
            raise Refused("nothing_kept", "There is no pre-roll yet.")
        self.recorded.append((person, name, request))

    async def _reset(self, _: int | None) -> None:
        raise Refused("no_scene", "This robot has no scene to reset.")

    async def _paint(self, colours: dict[str, str]) -> None:
        self.painted.append(colours)


def fingerprint(session: str) -> str:
    digits = session.encode().hex().upper().ljust(64, "0")[:64]
    return ":".join(digits[i : i + 2] for i in range(0, 64, 2))


def status(lease: door.Holder | None = None, **changed: Any) -> door.Status:
    plain = door.Status(
        tick=1, mono_s=100.0, epoch=3, mode="SAFE_HOLD", reason="BOOT", actor="", since_mono_s=0.0, lease=lease, stops=(),
        remote_motion=True, held=False, nonce="n", permitted="direct", control_latency_ms=30.0, command_ms=4.0,
        apply_ms=1.0, asked=(0.5,), done=(0.25,), clamps=0b100, state=(0.1,), state_mono_s=100.0, tool_m=None,
        torque=(), refused={}, last_refusal="", missed_ticks=0, loop_p99_ms=0.1, messages_dropped=0,
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changed)


def state(**changed: Any) -> RobotState:
    return msgspec.structs.replace(RobotState(mode="SAFE_HOLD", reason="BOOT", time_ns=5), **changed)


FIRST, NUMBER = 2997, 297  # a picture taken at 99.9 s, and how a session begun at 100 s calls it


def datagram(kind: int = command.COMMAND, seen: int = command.NO_FRAME, values: tuple[float, ...] = (0.0,)) -> bytes:
    return command.pack(command.Command(kind, 1, 3, 4, 1, 1000, seen, values if kind == command.COMMAND else ()))


def picture(camera: str = "scene", index: int = FIRST, keyframe: bool = True) -> media_door.Packet:
    return media_door.Packet(
        camera=camera, index=index, capture_mono_s=99.9, keyframe=keyframe, data=b"\0\0\0\1\x65picture",
        render_ms=3.0, capture_ms=0.5, encode_ms=2.0, sent_mono_s=99.95,
    )  # fmt: skip
