"""The link process: one event loop between the robot's other processes, its server and the people connected to it.

It passes on and reports.  It decides nothing about motion, and a slow server or page never delays the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import msgspec

from protocol import robot_link, runs, wire
from protocol.errors import Refused
from robot import masks, vitals
from robot import state as kept
from robot.door import Door
from robot.identity import Identity
from robot.kernel import door as kernel_door
from robot.layout import Place, open_place
from robot.link.log import FOLDER, TransitionLog
from robot.link.outlets import Outlets
from robot.link.recording import RecorderLink
from robot.link.report import Known, robot_state
from robot.link.server import Uplink
from robot.link.session import Sessions
from robot.mailbox import Mailbox
from robot.media import door as media_door
from robot.pilot import door as pilot_door
from robot.recorder import door as recorder_door
from robot.rings import Ring
from robot.world.door import ask_world
from robot.world.wire import SCENE, Paint, Reset, SceneState

log = logging.getLogger("link")

TICK_S, IDLE_TICK_S = 0.02, 0.1  # with and without somebody connected
_EACH_S = 1.0  # how often wishes are said again: their hearer may be new
_CLOCK_OFF_S, _CLOCK_WRONG_S = 60.0, 86_400.0
NICE = -10
_BATCH = 64
_ALIVE_S = 0.1
_FROM_SERVER = "server:"  # id of stops that the server asked for


class Link:
    """Everything the link holds.  `start` on a running loop, `tick` every 20 ms, `close` at the end."""

    def __init__(self, place: Place, clock: Callable[[], float] = time.monotonic) -> None:
        self._place, self._clock = place, clock
        self._embodiment = place.spec().embodiment
        identity = Identity.load(place.state_dir)
        self._kernel = Door(place.doors["kernel"])
        self._media = Door(place.doors["media"])
        self._pilot = Door(place.doors["pilot"]) if "pilot" in place.doors else None
        self._recorder = RecorderLink(Door(place.doors["recorder"]), self._on_recorder)
        self._status, self._vitals = Mailbox.open(place.status), Mailbox.open(place.run_dir / vitals.FILE)
        self._events = Ring.open(place.events).reader(oldest=True)
        self.log = TransitionLog(place.state_dir / FOLDER)
        self._known = Known(held=kept.held(place.state_dir))
        outlets = Outlets(
            self._kernel.send, self._media.send, self._recorder.record, self._reset_scene, self._paint_scene, self._ended
        )  # fmt: skip
        self.sessions = Sessions(place.setup.robot, self._embodiment, outlets, identity.sign, clock)
        hello = robot_link.Hello(
            robot=place.setup.robot,
            protocol=robot_link.PROTOCOL,
            program=place.setup.program,
            embodiment=msgspec.json.encode(self._embodiment).decode(),
        )
        self.uplink = Uplink(place.setup.server, hello, identity.sign, self.log, self, clock)
        self._stopping: set[str] = set()  # stops from the server that the kernel has not confirmed
        self._snapshots_wanted = False
        self._masks: int | None = None  # version that the server sent last
        self._again_s = float("-inf")
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        for name, read in (
            ("kernel", self._read_kernel),
            ("media", self._read_media),
            ("recorder", self._read_recorder),
            ("pilot", self._read_pilot),
        ):
            if name in self._place.doors:
                loop.add_reader(self._place.doors[name].fileno(), read)

    async def run(self) -> None:
        """Until cancelled; an error in any part ends all, and the launcher starts the link anew."""
        self.start(asyncio.get_running_loop())
        async with asyncio.TaskGroup() as group:
            group.create_task(self.uplink.run())
            group.create_task(self.sessions.run())
            group.create_task(self._ticks())

    async def close(self) -> None:
        await self.sessions.close()
        self.log.close()

    def tick(self) -> None:
        """Looks at the kernel's status and events, and tells everybody what is new."""
        now_s = self._clock()
        self._look_at_kernel()
        self._log_events()
        if (told := self._vitals.get()) is not None:
            self._known.vitals = vitals.decode(told[0])
        self._stop_again()
        if now_s - self._again_s >= _EACH_S:
            self._again_s = now_s
            self._recorder.tell(recorder_door.Live(live=self.sessions.count > 0))
        state = robot_state(self._known, self._embodiment, self.sessions.count, now_s, time.time_ns())
        if self.log.trouble:
            health = msgspec.structs.replace(state.health, notes=(*state.health.notes, self.log.trouble))
            state = msgspec.structs.replace(state, health=health)
        self.sessions.set_state(state)
        self.uplink.report(state)

    # -- what the server says (robot.link.server.Ears) ----------------------------------------------------------------

    def on_welcome(self, message: robot_link.Welcome) -> None:
        """The server takes this robot for the one it is; a hold is over."""
        self._set_held("")
        off_s = (time.time_ns() - message.time_ns) / 1e9
        notes: tuple[str, ...] = ()
        if abs(off_s) > _CLOCK_OFF_S:
            notes = (f"This robot's clock is {off_s:+.0f} s off the server's. Set it, or let NTP set it.",)
        if abs(off_s) > _CLOCK_WRONG_S:
            self._note("clock_off", reason=notes[0])
        self._known.notes = notes

    def on_held(self, sentence: str) -> None:
        """The server doubts who this is: nothing may move, and nobody stays connected."""
        self._set_held(sentence or "held")
        self.sessions.end_all("held")

    def on_message(self, message: wire.Message) -> None:
        match message:
            case robot_link.Offer():
                self._spawn(self._answer(message))
            case robot_link.EndSession():
                self.sessions.end(message.session, message.reason)
            case robot_link.Renew():
                self._kernel.send(kernel_door.Renew(renewal=message.renewal))
            case robot_link.StopNow():
                self._stopping.add(message.source)
                self._kernel.send(_stop(message.source))
            case robot_link.Token():
                self._recorder.tell(recorder_door.SetToken(token=message.token, valid_s=message.valid_s))
            case robot_link.Snapshots():
                self._snapshots_wanted = message.wanted
                self._media.send(media_door.Snapshots(wanted=message.wanted))
            case robot_link.Masks():
                self._keep_masks(message)
            case runs.RunOrder() | runs.RunResume() | runs.RunEnd() | runs.RunNoted():
                if self._pilot is None or not self._pilot.send(message):
                    raise Refused("pilot_away", "The robot's pilot does not take orders now. Try again in a moment.")

    # -- what the robot's other processes say --------------------------------------------------------------------------

    def _read_kernel(self) -> None:
        for packet in self._kernel.packets(_BATCH):
            with _logged():
                self._heard_kernel(kernel_door.decode_from_kernel(packet))

    def _heard_kernel(self, message: kernel_door.FromKernel) -> None:
        if isinstance(message, kernel_door.Stopped) and message.id.startswith(_FROM_SERVER):
            source = message.id.removeprefix(_FROM_SERVER)
            if source in self._stopping:
                self._stopping.discard(source)
                self.uplink.tell(robot_link.StopAck(source=source))
            return
        self.sessions.on_kernel_event(message)

    def _read_media(self) -> None:
        for packet in self._media.packets(_BATCH):
            with _logged():
                self._heard_media(media_door.decode_from_media(packet))

    def _heard_media(self, message: media_door.FromMedia) -> None:
        match message:
            case media_door.Packet():
                self.sessions.on_media_packet(message)
            case media_door.Cameras():
                self._known.cameras, self._known.cameras_s = message, self._clock()
            case media_door.Snapshot():
                names = [camera.name for camera in self._embodiment.cameras]
                if message.camera in names:
                    self.uplink.snapshot(names.index(message.camera), message.jpeg)
            case media_door.Started():
                self.sessions.on_media_restart()
                self._media.send(media_door.Snapshots(wanted=self._snapshots_wanted))

    def _read_recorder(self) -> None:
        with _logged():
            self._recorder.read()

    def _on_recorder(self, message: recorder_door.FromRecorder) -> None:
        match message:
            case recorder_door.Report():
                self._known.recording, self._known.rows_lost = message.recording, message.rows_lost
                self._known.disk_free_mb = message.disk_free_mb
            case recorder_door.NeedToken():
                self.uplink.tell(robot_link.TokenRequest())
            case recorder_door.Happened():
                self.log.append(
                    message.time_ns,
                    message.event,
                    actor=message.actor,
                    reason=message.reason,
                    detail={**message.detail, "episode": message.episode},
                )

    def _read_pilot(self) -> None:
        for packet in self._pilot.packets(_BATCH) if self._pilot is not None else ():
            with _logged():
                self.uplink.tell(pilot_door.decode_from_pilot(packet))

    def _look_at_kernel(self) -> None:
        told = self._status.get()
        if told is None:
            return
        status = kernel_door.decode_status(told[0])
        self._known.status = status
        self.sessions.set_status(status)
        if status.held != bool(self._known.held) and self._kernel_is_alive():  # it is new
            self._kernel.send(kernel_door.SetHeld(id="held", held=bool(self._known.held)))

    def _log_events(self) -> None:
        records, missed = self._events.read(_BATCH)
        for record in records:
            event = kernel_door.decode_event(record)
            if (event.epoch, event.n) > self.log.last_event:
                self.log.append(
                    event.time_ns, event.event, kernel_n=event.n, detail=event.detail, actor=event.actor,
                    reason=event.reason, before=event.before, after=event.after, epoch=event.epoch, seq=event.seq,
                )  # fmt: skip
        if missed:
            self._note("events_missed", reason=f"{missed} events of the kernel were overwritten before they were read")

    def _stop_again(self) -> None:
        """Until the kernel confirms it; not into the door of a dead one, where the first still waits."""
        if self._kernel_is_alive():
            for source in self._stopping:
                self._kernel.send(_stop(source))

    def _kernel_is_alive(self) -> bool:
        status = self._known.status
        return status is not None and self._clock() - status.mono_s < _ALIVE_S

    # -- parts --------------------------------------------------------------------------------------------------------

    async def _ticks(self) -> None:
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            self.tick()
            due_s = max(due_s + (TICK_S if self.sessions.count else IDLE_TICK_S), loop.time())
            await asyncio.sleep(due_s - loop.time())

    async def _answer(self, offer: robot_link.Offer) -> None:
        try:
            if self._known.held:
                raise Refused("held", f"This robot is held: {self._known.held}")
            self.uplink.tell(await self.sessions.offer(offer))
        except Refused as refused:
            self.uplink.tell(
                robot_link.SessionRefused(
                    session=offer.session, code=refused.code, sentence=refused.sentence, detail=dict(refused.detail)
                )
            )

    async def _reset_scene(self, seed: int | None) -> None:
        """Without a seed the objects go back to where they were.  Refused("no_scene" | "world_away" | ...)."""
        run_dir = self._simulated()
        if seed is None:
            newest = Mailbox.open(run_dir / SCENE).get()
            seed = 0 if newest is None else msgspec.msgpack.decode(newest[0], type=SceneState).seed
        await asyncio.to_thread(ask_world, run_dir, Reset(seed=seed))

    async def _paint_scene(self, colours: dict[str, str]) -> None:
        """Refused("no_scene" | "world_away" | "thing_unknown" | "colour_unknown")."""
        await asyncio.to_thread(ask_world, self._simulated(), Paint(colours))

    def _simulated(self) -> Path:
        if not (self._place.run_dir / SCENE).exists():
            raise Refused("no_scene", "This robot's scene is real: only a person can change what stands there.")
        return self._place.run_dir

    def _keep_masks(self, message: robot_link.Masks) -> None:
        """The media process sees by itself that there are others; refused as in `robot.masks.keep`."""
        setup, before = self._place.setup, self._masks
        after = masks.keep(self._place.state_dir, message.masks, setup.server_key, setup.robot)
        self._masks = after.version
        if before not in (None, after.version):
            hidden = ", ".join(mask.camera for mask in after.cameras if mask.regions)
            self._note("masks_changed", reason=f"masked: {hidden}" if hidden else "nothing is masked")

    def _ended(self, message: robot_link.SessionEnded) -> None:
        self.uplink.tell(message)

    def _set_held(self, sentence: str) -> None:
        if sentence != self._known.held:
            self._known.held = sentence
            kept.set_held(self._place.state_dir, sentence)
            self._note("held" if sentence else "hold_ended", reason=sentence)
        self._kernel.send(kernel_door.SetHeld(id="held", held=bool(sentence)))

    def _note(self, event: str, reason: str) -> None:
        self.log.append(time.time_ns(), event, actor="robot", reason=reason)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("an offer could not be answered", exc_info=error)


def _stop(source: str) -> kernel_door.Stop:
    return kernel_door.Stop(id=_FROM_SERVER + source, source=source)


@contextlib.contextmanager
def _logged() -> Iterator[None]:
    """A packet that cannot be read is said and left: the others must not wait for it."""
    try:
        yield
    except Refused as refused:
        log.warning("%s", refused)


async def _run(place: Place) -> None:
    link = Link(place)
    running = asyncio.ensure_future(link.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, running.cancel)
    gc.freeze()  # what is there now stays: later collections are short
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await running
    finally:
        await link.close()


def _prefer_this_process() -> None:
    """Heartbeats pass through here: late ones stop the arm for nothing.  Where the system does not let us, so be it."""
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, NICE)


def main(argv: list[str]) -> int:
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    for noisy in ("aiortc", "aioice", "websockets"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    _prefer_this_process()
    asyncio.run(_run(open_place(argv)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
