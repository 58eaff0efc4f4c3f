"""The hypothesis machine: any order of requests by anybody, at any time, keeps the invariants I1-I11, I14, I16.

Guided rules act with the current lease, because blind ones hardly ever reach an accepted command.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, precondition, rule

from protocol.errors import Refused
from robot.kernel.lease import COMMAND_S, GRANT_S, HEARTBEAT_S, TTL_S, VIDEO_S, Lease, Origin
from tests.robot.kernel.rig import DT_S, FORTH, PEERS, ZERO, Rig

people = st.sampled_from(["ann", "bob", "pi"])
values = st.sampled_from([ZERO, FORTH, (0.0, 0.0, 0.0, -1.0, 1.0), (0.0, 0.0, 0.0, 0.0, 1.0), (float("nan"),) * 5])
sources = st.sampled_from(["ann", "bob", "robot"])
HELD = ("SAFE_HOLD", "ESTOP")


class Kernel(RuleBasedStateMachine):
    """Beside the authority it keeps its own simple books, and compares."""

    leases = Bundle("leases")

    def __init__(self) -> None:
        super().__init__()
        self.rig = Rig(epoch=1)
        self.granted: dict[tuple[int, int], Lease] = {}
        self.used: set[tuple[str, int, int, int]] = set()
        self.neutral = self.heard = False
        self.read = 0
        self.smallest = 1e9
        self.latched: list[str] = []
        self.commanded = self.beaten = self.renewed = self.seen = -1e9
        self.renewals = 0

    # -- what people do

    @rule(target=leases, who=people, act=st.sampled_from(["drive", "policy"]), take=st.booleans())
    def acquire(self, who: str, act: str, take: bool) -> object:
        rig, before = self.rig, self.rig.authority.lease
        lapsed = before is not None and self.over()
        try:
            lease = rig.acquire(who, act, take)
        except Refused as refused:
            assert refused.code in ("held", "stopped", "key_held", "remote_motion_off", "body_lost")
            return multiple()
        assert not self.latched, "I3: no lease while a stop is latched"
        assert rig.authority.remote_motion
        if before is not None and not lapsed and before.kind == "human":
            assert act == "drive", "I7: a policy never takes from a person"
            assert take or before.fingerprint == PEERS[who], "I7: nor a person from a person unasked"
        assert (lease.epoch, lease.seq) > max(self.granted, default=(0, 0)), "I4"
        self.granted[lease.epoch, lease.seq] = lease
        self.neutral = self.heard = False
        self.smallest = 1e9
        self.beaten = rig.now + GRANT_S - HEARTBEAT_S
        self.renewed = self.seen = rig.now
        self.commanded = -1e9
        assert not rig.moves(), "I10: a grant moves nothing"
        return lease

    @rule(lease=leases, who=people, n=st.integers(0, 9), forth=values, age=st.sampled_from([0.0, 0.02, 0.151, -0.2]))
    def any_command(self, lease: Lease, who: str, n: int, forth: tuple[float, ...], age: float) -> None:
        self._command(who, lease, n, forth, age, self.rig.now, True)

    @precondition(lambda self: self.rig.authority.lease is not None)
    @rule(
        forth=values, age=st.sampled_from([0.0, 0.0, 0.0, 0.149, 0.151]),
        seen=st.sampled_from([0.0, 0.0, 0.0, 0.09, 0.4, 0.6, None]), deadman=st.sampled_from([True, True, False]),
    )  # fmt: skip
    def command(self, forth: tuple[float, ...], age: float, seen: float | None, deadman: bool) -> None:
        lease = self.rig.held()
        seen_s = None if seen is None else self.rig.now - seen
        self._command(lease.person, lease, next(self.rig.numbers) + 10, forth, age, seen_s, deadman)

    @precondition(lambda self: self.rig.authority.lease is not None)
    @rule()
    def begin_driving(self) -> None:
        lease, now = self.rig.held(), self.rig.now
        self._beat(lease.person, lease, next(self.rig.numbers) + 10, now)
        for forth in (ZERO, FORTH):
            if self.rig.authority.lease is not None:
                self._command(lease.person, lease, next(self.rig.numbers) + 10, forth, 0.0, now, True)

    @rule(lease=leases, who=people, n=st.integers(0, 9))
    def any_heartbeat(self, lease: Lease, who: str, n: int) -> None:
        self._beat(who, lease, n, None)

    @precondition(lambda self: self.rig.authority.lease is not None)
    @rule(seen=st.sampled_from([0.0, 0.0, 0.3, 0.6, None]))
    def heartbeat(self, seen: float | None) -> None:
        lease = self.rig.held()
        self._beat(lease.person, lease, next(self.rig.numbers) + 10, None if seen is None else self.rig.now - seen)

    @precondition(lambda self: self.rig.authority.lease is not None)
    @rule(delta=values, late=st.sampled_from([0.0, 0.3, 1.1]))
    def step(self, delta: tuple[float, ...], late: float) -> None:
        lease = self.rig.held()
        small = tuple(part * 0.05 for part in delta)
        if self._try(lambda: self.rig.goal(small, lease.person, lease, next(self.rig.numbers) + 10, self.rig.now - late)):
            assert lease.kind == "human"
            assert self.neutral, "I10: neutral first"
            assert self.rig.authority.permitted(self.rig.now) != "supervise", "I16"
            self.commanded = max(self.commanded, self.rig.now + 1.0 - COMMAND_S)

    @rule(lease=leases, who=people)
    def release(self, lease: Lease, who: str) -> None:
        was = self.rig.authority.lease
        if self._try(lambda: self.rig.authority.release(PEERS[who], lease.epoch, lease.seq, "released", self.rig.now)):
            assert was == lease, "I1: only the holder releases"
            assert self.rig.authority.mode == "SAFE_HOLD", "I9"

    @precondition(lambda self: self.rig.authority.lease is not None)
    @rule(revoke=st.sampled_from([False, False, False, True]))
    def renew(self, revoke: bool) -> None:
        self.renewals += 1
        if self._try(lambda: self.rig.renew(self.renewals, revoke)):
            self.renewed = self.rig.now
            assert not revoke or self.rig.authority.mode == "SAFE_HOLD"

    # -- stops and switches

    @rule(source=sources)
    def stop(self, source: str) -> None:
        self.rig.authority.stop(source, self.rig.now)
        if source not in self.latched:
            self.latched.append(source)
        assert self.rig.authority.mode == "ESTOP", "I3: in the same step"
        assert not self.rig.moves(), "I3"

    @rule(source=sources, act=st.sampled_from(["clear", "clear", "drive"]))
    def clear(self, source: str, act: str) -> None:
        claim = self.rig.claim("bob", act)
        if self._try(lambda: self.rig.authority.clear(source, claim, "BB", self.rig.now)):
            assert act == "clear", "I3: only a person with a permit to clear"
            self.latched.remove(source)
            assert self.rig.authority.mode in HELD, "I6"

    @rule(allowed=st.sampled_from([True, True, False]))
    def switch(self, allowed: bool) -> None:
        self.rig.authority.set_remote_motion(allowed, self.rig.now)

    @rule(held=st.sampled_from([False, False, True]))
    def hold(self, held: bool) -> None:
        self.rig.authority.set_held(held, self.rig.now)

    # -- time

    @rule(after=st.sampled_from([0.001, 0.02, 0.02, 0.09, 0.16, 0.251, 1.0]))
    def wait(self, after: float) -> None:
        self.rig.now += after

    @rule(age=st.sampled_from([0.0, 0.0, 0.0, 0.2, 0.3]))
    def tick(self, age: float) -> None:
        was = self.rig.authority.mode
        self.rig.tick(body_age=age)
        if was == "TELEOP":
            assert self.rig.authority.mode in ("TELEOP", "SAFE_HOLD"), "I9: never to autonomy"

    @rule()
    def restart(self) -> None:
        last = self.rig
        assert tuple(self.latched) == last.authority.stops
        self.rig = Rig(last.authority.stops, last.authority.log[-1].epoch + 1, last.now)
        self.rig.numbers = last.numbers
        self.read = 0
        assert self.rig.authority.mode == ("ESTOP" if self.latched else "SAFE_HOLD"), "I8"
        assert self.rig.authority.lease is None, "I8"

    # -- always

    @invariant()
    def motion_needs_live_authority(self) -> None:
        rig, authority = self.rig, self.rig.authority
        if rig.moves():
            assert authority.mode in ("TELEOP", "AUTONOMY"), "I2"
            assert authority.lease is not None, "I1"
            assert authority.lease == self.granted[max(self.granted)], "I1: the newest lease only"
            assert not self.latched, "I3"
            assert rig.now - self.beaten <= HEARTBEAT_S, "I2, I5: heartbeat"
            assert rig.now - self.commanded <= COMMAND_S, "I2: command"
            assert rig.now - self.renewed <= TTL_S, "I2: the server's word"
            assert rig.now - self.seen <= VIDEO_S, "I16"
            assert self.heard, "I2"
            assert self.neutral, "I10"
            assert authority.remote_motion
            assert not authority.held
        assert (authority.lease is None) == (authority.mode in HELD), "a lease exactly while one may act"
        assert bool(self.latched) == (authority.mode == "ESTOP"), "I3"
        assert sorted(authority.stops) == sorted(self.latched), "I3"

    @invariant()
    def the_log_has_no_gap(self) -> None:
        self._read_log()
        log = self.rig.authority.log
        for one, other in itertools.pairwise(log):
            assert one.after == other.before, "I12"
            assert one.mono_s <= other.mono_s
        assert log[-1].after == self.rig.authority.mode, "I12"
        assert all(entry.reason and entry.actor for entry in log), "I12"

    # -- books

    def over(self) -> bool:
        now = self.rig.now
        return now - self.beaten > HEARTBEAT_S or now - self.renewed > TTL_S or now - self.seen > VIDEO_S

    def _try(self, act: Callable[[], None]) -> bool:
        try:
            act()
        except Refused:
            return False
        return True

    def _command(
        self, who: str, lease: Lease, n: int, forth: tuple[float, ...], age: float, seen: float | None, deadman: bool
    ) -> None:
        rig, now = self.rig, self.rig.now
        origin = Origin("policy", 1, 0.0, now + 0.1) if lease.kind == "policy" else Origin()
        try:
            rig.command(forth, who, lease, n, now - age, seen, deadman, origin)
        except Refused as refused:
            if refused.code in ("video_stale", "chunk_dead", "neutral_first", "steps_only"):
                assert rig.wanted().bits or rig.wanted().values != forth, "refused and yet done"
                self._saw(lease, seen)
            self._read_log()
            return
        self._read_log()
        assert rig.authority.lease == lease, "I1: accepted from the current lease only"
        assert PEERS[who] == lease.fingerprint, "I1"
        assert ("command", lease.epoch, lease.seq, n) not in self.used, "I14"
        assert forth[0] == forth[0], "I13: a number"
        self.smallest = min(self.smallest, age)
        assert age - self.smallest <= COMMAND_S + 1e-3, "I2: too old"
        assert not self.latched, "I3"
        assert seen is not None, "I16"
        assert now - seen <= VIDEO_S, "I16"
        self.used.add(("command", lease.epoch, lease.seq, n))
        self._saw(lease, seen)
        if any(forth[:4]):
            assert self.neutral, "I10"
        self.neutral = self.neutral or self.heard
        self.commanded = now

    def _saw(self, lease: Lease, seen: float | None) -> None:
        if seen is not None and self.rig.authority.lease == lease:
            self.seen = seen

    def _read_log(self) -> None:
        log = self.rig.authority.log
        if any(entry.event == "paused" for entry in log[self.read :]):
            self.neutral = False
        self.read = len(log)

    def _beat(self, who: str, lease: Lease, n: int, seen: float | None) -> None:
        rig = self.rig
        if self._try(lambda: rig.beat(who, lease, n, seen)):
            assert rig.authority.lease == lease, "I1"
            assert PEERS[who] == lease.fingerprint, "I1"
            assert ("beat", lease.epoch, lease.seq, n) not in self.used, "I14"
            self.used.add(("beat", lease.epoch, lease.seq, n))
            self.heard, self.beaten = True, rig.now
            if seen is not None:
                self.seen = seen


Kernel.TestCase.settings = settings(
    max_examples=int(os.environ.get("REINS_MACHINE_EXAMPLES", "300")),
    stateful_step_count=50,
    deadline=None,
    database=None,
    derandomize="REINS_MACHINE_RANDOM" not in os.environ,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate,),
)
TestKernelMachine = Kernel.TestCase


def test_the_tick_is_that_of_fifty_hertz() -> None:
    assert DT_S == 0.02
