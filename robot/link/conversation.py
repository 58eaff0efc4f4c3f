"""What one person's page and the robot say to each other over the data channels.  Knows no WebRTC library.

The page's words are judged here for form, counted and passed on; whether anything may move is the kernel's decision.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Coroutine
from statistics import median
from typing import Any

import msgspec

from protocol import channel, command, robot_link, wire
from protocol.clamps import clamp_names
from protocol.errors import Refused
from robot.kernel import door
from robot.link.bitrate import LinkEstimate
from robot.link.bucket import Bucket
from robot.link.frame_table import first_index
from robot.link.outlets import Connection, Outlets, Robot

CONTROL_PER_S, STOPS_PER_S, JSON_PER_S = 400.0, 100.0, 60.0
SILENT_S = 5.0  # a page that is alive pings every second
CONNECT_S = 15.0
ANSWER_S = 2.0  # the kernel answers within a tick or two
TOO_MUCH_WAITING = 256 * 1024  # bytes on the reliable channel: the page does not read
SLOW_S = 8.0
_WATCHER_TICKS, _DRIVER_FRAME_TICKS = 4, 2  # messages cost CPU: who drives gets more of them
_SAMPLES = 3600  # of the page's measurements, one a second


class Conversation:
    """One session.  Implements PeerEvents as far as the page speaks; times are monotonic seconds.

    Nothing can be said before `begin`: the data channels open only after the answer has travelled.
    """

    peer: Connection

    def __init__(
        self,
        offer: robot_link.Offer,
        robot: Robot,
        outlets: Outlets,
        clock: Callable[[], float],
        run: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self.session, self.person, self.name = offer.session, offer.person, offer.name
        self.main = ""
        self.shown: tuple[str, ...] = ()
        self.link = LinkEstimate()
        self.first_index = first_index(clock())  # the page calls this picture 0
        self.open = False
        self._robot, self._outlets, self._clock, self._run = robot, outlets, clock, run
        self._lease: tuple[int, int] | None = None
        self._granted_s = float("-inf")
        self._asked: dict[str, tuple[str, str, float]] = {}  # our id: the page's id, what, since
        self._asks = 0
        self._born_s = self._heard_s = clock()
        self._slow_since_s: float | None = None
        self._control = Bucket(CONTROL_PER_S, self._born_s)
        self._stops = Bucket(STOPS_PER_S, self._born_s)
        self._json = Bucket(JSON_PER_S, self._born_s)
        self._refused: Counter[str] = Counter()
        self._refused_before: dict[str, int] = {}
        self._last_refusal = ""
        self._second = 0
        self._ticks = 0
        self._told_frames = 0
        self._seen: deque[channel.Seen] = deque(maxlen=_SAMPLES)

    def begin(self, peer: Connection) -> None:
        """The peer has answered; its first camera is the main one until the page says otherwise."""
        self.peer = peer
        self.shown = peer.cameras
        self.main = self.shown[0] if self.shown else ""

    @property
    def drives(self) -> bool:
        """Whether this page's peer holds the lease, by the kernel's own word."""
        status = self._robot.status
        lease = None if status is None else status.lease
        return lease is not None and lease.fingerprint == self.peer.remote_fingerprint

    @property
    def _may_command(self) -> bool:
        """As `drives`; also right after the kernel granted the lease, when its status is still older than that."""
        status = self._robot.status
        return self.drives or (self._lease is not None and (status is None or status.mono_s <= self._granted_s))

    # -- what the page says --------------------------------------------------------------------------------------------

    def on_open(self) -> None:
        """The reliable channel is open."""
        self.open = True
        self._heard_s = self._clock()
        self._say(
            channel.Hello(
                robot=self._robot.id,
                embodiment=self._robot.embodiment_json,
                cameras=self.peer.cameras,
                rtp_origin=self.peer.rtp_origin,
                session=self.session,
            )
        )
        self.tell_state()

    def on_control(self, raw: bytes | str) -> None:
        """A datagram: command, heartbeat, probe, stop.  Bad ones are counted and told once a second."""
        now_s = self._heard_s = self._clock()
        try:
            if isinstance(raw, str):
                raise Refused("not_binary", "The channel `control` carries binary messages only.")
            said = command.unpack(raw)
            if said.kind == command.STOP:
                self._stop(now_s)
            elif not self._control.take(now_s):
                raise Refused("too_many", f"More than {CONTROL_PER_S:.0f} datagrams a second.")
            elif said.kind == command.PROBE:
                self.peer.send_control(raw)
            else:
                self._command(raw, said.seen_frame)
        except Refused as refused:
            self._count(refused)

    def on_state(self, raw: bytes | str) -> None:
        """A JSON message; each is answered, refusals with a `Problem`."""
        now_s = self._heard_s = self._clock()
        id = ""
        try:
            if isinstance(raw, bytes):
                raise Refused("not_text", "The channel `state` carries JSON text only.")
            message = wire.decode(raw, channel.FromBrowser)
            id = message.id
            if isinstance(message, channel.Stop):  # never refused for coming too often
                self._ask(door.Stop(id=self._ask_id(id, "stop", now_s), source=self.person))
                return
            if not self._json.take(now_s):
                raise Refused("too_many", f"More than {JSON_PER_S:.0f} messages a second. Slow down.")
            self._hear(message, now_s)
        except Refused as refused:
            self._count(refused)
            self._say(wire.problem(refused, id))

    def _command(self, raw: bytes, seen_frame: int) -> None:
        """Only from the holder: others must not fill the kernel's door, in which the holder's heartbeats wait."""
        if not self._may_command:
            raise Refused("no_lease", "You do not hold the lease of this robot. Take control first.")
        message = door.Command(fingerprint=self.peer.remote_fingerprint, raw=raw, seen_capture_mono_s=self._captured(seen_frame))
        if not self._outlets.kernel(message):
            raise Refused("kernel_away", "The robot's control program does not take commands now.")

    def _stop(self, now_s: float) -> None:
        """A stop datagram.  Repeats within the same 10 ms say nothing new; the page repeats until `Stopped` comes."""
        if self._stops.take(now_s):
            self._ask(door.Stop(id=self._ask_id("", "stop", now_s), source=self.person))

    def _captured(self, seen_frame: int) -> float | None:
        table = self._robot.frames.get(self.main)
        if table is None or seen_frame == command.NO_FRAME:
            return None
        return table.captured(self.first_index + seen_frame)

    def _hear(self, message: Any, now_s: float) -> None:
        fingerprint = self.peer.remote_fingerprint
        match message:
            case channel.Ping():
                time_ns = 0 if self._robot.state is None else self._robot.state.time_ns
                self._say(channel.Pong(id=message.id, sent_us=message.sent_us, mono_us=int(now_s * 1e6), time_ns=time_ns))
            case channel.Acquire():
                self._ask(
                    door.Acquire(id=self._ask_id(message.id, "acquire", now_s), fingerprint=fingerprint, permit=message.permit)
                )
            case channel.Release():
                self._ask(
                    door.Release(
                        id=self._ask_id(message.id, "release", now_s),
                        fingerprint=fingerprint,
                        epoch=message.epoch,
                        seq=message.seq,
                        reason=message.reason,
                    )
                )
            case channel.Clear():
                self._ask(
                    door.Clear(
                        id=self._ask_id(message.id, "clear", now_s),
                        fingerprint=fingerprint,
                        source=message.source,
                        permit=message.permit,
                    )
                )
            case channel.Goal():
                self._goal(message, fingerprint, now_s)
            case channel.Watch():
                self._watch(message)
            case channel.Seen():
                self._seen.append(message)
            case channel.RecordStart() | channel.RecordStop() | channel.RecordUndo() | channel.SaveLast():
                self._need_lease("record")
                self._run(self._carry_out(message.id, self._outlets.record(self.person, self.name, message)))
            case channel.ResetScene():
                self._need_lease("put the objects back")
                self._run(self._carry_out(message.id, self._outlets.reset_scene(message.seed)))
            case channel.PaintScene():
                self._need_lease("change colours")
                self._run(self._carry_out(message.id, self._outlets.paint_scene(message.colours)))

    def _goal(self, message: channel.Goal, fingerprint: str, now_s: float) -> None:
        self._ask(
            door.Goal(
                id=self._ask_id(message.id, "goal", now_s),
                fingerprint=fingerprint,
                epoch=message.epoch,
                seq=message.seq,
                n=message.n,
                sent_us=message.sent_us,
                seen_capture_mono_s=self._captured(message.seen_frame),
                delta=message.delta,
            )
        )

    def _watch(self, message: channel.Watch) -> None:
        for camera in (message.main, *message.shown):
            if camera not in self.peer.cameras:
                raise Refused("camera_unknown", f"This session has no camera {camera!r}.", cameras=self.peer.cameras)
        again = [camera for camera in message.shown if camera not in self.shown]
        self.shown = tuple(dict.fromkeys((message.main, *message.shown)))
        if message.main != self.main:
            self.main = message.main
            table = self._robot.frames.get(self.main)
            self._told_frames = 0 if table is None else max(0, table.count - 30)
        for camera in again:
            self.peer.restart(camera)
        self._say(channel.Done(id=message.id))

    def _need_lease(self, what: str) -> None:
        if not self.drives:
            raise Refused("not_in_control", f"Only who is in control can {what}. Take control first.")

    async def _carry_out(self, id: str, request: Coroutine[Any, Any, None]) -> None:
        try:
            await request
        except Refused as refused:
            self._say(wire.problem(refused, id))
            return
        self._say(channel.Done(id=id))

    # -- what the kernel answers ---------------------------------------------------------------------------------------

    def owns(self, ask_id: str) -> bool:
        return ask_id in self._asked

    def on_answer(self, answer: door.Answer | door.Stopped) -> None:
        id, what, _ = self._asked.pop(answer.id)
        if isinstance(answer, door.Stopped):
            self._say(channel.Stopped(id=id, source=answer.source))
        elif answer.code:
            self._say(wire.Problem(id=id, code=answer.code, sentence=answer.sentence, detail=answer.detail))
        elif what == "acquire":
            self._lease, self._granted_s = (answer.epoch, answer.seq), self._clock()
            self._say(channel.Granted(id=id, epoch=answer.epoch, seq=answer.seq))
        else:
            if what == "release":
                self._lease = None
            self._say(channel.Done(id=id))

    def _ask_id(self, id: str, what: str, now_s: float) -> str:
        self._asks += 1
        ours = f"{self.session}:{self._asks}"
        self._asked[ours] = (id, what, now_s)
        return ours

    def _ask(self, message: door.DoorMessage) -> None:
        if not self._outlets.kernel(message):
            self._asked.pop(message.id, None)
            raise Refused("kernel_away", "The robot's control program does not answer. Try again in a second.")

    # -- what the robot tells ------------------------------------------------------------------------------------------

    def tick(self, now_s: float) -> str | None:
        """20 times a second: telemetry and the rest.  A reason when the session must end."""
        reason = self._overdue(now_s)
        if reason is not None:
            return reason
        self._answer_for_the_silent(now_s)
        if not self.open or self._slow_since_s is not None:
            return None
        self._ticks += 1
        drives = self.drives
        if drives or self._ticks % _WATCHER_TICKS == 0:
            self._tell_telemetry(now_s, drives)
        if self._ticks % (_DRIVER_FRAME_TICKS if drives else _WATCHER_TICKS) == 0:
            self._tell_frames()
        if self._ticks % 20 == 0:
            self.tell_state()
            if (stages := self._robot.stages.get(self.main)) is not None:
                self._say(stages)
        return None

    def tell_state(self) -> None:
        if self.open and self._slow_since_s is None and self._robot.state is not None:
            self._say(channel.State(robot=self._robot.state))

    def close(self, reason: str) -> robot_link.SessionEnded:
        """Gives the lease back, if this page had one; the session's medians."""
        if self._lease is not None:
            epoch, seq = self._lease
            self._outlets.kernel(door.Release(fingerprint=self.peer.remote_fingerprint, epoch=epoch, seq=seq, reason="link_lost"))
            self._lease = None
        self.open = False
        return robot_link.SessionEnded(session=self.session, reason=reason, waterfall=self._waterfall())

    def _overdue(self, now_s: float) -> str | None:
        if not self.open:
            return "not_connected" if now_s - self._born_s > CONNECT_S else None
        if now_s - self._heard_s > SILENT_S:
            return "silent"
        if self.peer.buffered < TOO_MUCH_WAITING:
            self._slow_since_s = None
        elif self._slow_since_s is None:
            self._slow_since_s = now_s
        elif now_s - self._slow_since_s > SLOW_S:
            return "slow"
        return None

    def _answer_for_the_silent(self, now_s: float) -> None:
        """A stop is not answered for: without the kernel's word the page must go on saying that it does not know."""
        for ours, (id, what, since_s) in list(self._asked.items()):
            if now_s - since_s > ANSWER_S:
                del self._asked[ours]
                if what != "stop":
                    sentence = "The robot's control program did not answer within 2 s. Look at the state, then try again."
                    self._say(wire.Problem(id=id, code="kernel_silent", sentence=sentence))

    def _tell_telemetry(self, now_s: float, drives: bool) -> None:
        if int(now_s) != self._second:
            self._second = int(now_s)
            self._refused_before, self._refused = dict(self._refused), Counter()
        status, state = self._robot.status, self._robot.state
        if status is None or state is None:
            return
        refused, last = Counter(self._refused_before), self._last_refusal if self._refused_before else ""
        if drives:
            refused.update(status.refused)
            last = status.last_refusal if status.refused else last
        self._say(
            channel.Telemetry(
                mono_us=int(now_s * 1e6),
                state=status.state,
                asked=status.asked,
                done=status.done,
                clamps=clamp_names(status.clamps),
                torque=status.torque,
                permitted=status.permitted,
                control_latency_ms=status.control_latency_ms,
                command_ms=status.command_ms,
                apply_ms=status.apply_ms,
                refused=dict(refused),
                last_refusal=last,
                recording=state.recording,
            )
        )

    def _tell_frames(self) -> None:
        table = self._robot.frames.get(self.main)
        if table is None:
            return
        captured = tuple((index - self.first_index, at_us) for index, at_us in table.since(self._told_frames))
        self._told_frames = table.count
        if captured:
            self._say(channel.Frames(camera=self.main, captured=captured))

    def _waterfall(self) -> dict[str, float]:
        names = ("network_ms", "buffer_ms", "decode_ms", "display_ms", "glass_ms", "glass_p95_ms", "fps", "lost_pct")
        if not self._seen:
            return {}
        measured = {name: round(median(getattr(seen, name) for seen in self._seen), 2) for name in names}
        if (stages := self._robot.stages.get(self.main)) is not None:
            measured |= {f"{n}_ms": getattr(stages, f"{n}_ms") for n in ("render", "capture", "encode", "send")}
        return measured

    def _count(self, refused: Refused) -> None:
        self._refused[refused.code] += 1
        self._last_refusal = refused.sentence

    def _say(self, message: msgspec.Struct) -> None:
        if self.open:
            self.peer.send_state(wire.encode(message))
