"""The recorder process: reads the rings at record ticks, answers the link, finalises and uploads in threads.

`python -m robot.recorder.process RUN_DIR --door link=FD --door media=FD --door pilot=FD`.  The control loop never waits for it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import select
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from protocol.episode import EpisodeMeta
from protocol.errors import Refused
from robot.door import Door
from robot.layout import Place, open_place
from robot.media.door import Record
from robot.recorder import door
from robot.recorder.episode_recorder import About, EpisodeRecorder, Limits
from robot.recorder.finalise import Home, finalise
from robot.recorder.inputs import Events, Pace, Pictures, Rows, Scene
from robot.recorder.recording import Now, Recording
from robot.recorder.ticks import TickMaker, no_row
from robot.recorder.upload import Server, Uploader
from robot.world.wire import SCENE

log = logging.getLogger("recorder")

REPORT_S = 0.2
HOUSE_S = 5.0


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table `recorder` of the robot's configuration."""

    min_free_mb: float = 500.0
    floor_mb: float = 16.0
    live_kbyte_s: float = 256.0  # upload speed while somebody drives; 0 stops uploads meanwhile
    upload: bool = True
    preroll: bool = True


@dataclass(slots=True)
class Finaliser:
    """Finalises logs one after the other in a thread that outlives whatever goes wrong; results wait in `done`."""

    home: Home
    logs: queue.Queue[Path] = field(default_factory=queue.Queue)
    done: queue.Queue[tuple[Path, EpisodeMeta | Refused | None]] = field(default_factory=queue.Queue)

    def run(self) -> None:
        while True:
            self.one(self.logs.get())

    def one(self, path: Path) -> None:
        try:
            result: EpisodeMeta | Refused | None = finalise(self.home, path)
        except Refused as refused:
            result = refused
        except Exception as error:  # a disk that fails, or a fault of ours: later episodes must still be saved
            log.exception("%s could not be saved", path.name)
            result = Refused("save_failed", f"The episode cannot be saved: {type(error).__name__}: {error}.")
        self.done.put((path, result))


class RecorderProcess:
    """One robot's recorder.  `step` does what is due and returns the seconds until something is due again."""

    def __init__(self, place: Place) -> None:
        options = msgspec.convert(place.setup.recorder, Options)
        embodiment = place.spec().embodiment
        self._home = Home(place.state_dir / "recordings").make()
        self._home.sweep()
        world = {key: value for key, value in place.setup.body_config.items() if isinstance(value, str | int | float)}
        about = About(place.setup.robot, embodiment, place.setup.program, {"body": place.setup.body, **world})
        limits = Limits(int(options.min_free_mb * 1e6), int(options.floor_mb * 1e6))
        self._recorder = EpisodeRecorder(self._home, about, limits)
        self._finaliser = Finaliser(self._home)
        self._recording = Recording(self._recorder, self._finaliser.logs.put, self._tell, options.preroll)
        self._askers = {name: Door(place.doors[name]) for name in ("link", "pilot") if name in place.doors}
        self._media = Door(place.doors["media"]) if "media" in place.doors else None
        self._link = self._askers["link"]
        self._rows, self._events = Rows(place.rows), Events(place.events)
        self._scene = Scene(place.run_dir / SCENE, 1.0 / embodiment.policy_hz)
        self._pictures = {camera.name: Pictures(place.frames(camera.name)) for camera in embodiment.cameras}
        self._maker: TickMaker | None = None
        self._pace = Pace(1.0 / embodiment.record_hz)
        self._embodiment = embodiment
        self._uploader = Uploader(
            self._home,
            Server(place.setup.server),
            lambda: self._recording.live,
            self._uploaded,
            options.live_kbyte_s * 1e3,
            refused=self._upload_refused,
        )
        self._upload = options.upload
        self._rows_lost = 0
        self._report_s = self._house_s = float("-inf")
        self._said: Any = None

    def run(self, ended: threading.Event) -> None:
        threading.Thread(target=self._finaliser.run, name="finalise", daemon=True).start()
        if self._upload:
            threading.Thread(target=self._uploader.run, args=(ended,), name="upload", daemon=True).start()
        while not ended.is_set():
            wait_s = self.step()
            with contextlib.suppress(InterruptedError):
                select.select([*self._askers.values()], [], [], max(0.0, wait_s))
        if self._recorder.take.state == "recording":  # the robot program is ending: keep what there is
            log = self._recorder.end("unlabelled", cut=True, reason="The robot program was ended.")
            with contextlib.suppress(Refused):  # it stays as a log, for the next start
                self._recorder.save(log)

    def step(self) -> float:
        now = _now()
        for name, asker in self._askers.items():
            for packet in asker.packets(16):
                self._hear(name, asker, packet, now)
        while not self._finaliser.done.empty():
            log, result = self._finaliser.done.get()
            self._recording.finalised(log, result, now)
        if self._recording.active:
            self._tick_if_due()
        elif self._maker is not None:
            self._maker = None
            self._want_pictures(False)
        if now.mono_s - self._house_s >= HOUSE_S:
            self._house_s = now.mono_s
            self._recording.keep_house(now)
        self._report(now)
        until = self._report_s + REPORT_S - time.monotonic()
        return min(until, self._pace.due_s - time.monotonic()) if self._maker is not None else until

    # -- the door ------------------------------------------------------------------------------------------------------

    def _hear(self, name: str, asker: Door, packet: bytes, now: Now) -> None:
        try:
            message = door.decode_to_recorder(packet)
        except Refused as refused:
            asker.send(door.Answer(code=refused.code, sentence=refused.sentence))
            return
        if isinstance(message, door.SetToken):
            self._uploader.set_token(message.token)
            return
        answer = self._recording.ask(message, now, name)
        if message.id:
            asker.send(answer)

    def _report(self, now: Now) -> None:
        progress = self._uploader.progress
        state = self._recording.state(now, progress.pending, progress.uploaded_pct, progress.sentence)
        changed = (state.state, state.episode, state.sentence) != self._said
        if not changed and now.mono_s - self._report_s < REPORT_S:
            return
        self._said, self._report_s = (state.state, state.episode, state.sentence), now.mono_s
        free_mb = self._recorder.free_bytes() / 1e6
        self._link.send(door.Report(recording=state, rows_lost=self._rows_lost, disk_free_mb=free_mb))
        if progress.token_needed:
            progress.token_needed = False
            self._link.send(door.NeedToken())
        if self._maker is not None:
            self._want_pictures(True)  # said again and again: the media process may have been restarted

    def _tell(self, happened: door.Happened) -> None:
        for asker in self._askers.values():
            asker.send(happened)

    def _uploaded(self, episode: str) -> None:
        self._link.send(door.Happened(time_ns=time.time_ns(), event="uploaded", episode=episode))

    def _upload_refused(self, episode: str, sentence: str) -> None:
        self._link.send(door.Happened(time_ns=time.time_ns(), event="upload_refused", episode=episode, reason=sentence))

    def _want_pictures(self, wanted: bool) -> None:
        if self._media is not None:
            self._media.send(Record(wanted=wanted))

    # -- record ticks --------------------------------------------------------------------------------------------------

    def _tick_if_due(self) -> None:
        now = _now()
        if self._maker is None:
            self._maker = TickMaker(self._embodiment)
            self._rows.skip()
            self._events.skip()
            self._want_pictures(True)
            self._pace.begin(now.mono_s)
        if now.mono_s < self._pace.due_s:
            return
        row, lost = self._rows.until(now.mono_s)
        self._rows_lost += lost
        new = {name: ring.until(now.mono_s) for name, ring in self._pictures.items()}
        fresh = {name: picture for name, picture in new.items() if picture is not None}
        row = row or no_row(self._embodiment, now.mono_s, now.time_ns)
        tick = self._maker.make(now.mono_s, now.time_ns, row, fresh, lost, self._recording.key_due)
        happened = self._events.new()
        if self._recorder.take.state == "recording":
            happened += self._scene.new(self._recorder.take.episode, now.mono_s, now.time_ns)
        self._recording.tick(tick, happened, now)
        main = next(iter(self._pictures.values()), None)
        self._pace.next(now.mono_s, None if main is None else main.newest_mono_s)


def _now() -> Now:
    return Now(time.monotonic(), time.time_ns())


def _hurry() -> None:
    """A late tick is a lost picture: before ordinary processes, behind the control loop; threads made later do not inherit it.

    Without the right to it, ordinary priority: then a crowded machine makes ticks late and a kill costs more.
    """
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))


def main(argv: Sequence[str]) -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    process = RecorderProcess(open_place(argv))
    _hurry()
    process.run(ended)


if __name__ == "__main__":
    main(sys.argv[1:])
