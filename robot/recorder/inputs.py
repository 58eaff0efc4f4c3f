"""What the recorder reads at each record tick: the control ticks and events since the last one, the newest pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from protocol.errors import Refused
from protocol.row import Row
from protocol.scene import EVENT, SceneReport, SceneThing
from robot.frame_ring import FrameRing, RingFrame
from robot.kernel.door import Event
from robot.mailbox import Mailbox
from robot.recorder.contents import Happening
from robot.recorder.ticks import NewPicture
from robot.rings import Ring, RingReader
from robot.world.wire import SceneObject, SceneState

_row = msgspec.msgpack.Decoder(Row)
_event = msgspec.msgpack.Decoder(Event)
_scene = msgspec.msgpack.Decoder(SceneState)


class Rows:
    """The control ticks of the kernel.  Newest not newer than the record tick; clamps of all since the last one."""

    def __init__(self, path: Path) -> None:
        self._ring = Ring.open(path)
        self._reader: RingReader = self._ring.reader()
        self._waiting: list[Row] = []
        self.newest: Row | None = None

    def skip(self) -> None:
        """Forgets what was told while nobody recorded."""
        self._reader.position = max(self._reader.position, self._ring.head - 1)
        self._waiting = []

    def until(self, mono_s: float) -> tuple[Row | None, int]:
        """The row for a record tick at `mono_s` (None before the first) and how many were lost since the last call."""
        records, lost = self._reader.read()
        self._waiting += [_row.decode(record) for record in records]
        due = [row for row in self._waiting if row.mono_s <= mono_s]
        self._waiting = self._waiting[len(due) :]
        if due:
            clamps = 0
            for row in due:
                clamps |= row.clamps
            self.newest = due[-1]
            self.newest.clamps = clamps
        return self.newest, lost


class Events:
    """The kernel's transitions, for `events.jsonl`."""

    def __init__(self, path: Path) -> None:
        self._ring = Ring.open(path)
        self._reader: RingReader = self._ring.reader()

    def skip(self) -> None:
        self._reader.position = self._ring.head

    def new(self) -> list[Happening]:
        records, lost = self._reader.read()
        happened = [_happening(_event.decode(record)) for record in records]
        if lost and happened:
            first = happened[0]
            happened.insert(0, Happening(time_ns=first.time_ns, mono_s=first.mono_s, event="lost", detail={"n": lost}))
        return happened


class Scene:
    """Where things are in a simulated world, told when one of them moved; nothing of a robot whose world is real."""

    def __init__(self, path: Path, period_s: float) -> None:
        self._path, self._period_s = path, period_s
        self._looks: Mailbox | None = None
        self._looked_s = float("-inf")
        self._told: tuple[str, SceneReport] | None = None

    def new(self, episode: str, mono_s: float, time_ns: int) -> list[Happening]:
        """For `events.jsonl` of this episode; at `mono_s` it is `time_ns` (UTC)."""
        if mono_s - self._looked_s < self._period_s or (self._looks is None and not self._path.exists()):
            return []
        self._looked_s = mono_s
        if self._looks is None:
            self._looks = Mailbox.open(self._path)
        newest = self._looks.get()
        if newest is None:
            return []
        seen_s = min(newest[1], mono_s)
        report = SceneReport(tuple(_thing(thing) for thing in _scene.decode(newest[0]).objects), "simulator")
        if (episode, report) == self._told:
            return []
        self._told = (episode, report)
        seen_ns = time_ns - round((mono_s - seen_s) * 1e9)
        return [Happening(time_ns=seen_ns, mono_s=seen_s, event=EVENT, detail=msgspec.to_builtins(report))]


def _thing(thing: SceneObject) -> SceneThing:
    x, y, z = thing.position
    return SceneThing(thing.name, (round(x, 3), round(y, 3), round(z, 3)))


class Pictures:
    """The frame ring of one camera; it may not be there yet, and is looked for again then."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ring: FrameRing | None = None
        self._taken = 0  # frames put up to and including the one recorded last
        self.newest_mono_s: float | None = None

    def until(self, mono_s: float) -> NewPicture | None:
        """The newest picture complete by `mono_s`, if it was not taken before."""
        ring = self._open()
        if ring is None:
            return None
        head = ring.head
        for position in range(head - 1, max(self._taken, head - 3) - 1, -1):
            frame: RingFrame | None = ring.frame(position)
            if frame is not None and frame.mono_s <= mono_s:
                self._taken = position + 1
                self.newest_mono_s = frame.mono_s
                return NewPicture(frame.i420, frame.time_ns, frame.masks)
        return None

    def _open(self) -> FrameRing | None:
        if self._ring is None and self._path.exists():
            try:
                self._ring = FrameRing.open(self._path)
                self._taken = self._ring.head
            except Refused:  # not a whole file yet: its maker is starting
                return None
        return self._ring


def _happening(event: Event) -> Happening:
    detail = {**event.detail, "epoch": event.epoch, "seq": event.seq}
    return Happening(
        time_ns=event.time_ns,
        mono_s=event.mono_s,
        event=event.event,
        actor=event.actor,
        reason=event.reason,
        before=event.before,
        after=event.after,
        detail=detail,
    )


@dataclass(slots=True)
class Pace:
    """When record ticks are due: a constant rate, drawn gently towards `margin_s` after the main camera's pictures.

    Without that, equal rates of camera and recording beat against each other: pictures would be repeated and skipped.
    """

    period_s: float
    margin_s: float = 0.006
    pull_s: float = 0.0005  # most that one tick is moved
    due_s: float = field(default=0.0)

    def begin(self, now_s: float) -> None:
        self.due_s = now_s

    def next(self, now_s: float, picture_s: float | None) -> None:
        """After the tick at `due_s`, whose newest main picture was complete at `picture_s`."""
        shift = 0.0
        if picture_s is not None and 0 <= self.due_s - picture_s <= self.period_s:
            wanted = self.margin_s - (self.due_s - picture_s)
            shift = max(-self.pull_s, min(self.pull_s, wanted))
        self.due_s += self.period_s + shift
        if now_s - self.due_s > 0.5:  # stopped for a while (SIGSTOP, swapping): go on from now
            self.due_s = now_s
