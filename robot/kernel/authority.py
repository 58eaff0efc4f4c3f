"""Who may move the robot now, and what they ask for.  Pure: no clock, no network, no disk; times are monotonic seconds.

Leases, latched stops, pauses and the way out of each.  What the numbers may be is the gate's business.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from protocol.clamps import DEADMAN, NEUTRAL_FIRST, STALE_COMMAND, STALE_PICTURE
from protocol.command import Command
from protocol.embodiment import Embodiment
from protocol.errors import Refused
from protocol.permit import Renewal
from protocol.state import Mode, Permitted
from robot.kernel.lease import (
    BODY_S,
    COMMAND_S,
    GOAL_S,
    HEARTBEAT_S,
    MAX_SOURCES,
    MORE_SOURCES,
    TTL_S,
    VIDEO_S,
    Claim,
    Kind,
    Lease,
    Motion,
    Origin,
    Transition,
)
from robot.kernel.nonces import Nonces
from robot.kernel.session import Session
from robot.kernel.step import Step
from robot.kernel.values import check_values, is_neutral

KERNEL = "kernel"
OPERATOR = Origin()
KINDS: dict[str, tuple[Kind, Mode]] = {"drive": ("human", "TELEOP"), "policy": ("policy", "AUTONOMY")}
RELEASE_REASONS = {"hidden": "HIDDEN", "page_left": "PAGE_LEFT", "link_lost": "LEASE_LOST"}


class Authority:
    """The state machine of one robot.  Requests raise `Refused` and then nothing has changed; `log` says what has."""

    _session: Session | None
    reason: str
    actor: str

    def __init__(self, embodiment: Embodiment, epoch: int, mint: Callable[[], str], stops: tuple[str, ...], now_s: float) -> None:
        """`stops`: the sources latched before the restart; `epoch` is higher than any before it."""
        self._axes = embodiment.action
        self._epoch = epoch
        self._seq = 0
        self._body = True
        self.nonces = Nonces(mint)
        self.stops = stops
        self.remote_motion = True
        self.held = False
        self.log: list[Transition] = []
        self.mode: Mode = "SAFE_HOLD"
        self._go("ESTOP" if stops else "SAFE_HOLD", "boot", "BOOT", KERNEL, now_s)
        self.since_s = now_s

    @property
    def lease(self) -> Lease | None:
        return None if self._session is None else self._session.lease

    @property
    def age_s(self) -> float | None:
        """Age of the newest accepted command when it was accepted; None without a lease."""
        return None if self._session is None else self._session.age_s

    # -- asking for the lease, keeping it, giving it back

    def acquire(self, claim: Claim, peer: str, now_s: float) -> Lease:
        """Grants a new lease to the peer that presents the permit; its (epoch, seq) is higher than any before."""
        self.advance(now_s)
        if claim.act == "clear":
            raise Refused("permit_wrong_act", "This permit is for clearing a stop. Ask for one to drive.")
        self._check_permit(claim, peer, now_s)
        self._check_grantable()
        owner = self.lease
        if owner is not None:
            _check_takeable(owner, claim)
        detail: dict[str, object] = {} if owner is None else {"from": owner.person, "seq": owner.seq}
        taken = owner is not None and owner.fingerprint != peer
        kind, mode = KINDS[claim.act]
        self._seq += 1
        lease = Lease(self._epoch, self._seq, kind, claim.person, claim.name, peer, now_s)
        self._session = Session(lease, "TAKEN" if taken else "GRANTED")
        self._go(mode, "granted", self._session.granted, claim.person, now_s, detail)
        return lease

    def release(self, peer: str, epoch: int, seq: int, reason: str, now_s: float) -> None:
        """The holder gives the lease back, or its connection is gone (`reason` link_lost)."""
        lease = self._holder(peer, epoch, seq, now_s).lease
        self._go("SAFE_HOLD", "released", RELEASE_REASONS.get(reason, "RELEASED"), lease.person, now_s)

    def heartbeat(self, peer: str, beat: Command, seen_s: float | None, now_s: float) -> None:
        """The sender is alive; each number counts once."""
        session = self._holder(peer, beat.epoch, beat.seq, now_s)
        session.check_new("heartbeat", beat.n)
        session.see(seen_s, now_s)
        session.count("heartbeat", beat.n)
        session.heard_s = now_s

    def renew(self, renewal: Renewal, now_s: float) -> None:
        """The server still agrees to the lease, or revokes it and every permit it has written so far."""
        self.advance(now_s)
        session = self._session
        if session is None or (renewal.epoch, renewal.seq) != (self._epoch, self._seq):
            raise Refused("lease_old", "The renewal is for a lease that is over.")
        session.check_new("renewal", renewal.counter)
        session.count("renewal", renewal.counter)
        session.renewed_s = now_s
        if renewal.revoke:
            self.nonces.burn()
            self._go("SAFE_HOLD", "revoked", "REVOKED", KERNEL, now_s, {"why": renewal.reason})

    # -- moving

    def command(self, peer: str, command: Command, seen_s: float | None, now_s: float, origin: Origin = OPERATOR) -> None:
        """Replaces what is asked.  `seen_s`: when the picture the sender saw last was captured.

        Refused without effect: lease, replay, numbers, times.  Refused and at rest: picture, chunk, neutral, ladder.
        """
        session = self._holder(peer, command.epoch, command.seq, now_s)
        session.check_new("command", command.n)
        check_values(command.values, self._axes)
        age_s = session.clock.age_s(now_s, command.sent_us / 1e6)
        if age_s > COMMAND_S:
            raise Refused("stale", f"The command came {age_s:.2f} s late; at most {COMMAND_S} s is allowed.")
        if session.lease.kind == "policy" and not origin.dies_s < math.inf:
            raise Refused("chunk_missing", "A policy's command must say when its chunk dies.")
        session.see(seen_s, now_s)
        session.count("command", command.n)
        session.age_s, session.dies_s = age_s, origin.dies_s
        if seen_s is not None:
            session.ladder.add(now_s, now_s - seen_s)
        self.advance(now_s)
        self._ask(session, command, seen_s, now_s, origin)

    def goal(
        self, peer: str, epoch: int, seq: int, n: int, sent_us: int, seen_s: float | None, delta: tuple[float, ...],
        now_s: float,
    ) -> None:  # fmt: skip
        """One step, on the reliable channel: done by `wanted`, dead `GOAL_S` after it was sent.

        It needs no deadman, but lifting one ends it.  The newest ends the last, also when it is itself refused.
        `seen_s`: when the picture was captured that the sender saw last when it was sent.
        """
        session = self._holder(peer, epoch, seq, now_s)
        session.check_new("step", n)
        check_values(delta, self._axes)
        session.step = None
        if session.lease.kind == "policy":
            raise Refused("goal_not_human", "Steps are for people; a policy sends commands.")
        age_s = session.clock.age_s(now_s, sent_us / 1e6)
        if age_s > GOAL_S:
            raise Refused("stale", f"The step came {age_s:.2f} s late; it lives {GOAL_S} s.")
        if seen_s is None or now_s - age_s - seen_s > VIDEO_S:
            raise Refused("video_stale", "The picture you aimed in was too old. Wait until it moves again.")
        if self.permitted(now_s) == "supervise":
            raise Refused("supervise_only", "The picture is too late even for steps. Wait for a better link.")
        if not session.neutral:
            raise Refused("neutral_first", "Let go of all controls once before the first step.")
        session.step = Step(delta, self._axes, now_s - age_s + GOAL_S)
        session.count("step", n)

    def wanted(self, now_s: float, dt_s: float) -> Motion:
        """What to put through the gate in this tick of `dt_s`."""
        self.advance(now_s)
        session = self._session
        if session is None:
            return Motion(None, 0, OPERATOR, now_s)
        if session.step is not None and now_s < session.step.until_s:
            return Motion(session.step.values(dt_s), 0, OPERATOR, session.step.until_s)
        if session.motion is not None and now_s < session.motion.until_s:
            return session.motion
        return Motion(None, STALE_COMMAND, OPERATOR, now_s)

    def moved(self, done: tuple[float, ...], dt_s: float) -> None:
        """What the gate let through of `wanted`, so that a step knows how far it has come."""
        if self._session is not None and self._session.step is not None:
            self._session.step.moved(done, dt_s)

    def latency_s(self, now_s: float) -> float | None:
        """Control latency: 1 s median of the age of the picture that the holder acts on; None without commands."""
        return None if self._session is None else self._session.ladder.latency_s(now_s)

    def permitted(self, now_s: float) -> Permitted:
        """What the link permits the holder now; to supervise when there is none."""
        if self._session is None or self.reason == "VIDEO_STALE":
            return "supervise"
        return self._session.ladder.permitted(now_s)

    # -- stopping

    def stop(self, source: str, now_s: float) -> None:
        """Latches; never refused, whoever asks.  Repeating it changes nothing."""
        if len(self.stops) >= MAX_SOURCES and source not in self.stops:
            source = MORE_SOURCES
        if source not in self.stops:
            self.stops = (*self.stops, source)
            self._go("ESTOP", "stop", "REMOTE_STOP", source, now_s, {"sources": self.stops})

    def clear(self, source: str, claim: Claim, peer: str, now_s: float) -> None:
        """One latched source, by a person with a permit to clear.  Never starts a motion."""
        if claim.act != "clear":
            raise Refused("permit_wrong_act", "This permit is for driving. Ask for one to clear the stop.")
        self._check_permit(claim, peer, now_s)
        self.clear_at_robot(source, claim.person, now_s)

    def clear_at_robot(self, source: str, person: str, now_s: float) -> None:
        """One latched source, by a person who stands at the robot."""
        if source not in self.stops:
            raise Refused("not_latched", f"No remote stop of {source} is latched.", sources=list(self.stops))
        self.stops = tuple(other for other in self.stops if other != source)
        detail: dict[str, object] = {"source": source, "sources": self.stops}
        mode: Mode = "ESTOP" if self.stops else "SAFE_HOLD"
        self._go(mode, "cleared", "REMOTE_STOP" if self.stops else "CLEARED", person, now_s, detail)

    def set_remote_motion(self, allowed: bool, now_s: float) -> None:
        """The switch at the robot."""
        if allowed != self.remote_motion:
            self.remote_motion = allowed
            self._halt("remote_motion", "REMOTE_MOTION_ON" if allowed else "REMOTE_MOTION_OFF", now_s)

    def set_held(self, held: bool, now_s: float) -> None:
        """The server says that this robot's key is live twice, or that it has been settled."""
        if held != self.held:
            self.held = held
            self._halt("held", "KEY_HELD" if held else "KEY_SETTLED", now_s)

    # -- time

    def tick(self, now_s: float, body_s: float) -> None:
        """Call it first in each control tick; `body_s`: when the body's newest state was true (-inf: never)."""
        body = now_s - body_s <= BODY_S
        if body != self._body:
            self._body = body
            self._halt("body", "BODY_FOUND" if body else "BODY_LOST", now_s)
        self.advance(now_s)

    def advance(self, now_s: float) -> None:
        """Ends or pauses the lease when something it lives by has become too old."""
        session = self._session
        if session is None:
            return
        if now_s - session.heard_s > HEARTBEAT_S:
            self._go("SAFE_HOLD", "lost", "DEADMAN", KERNEL, now_s)
        elif now_s - session.renewed_s > TTL_S:
            self._go("SAFE_HOLD", "lost", "SERVER_LOST", KERNEL, now_s)
        elif now_s - session.seen_s > VIDEO_S:
            self._pause(session, "VIDEO_STALE", now_s)
        elif now_s > session.dies_s:
            self._pause(session, "STARVATION", now_s)
        elif self.reason != session.granted:
            self._go(self.mode, "resumed", session.granted, KERNEL, now_s)

    # -- the rest is nobody else's

    def _holder(self, peer: str, epoch: int, seq: int, now_s: float) -> Session:
        """The session of the current lease, if that is what was named and its holder named it."""
        self.advance(now_s)
        session = self._session
        if session is None:
            raise Refused("no_lease", "Nobody holds the lease of this robot. Take it first.")
        if (epoch, seq) != (self._epoch, self._seq):
            raise Refused("lease_old", "This lease is over. Take the lease again.", epoch=self._epoch, seq=self._seq)
        if peer != session.lease.fingerprint:
            raise Refused("not_holder", f"{session.lease.name} holds the lease through another connection.")
        return session

    def _check_permit(self, claim: Claim, peer: str, now_s: float) -> None:
        if claim.fingerprint != peer:
            raise Refused("fingerprint_mismatch", "The permit was written for another connection. Ask for a new one.")
        if not self.nonces.is_live(claim.nonce, now_s):
            raise Refused("permit_expired", "The permit is older than 10 s or was withdrawn. Ask for a new one.")

    def _check_grantable(self) -> None:
        if self.stops:
            sources = list(self.stops)
            raise Refused("stopped", "A remote stop is latched. Look at the robot, then clear it.", sources=sources)
        if self.held:
            raise Refused("key_held", "This robot's key is in use twice. An administrator must settle it first.")
        if not self.remote_motion:
            raise Refused("remote_motion_off", "Remote motion is switched off at the robot. Switch it on there.")
        if not self._body:
            raise Refused("body_lost", "The arm does not answer. Check its power and cables.")

    def _ask(self, session: Session, command: Command, seen_s: float | None, now_s: float, origin: Origin) -> None:
        """Makes the command what is asked, marked when it must not be done.  Letting go of the deadman ends a step too."""
        if session.deadman and not command.deadman:
            session.step = None
        session.deadman = command.deadman
        neutral = is_neutral(command.values, self._axes)
        refusal, bits = self._hindrance(session, neutral, seen_s, now_s)
        if not command.deadman:
            bits |= DEADMAN
        session.motion = Motion(command.values, bits, origin, min(now_s + COMMAND_S, origin.dies_s))
        if refusal is not None:
            raise refusal
        session.neutral = session.heard
        if not neutral:
            session.step = None

    def _hindrance(self, session: Session, neutral: bool, seen_s: float | None, now_s: float) -> tuple[Refused | None, int]:
        """Why an authentic command may not move the robot now, and its clamp bit; (None, 0) when it may."""
        if seen_s is None or self.reason == "VIDEO_STALE":
            return Refused("video_stale", "The picture you act on is too old. Wait until it moves again."), STALE_PICTURE
        if self.reason == "STARVATION":
            return Refused("chunk_dead", "The chunk this command comes from is over."), STALE_COMMAND
        if neutral:
            return None, 0
        if not session.neutral:
            return Refused("neutral_first", "Let go of all controls once; then the robot follows."), NEUTRAL_FIRST
        if session.lease.kind == "human" and self.permitted(now_s) in ("step", "supervise"):
            return Refused("steps_only", "The link is too slow for direct motion. Use steps."), STALE_PICTURE
        return None, 0

    def _pause(self, session: Session, reason: str, now_s: float) -> None:
        """A person keeps the lease while the picture stands still, a policy while it waits for a chunk."""
        if self.reason == reason:
            return
        session.rest()
        keeps = session.lease.kind == "human" or reason == "STARVATION"
        self._go(self.mode if keeps else "SAFE_HOLD", "paused" if keeps else "lost", reason, KERNEL, now_s)

    def _halt(self, event: str, reason: str, now_s: float) -> None:
        """To standstill for a reason at the robot; a latched stop stays what it is."""
        if self.stops:
            self._go("ESTOP", event, self.reason, KERNEL, now_s, {"now": reason})
        else:
            self._go("SAFE_HOLD", event, reason, KERNEL, now_s)

    def _go(self, mode: Mode, event: str, reason: str, actor: str, now_s: float, detail: dict[str, object] | None = None) -> None:
        """The only place where the mode changes: it is logged, and standing still ends the lease."""
        self.log.append(Transition(now_s, event, actor, reason, self.mode, mode, self._epoch, self._seq, detail or {}))
        if mode != self.mode:
            self.since_s = now_s
        self.mode, self.reason, self.actor = mode, reason, actor
        if mode in ("ESTOP", "SAFE_HOLD"):
            self._session = None


def _check_takeable(owner: Lease, claim: Claim) -> None:
    """A policy takes from nobody; a person from a policy, from their own connection, and with a permit to take this lease."""
    if claim.act == "drive" and (owner.kind == "policy" or claim.fingerprint == owner.fingerprint):
        return
    lease = {"owner": owner.name, "epoch": owner.epoch, "seq": owner.seq}
    if claim.act != "drive" or not claim.take:
        raise Refused("held", f"{owner.name} holds the lease. Ask for it.", **lease)
    if claim.over != (owner.epoch, owner.seq):
        raise Refused("holder_changed", f"{owner.name} holds the lease now. Ask for it again.", **lease)
