"""Every state the authority can reach, with time in whole quanta: all requests in all of them, checked one by one.

The real code runs, with its times shortened to one to four quanta so that the space is small enough to exhaust.
"""

from __future__ import annotations

import contextlib
import copy
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from protocol.errors import Refused
from robot.kernel import authority as authority_module
from robot.kernel import ladder as ladder_module
from robot.kernel import nonces as nonces_module
from robot.kernel import session as session_module
from robot.kernel.authority import Authority
from robot.kernel.lease import Origin
from tests.robot.kernel.rig import FORTH, PEERS, ZERO, Rig

HEARTBEAT, COMMAND, VIDEO, TTL, GRANT, GOAL = 2.0, 1.0, 3.0, 4.0, 3.0, 2.0
HELD = ("SAFE_HOLD", "ESTOP")
SHORT = (
    (authority_module, {"HEARTBEAT_S": HEARTBEAT, "COMMAND_S": COMMAND, "VIDEO_S": VIDEO, "TTL_S": TTL, "GOAL_S": GOAL}),
    (session_module, {"HEARTBEAT_S": HEARTBEAT, "GRANT_S": GRANT}),
    (ladder_module, {"MEDIAN_S": 1e9}),
    (nonces_module, {"NONCE_S": 1e9, "NONCE_EVERY_S": 1e9}),
)


@dataclass(slots=True)
class State:
    """A rig, and whether its body answers."""

    rig: Rig
    body: bool = True

    def branch(self) -> State:
        """A copy that shares nothing which a request could change."""
        rig = copy.copy(self.rig)
        rig.authority = authority = copy.copy(self.rig.authority)
        authority.log = []
        authority.nonces = copy.copy(authority.nonces)
        authority.nonces._minted = list(authority.nonces._minted)
        if authority._session is not None:
            authority._session = session = copy.copy(authority._session)
            session._newest = dict(session._newest)
            session.clock, session.ladder = copy.copy(session.clock), copy.copy(session.ladder)
            session.ladder._samples = session.ladder._samples[-1:]
            session.step = copy.copy(session.step)
        return State(rig, self.body)

    def key(self) -> tuple[object, ...]:
        """What can matter later: everything but absolute times and the numbers that only rise."""
        a, now = self.rig.authority, self.rig.now
        fixed = (a.mode, a.reason, frozenset(a.stops), a.remote_motion, a.held, a._body, self.body)
        s = a._session
        if s is None:
            return fixed
        motion = step = None
        if s.motion is not None and s.motion.until_s > now:
            motion = (any(s.motion.values or ()), s.motion.bits, s.motion.until_s - now)
        if s.step is not None and s.step.until_s > now:
            step = s.step.until_s - now
        ages = (
            min(now - s.heard_s, HEARTBEAT + 1), min(now - s.renewed_s, TTL + 1), min(now - s.seen_s, VIDEO + 1),
            max(s.dies_s - now, -1.0),
        )  # fmt: skip
        return (*fixed, s.lease.kind, s.granted, s.neutral, s.heard, s.deadman, bool(s.ladder._samples), ages, motion, step)


def requests() -> dict[str, Callable[[State], None]]:
    def command(values: tuple[float, ...], deadman: bool = True) -> Callable[[State], None]:
        def act(state: State) -> None:
            lease = state.rig.held()
            origin = Origin("policy", 1, 0.0, state.rig.now + 1.0) if lease.kind == "policy" else Origin()
            state.rig.command(values, lease.person, deadman=deadman, origin=origin)

        return act

    def body(answers: bool) -> Callable[[State], None]:
        def act(state: State) -> None:
            state.body = answers
            state.rig.tick(body_age=0.0 if answers else 9.0)

        return act

    def wait(state: State) -> None:
        state.rig.now += 1.0
        state.rig.tick(body_age=0.0 if state.body else 9.0)

    def late(state: State) -> None:
        state.rig.now += 1.0

    def release(state: State) -> None:
        lease = state.rig.held()
        state.rig.authority.release(lease.fingerprint, lease.epoch, lease.seq, "released", state.rig.now)

    return {
        "holder or ann": lambda s: void(s.rig.acquire("bob" if holder(s) == "bob" else "ann")),
        "another": lambda s: void(s.rig.acquire("ann" if holder(s) == "bob" else "bob")),
        "another takes": lambda s: void(s.rig.acquire("ann" if holder(s) == "bob" else "bob", take=True)),
        "policy": lambda s: void(s.rig.acquire("pi", "policy", take=True)),
        "beat": lambda s: s.rig.beat(s.rig.held().person),
        "beat and see": lambda s: s.rig.beat(s.rig.held().person, seen=s.rig.now),
        "neutral": command(ZERO),
        "forth": command(FORTH),
        "let go": command(FORTH, deadman=False),
        "step": lambda s: s.rig.goal(who=s.rig.held().person),
        "release": release,
        "renew": lambda s: s.rig.renew(next(s.rig.numbers)),
        "revoke": lambda s: s.rig.renew(next(s.rig.numbers), revoke=True),
        "stop": lambda s: s.rig.authority.stop("ann", s.rig.now),
        "other stop": lambda s: s.rig.authority.stop("bob", s.rig.now),
        "clear": lambda s: s.rig.authority.clear("ann", s.rig.claim("bob", "clear"), "BB", s.rig.now),
        "clear other": lambda s: s.rig.authority.clear("bob", s.rig.claim("bob", "clear"), "BB", s.rig.now),
        "clear by permit to drive": lambda s: s.rig.authority.clear("ann", s.rig.claim("bob"), "BB", s.rig.now),
        "switch off": lambda s: s.rig.authority.set_remote_motion(False, s.rig.now),
        "switch on": lambda s: s.rig.authority.set_remote_motion(True, s.rig.now),
        "held": lambda s: s.rig.authority.set_held(True, s.rig.now),
        "settled": lambda s: s.rig.authority.set_held(False, s.rig.now),
        "body lost": body(False),
        "body back": body(True),
        "wait": wait,
        "wait without a tick": late,
    }


def holder(state: State) -> str:
    """Who holds the lease: people are alike, so that only "the holder" and "another" are told apart."""
    lease = state.rig.authority.lease
    return lease.person if lease else ""


def void(_: object) -> None:
    """Nothing comes back from a request here."""


def check_state(state: State) -> bool:
    """The invariants that hold in each state; gives whether the robot moves in it."""
    rig = state.branch().rig
    moves = rig.moves()
    a, s, now = rig.authority, rig.authority._session, rig.now
    assert (s is None) == (a.mode in HELD), "a lease exactly while one may act"
    assert bool(a.stops) == (a.mode == "ESTOP"), "I3"
    if not moves:
        return False
    assert s is not None, "I1, I2"
    assert (a.mode, s.lease.kind) in (("TELEOP", "human"), ("AUTONOMY", "policy")), "I2"
    assert now - s.heard_s <= HEARTBEAT, "I5"
    assert now - s.renewed_s <= TTL, "I5"
    assert now - s.seen_s <= VIDEO, "I16"
    assert s.heard, "I2"
    assert s.neutral, "I10"
    assert s.step is not None or (s.motion is not None and now < s.motion.until_s), "I2"
    assert not a.stops, "I3"
    assert a.remote_motion
    assert not a.held
    return True


def check_change(name: str, before: State, after: State) -> None:
    """What each request may and may not do."""
    was, now = before.rig.authority, after.rig.authority
    at = was.mode
    for entry in now.log:
        assert entry.before == at, "I12"
        at = entry.after
        assert not (entry.before == "TELEOP" and entry.after == "AUTONOMY"), "I7, I9"
        if entry.before in HELD:
            assert entry.after in HELD or entry.event == "granted", "I6"
        if entry.before == "ESTOP" and entry.after != "ESTOP":
            assert name in ("clear", "clear other"), "I3"
    assert at == now.mode, "I12"
    if name in ("stop", "other stop"):
        assert now.mode == "ESTOP", "I3"
    assert now._seq >= was._seq, "I4"
    if name == "let go" and was._session is not None and was._session.deadman and now._session is not None:
        assert now._session.step is None, "no step outlives the deadman"
    if now.lease is not None and now.lease != was.lease:
        assert (now._seq, now._session and now._session.motion) == (was._seq + 1, None), "I4, I10"


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, times in SHORT:
        for name, value in times.items():
            assert hasattr(module, name)
            monkeypatch.setattr(module, name, value)


def test_no_reachable_state_breaks_an_invariant(short: None) -> None:
    first = State(Rig())
    seen, todo, moving = {first.key()}, deque([first]), 0
    reasons: set[tuple[str, str]] = set()
    acts = requests()
    while todo:
        state = todo.popleft()
        reasons.add((state.rig.authority.mode, state.rig.authority.reason))
        moving += check_state(state)
        for name, act in acts.items():
            if state.rig.authority._session is None and name in NEEDS_LEASE:
                continue
            after = state.branch()
            with contextlib.suppress(Refused):
                act(after)
            check_change(name, state, after)
            key = after.key()
            if key not in seen:
                seen.add(key)
                todo.append(after)
    assert reasons == REACHABLE
    assert moving > 100
    assert len(seen) > 1500


NEEDS_LEASE = {"beat", "beat and see", "neutral", "forth", "let go", "step", "release", "renew", "revoke"}
REACHABLE = {
    ("SAFE_HOLD", reason)
    for reason in (
        "BOOT", "RELEASED", "REVOKED", "DEADMAN", "SERVER_LOST", "VIDEO_STALE", "CLEARED", "REMOTE_MOTION_OFF",
        "REMOTE_MOTION_ON", "KEY_HELD", "KEY_SETTLED", "BODY_LOST", "BODY_FOUND",
    )
} | {
    ("ESTOP", "REMOTE_STOP"),
    ("TELEOP", "GRANTED"), ("TELEOP", "TAKEN"), ("TELEOP", "VIDEO_STALE"),
    ("AUTONOMY", "GRANTED"), ("AUTONOMY", "STARVATION"),
}  # fmt: skip


def test_the_copy_of_a_state_is_a_copy() -> None:
    state = State(Rig())
    state.rig.drive()
    before = state.key()
    other = state.branch()
    other.rig.authority.stop("bob", 0.0)
    other = state.branch()
    other.rig.beat(n=999)
    other.rig.goal()
    assert state.key() == before
    state.rig.beat(n=999)
    assert isinstance(state.rig.authority, Authority)
    assert PEERS["ann"] == state.rig.held().fingerprint
