"""An authority with its clock in the test's hand, and short words for what people do to it.  Not a test."""

from __future__ import annotations

import itertools

import pytest

from protocol import command as wire
from protocol.command import Command
from protocol.embodiment import Axis, Embodiment, Quantity, Workspace
from protocol.errors import Refused
from protocol.permit import Renewal
from robot.kernel.authority import OPERATOR, Authority
from robot.kernel.lease import Claim, Lease, Motion, Origin

DT_S = 0.02
POINT = Embodiment(
    name="point",
    state=(Quantity("x", "m", -10, 10), Quantity("gripper", "1", 0, 1)),
    action=(
        Axis("vx", "m/s", -0.5, 0.5, 5.0),
        Axis("vy", "m/s", -0.5, 0.5, 5.0),
        Axis("vz", "m/s", -0.5, 0.5, 5.0),
        Axis("wz", "rad/s", -1.0, 1.0, 10.0),
        Axis("gripper", "1", 0.0, 1.0, 5.0),
    ),
    control_hz=50.0,
    record_hz=30.0,
    policy_hz=10.0,
    cameras=(),
    workspace=Workspace(low=(-1.0, -1.0, 0.0), high=(1.0, 1.0, 1.0)),
).check()
ZERO = (0.0, 0.0, 0.0, 0.0, 0.0)
FORTH = (0.3, 0.0, 0.0, 0.0, 0.0)
PEERS = {"ann": "AA", "bob": "BB", "pi": "pilot"}


class Rig:
    """`now` is the robot's monotonic clock and, unless told otherwise, the sender's too."""

    def __init__(self, stops: tuple[str, ...] = (), epoch: int = 7, now: float = 0.0) -> None:
        self.now = now
        count = itertools.count(1)
        self.authority = Authority(POINT, epoch, lambda: f"nonce-{next(count)}", stops, now)
        self.numbers = itertools.count(0)

    def claim(self, who: str = "ann", act: str = "drive", take: bool = False, nonce: str = "") -> Claim:
        fresh = nonce or self.authority.nonces.current(self.now)
        owner = self.authority.lease if take else None
        over = (owner.epoch, owner.seq) if owner else (0, 0)
        return Claim(act, who, who.title(), PEERS[who], fresh, take, over)  # type: ignore[arg-type]

    def acquire(self, who: str = "ann", act: str = "drive", take: bool = False) -> Lease:
        return self.authority.acquire(self.claim(who, act, take), PEERS[who], self.now)

    def beat(self, who: str = "ann", lease: Lease | None = None, n: int | None = None, seen: float | None = None) -> None:
        self.authority.heartbeat(PEERS[who], self._datagram(wire.HEARTBEAT, lease, n), seen, self.now)

    def command(
        self,
        values: tuple[float, ...] = ZERO,
        who: str = "ann",
        lease: Lease | None = None,
        n: int | None = None,
        sent: float | None = None,
        seen: float | None = -1.0,
        deadman: bool = True,
        origin: Origin = OPERATOR,
    ) -> None:
        """`seen` -1: the picture captured now."""
        datagram = self._datagram(wire.COMMAND, lease, n, sent, values, deadman)
        self.authority.command(PEERS[who], datagram, self.now if seen == -1.0 else seen, self.now, origin)

    def goal(
        self,
        delta: tuple[float, ...] = (0.02, 0.0, 0.0, 0.0, 0.0),
        who: str = "ann",
        lease: Lease | None = None,
        n: int | None = None,
        sent: float | None = None,
        seen: float | None = -1.0,
    ) -> None:
        """`seen` -1: the picture captured when it was sent."""
        held = lease or self.held()
        number = next(self.numbers) if n is None else n
        sent_s = self.now if sent is None else sent
        seen_s, sent_us = sent_s if seen == -1.0 else seen, round(sent_s * 1e6)
        self.authority.goal(PEERS[who], held.epoch, held.seq, number, sent_us, seen_s, delta, self.now)

    def renew(self, counter: int, revoke: bool = False, lease: Lease | None = None) -> None:
        held = lease or self.held()
        self.authority.renew(Renewal(robot="r", epoch=held.epoch, seq=held.seq, counter=counter, revoke=revoke), self.now)

    def tick(self, after: float = 0.0, body_age: float = 0.0) -> None:
        self.now += after
        self.authority.tick(self.now, self.now - body_age)

    def wanted(self) -> Motion:
        return self.authority.wanted(self.now, DT_S)

    def moves(self) -> bool:
        """Whether anything but standstill would go through the gate now."""
        motion = self.wanted()
        return motion.bits == 0 and motion.values is not None and any(motion.values[:4])

    def drive(self, who: str = "ann", act: str = "drive") -> Lease:
        """Acquired, heard, neutral and moving forth, all in this moment."""
        lease = self.acquire(who, act)
        self.beat(who, seen=self.now)
        origin = OPERATOR if act == "drive" else Origin("policy", 1, 0.0, self.now + 0.4)
        self.command(ZERO, who, origin=origin)
        self.command(FORTH, who, origin=origin)
        return lease

    def held(self) -> Lease:
        assert self.authority.lease is not None
        return self.authority.lease

    def _datagram(
        self,
        kind: int,
        lease: Lease | None,
        n: int | None,
        sent: float | None = None,
        values: tuple[float, ...] = (),
        deadman: bool = True,
    ) -> Command:
        held = lease or self.held()
        number = next(self.numbers) if n is None else n
        sent_us = round((self.now if sent is None else sent) * 1e6)
        return Command(kind, wire.DEADMAN if deadman else 0, held.epoch, held.seq, number, sent_us, 0, values)


def ready(kind: str = "drive", who: str = "ann") -> Rig:
    """Acquired, heard and neutral at 0 s."""
    rig = Rig()
    rig.acquire(who, kind)
    rig.beat(who, seen=0.0)
    rig.command(ZERO, who, origin=Origin() if kind == "drive" else chunk(10.0))
    return rig


def chunk(dies_s: float) -> Origin:
    return Origin("policy", 3, 0.25, dies_s)


def refused(code: str) -> pytest.RaisesExc[Refused]:
    """`with refused("stale"):` - and the sentence must be one."""
    return pytest.RaisesExc(Refused, check=lambda error: error.code == code and error.sentence.endswith("."))
