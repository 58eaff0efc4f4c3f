"""One control tick: observe, hear the doors, ask the authority, pass the gate, act, tell.  It owns no clock."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from protocol import command as wire
from protocol.errors import Refused
from protocol.row import Row
from robot.bodies.body import Body, BodyState
from robot.door import Door, encode
from robot.kernel import door as words
from robot.kernel.authority import Authority
from robot.kernel.door import Answer, Holder, Status, Stopped
from robot.kernel.gate import Gate
from robot.kernel.latch import MAX_SOURCE, Latch
from robot.kernel.lease import Motion, Origin
from robot.kernel.permits import ServerKey
from robot.kernel.report import Journal, Refusals, Timing
from robot.mailbox import Mailbox
from robot.rings import Ring

PACKETS = 128  # per door and tick; more wait for the next tick
AT_THE_ROBOT = "local"  # who clears through the launcher's door


@dataclass(frozen=True, slots=True)
class Outlets:
    """Where the kernel tells: the status mailbox, the rings of rows and events."""

    status: Mailbox
    rows: Ring
    events: Ring


class Kernel:
    """Owns authority, gate and body.  `doors` by the neighbour's name; times in monotonic seconds."""

    def __init__(
        self, body: Body, key: ServerKey, doors: Mapping[str, Door], outlets: Outlets, latch: Latch, *, epoch: int,
        remote_motion: bool, now_s: float, utc_ns: Callable[[], int],
    ) -> None:  # fmt: skip
        self.dt_s = 1.0 / body.embodiment.control_hz
        self.timing = Timing()
        self._body, self._key, self._doors, self._outlets, self._latch = body, key, doors, outlets, latch
        self._epoch, self._utc_ns = epoch, utc_ns
        self.authority = Authority(body.embodiment, epoch, lambda: secrets.token_hex(16), latch.read(), now_s)
        self.authority.remote_motion = remote_motion
        self._gate = Gate(body.embodiment, self.dt_s)
        self._journal = Journal(outlets.events, epoch, utc_ns)
        self._refusals = Refusals(now_s)
        self._tick = self._dropped = self._fence = 0
        self._adopted = False
        self._heard_s = now_s  # when the newest command was accepted
        self._p99_ms = 0.0

    def tick(self, now_s: float, clock: Callable[[], float]) -> None:
        """One tick that began at `now_s`; `clock` only measures how long the way to the body took."""
        state = self._body.observe()
        self.authority.tick(now_s, -math.inf if state is None else state.mono_s)
        self._hear(now_s)
        motion = self.authority.wanted(now_s, self.dt_s)
        done, bits = self._act(motion, state, now_s)
        applied_s = clock() - now_s
        self._refusals.clamp(bits)
        self._tell_events(now_s)
        self._tell_row(now_s, state, motion, done, bits | motion.bits)
        self._tell_status(now_s, state, motion, done, bits | motion.bits, applied_s)
        self._tick += 1

    def standstill(self) -> None:
        """The body at rest, whatever was asked."""
        self._body.stop()

    # -- acting

    def _act(self, motion: Motion, state: BodyState | None, now_s: float) -> tuple[tuple[float, ...], int]:
        if state is None and not self._adopted:  # the body has not said yet where its gripper is
            return self._gate.rest(), 0
        if state is not None and not self._adopted:
            self._gate.adopt(state.state.tolist())
            self._adopted = True
        asked = motion.values if motion.bits == 0 else None
        latency_s = self.authority.latency_s(now_s) if self.authority.mode == "TELEOP" else None
        action, bits = self._gate.step(asked, state.tool_m if state else None, latency_s or 0.0)
        self._body.act(action)
        done = tuple(action.tolist())
        self.authority.moved(done, self.dt_s)
        return done, bits

    # -- hearing

    def _hear(self, now_s: float) -> None:
        for name, door in self._doors.items():
            for packet in door.packets(PACKETS):
                try:
                    message = words.decode_to_kernel(packet)
                except Refused as refused:
                    self._refusals.add(refused)
                    continue
                self._answer(name, door, message, now_s)

    def _answer(self, name: str, door: Door, message: words.ToKernel, now_s: float) -> None:
        """Does what was asked; the refusal of anything with an id goes back, all are counted."""
        try:
            reply = self._obey(name, message, now_s)
        except Refused as refused:
            self._refusals.add(refused)
            reply = Answer(id=message.id, code=refused.code, sentence=refused.sentence, detail=refused.detail)
        if reply is not None and (message.id or isinstance(reply, Stopped)):
            self._send(door, reply)

    def _obey(self, name: str, message: words.ToKernel, now_s: float) -> Answer | Stopped | None:
        authority = self.authority
        match message:
            case words.Command():
                self._command(_peer(name, message.fingerprint), message, now_s)
                return None
            case words.Stop():
                return self._stop(message, now_s)
            case words.Renew():
                authority.renew(self._key.renewal(message.renewal), now_s)
            case words.Acquire():
                claim = self._key.claim(message.permit)
                lease = authority.acquire(claim, _peer(name, message.fingerprint), now_s)
                return Answer(id=message.id, epoch=lease.epoch, seq=lease.seq)
            case words.Release():
                peer = _peer(name, message.fingerprint)
                authority.release(peer, message.epoch, message.seq, message.reason, now_s)
            case words.Goal():
                self._goal(_peer(name, message.fingerprint), message, now_s)
            case words.Clear():
                self._clear(name, message, now_s)
            case words.SetRemoteMotion():
                if name != "launcher":
                    raise Refused("local_only", "Remote motion is switched at the robot only.")
                authority.set_remote_motion(message.allowed, now_s)
            case words.SetHeld():
                authority.set_held(message.held, now_s)
            case words.SetFence():
                if name != "pilot":
                    raise Refused("pilot_only", "Only the robot's pilot says which run goes on.")
                self._fence = message.fence
        return Answer(id=message.id)

    def _command(self, peer: str, message: words.Command, now_s: float) -> None:
        command = wire.unpack(message.raw)
        if command.kind == wire.HEARTBEAT:
            self.authority.heartbeat(peer, command, message.seen_capture_mono_s, now_s)
        elif command.kind == wire.COMMAND:
            dies_s = math.inf if message.dies_mono_s is None else message.dies_mono_s
            doubt = math.nan if message.uncertainty is None else message.uncertainty
            origin = Origin(message.pilot, message.chunk, doubt, dies_s)
            self.authority.command(peer, command, message.seen_capture_mono_s, now_s, origin)
            self._heard_s = now_s
        else:
            raise Refused("command_kind", "Only commands and heartbeats are for the kernel.")

    def _goal(self, peer: str, message: words.Goal, now_s: float) -> None:
        seen_s = message.seen_capture_mono_s
        self.authority.goal(peer, message.epoch, message.seq, message.n, message.sent_us, seen_s, message.delta, now_s)

    def _stop(self, message: words.Stop, now_s: float) -> Stopped:
        """Latched on disk and zero at the body before anybody is told so."""
        source, before = message.source[:MAX_SOURCE], self.authority.stops
        self.authority.stop(source, now_s)
        if self.authority.stops != before:
            self._latch.write(self.authority.stops, now_s)
        self._body.stop()
        return Stopped(id=message.id, source=source, mono_s=now_s)

    def _clear(self, name: str, message: words.Clear, now_s: float) -> None:
        if name == "launcher":
            self.authority.clear_at_robot(message.source, AT_THE_ROBOT, now_s)
        elif message.permit is None:
            raise Refused("permit_missing", "Clearing a stop from afar needs a permit.")
        else:
            claim = self._key.claim(message.permit)
            self.authority.clear(message.source, claim, _peer(name, message.fingerprint), now_s)
        self._latch.write(self.authority.stops, now_s)

    # -- telling

    def _send(self, door: Door, message: msgspec.Struct) -> None:
        if not door.send(message):
            self._dropped += 1

    def _tell_events(self, now_s: float) -> None:
        events = [self._journal.transition(entry) for entry in self.authority.log]
        self.authority.log.clear()
        seconds_report = self._refusals.report(now_s)
        if seconds_report is not None:
            self._p99_ms = self.timing.p99_ms()
            seq = self.authority.lease.seq if self.authority.lease else 0
            mode = self.authority.mode
            events += [self._journal.note(now_s, event, mode, seq, detail) for event, detail in seconds_report]
        for event_told in events:
            if "link" in self._doors:
                self._send(self._doors["link"], event_told)

    def _asked(self, motion: Motion) -> tuple[float, ...]:
        return self._gate.rest() if motion.values is None else motion.values

    def _tell_row(self, now_s: float, state: BodyState | None, motion: Motion, done: tuple[float, ...], clamps: int) -> None:
        authority, lease, origin = self.authority, self.authority.lease, motion.origin
        latency_s = authority.latency_s(now_s)
        pilot = "hold" if lease is None else "policy" if motion.values is None and lease.kind == "policy" else origin.pilot
        row = Row(
            tick=self._tick, mono_s=now_s, time_ns=self._utc_ns(), mode=authority.mode, reason=authority.reason,
            pilot=pilot, person=lease.person if lease else "", person_name=lease.name if lease else "",
            lease_epoch=lease.epoch if lease else 0, lease_seq=lease.seq if lease else 0, fence=self._fence,
            state=_floats(state), action=self._asked(motion), action_done=done, clamps=clamps,
            latency_ms=math.nan if latency_s is None else latency_s * 1000, chunk=origin.chunk,
            uncertainty=origin.uncertainty, torque=_torque(state),
        )  # fmt: skip
        self._outlets.rows.push(encode(row))

    def _tell_status(
        self, now_s: float, state: BodyState | None, motion: Motion, done: tuple[float, ...], clamps: int,
        applied_s: float,
    ) -> None:  # fmt: skip
        authority, lease = self.authority, self.authority.lease
        latency_s, age_s = authority.latency_s(now_s), authority.age_s
        holder = None if lease is None else Holder(
            epoch=lease.epoch, seq=lease.seq, kind=lease.kind, person=lease.person, name=lease.name,
            fingerprint=lease.fingerprint, since_mono_s=lease.since_s,
        )  # fmt: skip
        status = Status(
            tick=self._tick, mono_s=now_s, epoch=self._epoch, mode=authority.mode, reason=authority.reason,
            actor=authority.actor, since_mono_s=authority.since_s, lease=holder, stops=authority.stops,
            remote_motion=authority.remote_motion, held=authority.held, nonce=authority.nonces.current(now_s),
            permitted=authority.permitted(now_s), control_latency_ms=_ms(latency_s), command_ms=_ms(age_s),
            apply_ms=None if lease is None else applied_s * 1000, asked=self._asked(motion), done=done, clamps=clamps,
            state=_floats(state), state_mono_s=state.mono_s if state else None, tool_m=state.tool_m if state else None,
            torque=_torque(state), refused=self._refusals.counts, last_refusal=self._refusals.last_sentence,
            missed_ticks=self.timing.missed, loop_p99_ms=self._p99_ms, messages_dropped=self._dropped,
        )  # fmt: skip
        self._outlets.status.put(encode(status), now_s)


def _peer(door: str, fingerprint: str) -> str:
    """Who speaks: through the link the peer it names, through any other door the neighbour itself."""
    if door != "link":
        return door
    if fingerprint in words.DOORS:
        raise Refused("fingerprint_mismatch", "No peer may bear the name of a door.")
    return fingerprint


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000


def _floats(state: BodyState | None) -> tuple[float, ...]:
    return () if state is None else tuple(state.state.tolist())


def _torque(state: BodyState | None) -> tuple[float, ...]:
    return () if state is None or state.torque is None else tuple(state.torque.tolist())
