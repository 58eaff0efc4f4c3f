"""The pilot process: carries out one run at a time, with a policy on the server or in this process.

`python -m robot.pilot.process RUN_DIR --door kernel=FD --door link=FD --door media=FD --door recorder=FD`
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
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import msgspec

from protocol import robot_link
from protocol.errors import Refused
from protocol.runs import RunEnd, RunNoted, RunOrder, RunReport, RunResult, RunResume
from robot.door import Door
from robot.identity import Identity
from robot.kernel import door as kernel_door
from robot.layout import Place, open_place
from robot.mailbox import Mailbox
from robot.media.door import Record
from robot.pilot.attempt import Attempt, Outlets
from robot.pilot.door import ToPilot, decode_to_pilot
from robot.pilot.eyes import Eyes
from robot.pilot.fences import Fences
from robot.pilot.judge import WorldJudge
from robot.pilot.local import LocalPolicy
from robot.pilot.server import PolicyServer
from robot.pilot.thinker import Thinker
from robot.recorder import door as recorder_door

log = logging.getLogger("pilot")

TICK_S, IDLE_TICK_S = 0.02, 0.1
NICE = -5
_EACH_S = 1.0  # how often wishes and ends are said again: their hearer may be new
_LINGER_S = 30.0  # how long the connection to the policies stays after a run
_BATCH = 64
_AFTER_RESTART = 1_000_000  # number of the report on a run that a restart has cut: above all before


class Pilot:
    """Everything the pilot holds.  `tick` 50 times a second while a run goes on; `open_server` asks policies far away."""

    def __init__(self, place: Place, open_server: Callable[[], Thinker], clock: Callable[[], float] = time.monotonic) -> None:
        self._place, self._open_server, self._clock = place, open_server, clock
        self._embodiment = place.spec().embodiment
        self._kernel, self._link = Door(place.doors["kernel"]), Door(place.doors["link"])
        self._media, self._recorder = Door(place.doors["media"]), Door(place.doors["recorder"])
        self._status = Mailbox.open(place.status)
        self._eyes = Eyes({camera.name: place.frames(camera.name) for camera in self._embodiment.cameras})
        self._judge = WorldJudge(place.run_dir, clock)
        self._fences: Fences | None = None
        self._again_s = float("-inf")
        self._here: LocalPolicy | None = None
        self.attempt: Attempt | None = None
        try:
            self._fences = Fences(place.state_dir)
        except Refused as refused:
            log.error("%s", refused.sentence)
        self._report_interrupted()

    @property
    def active(self) -> bool:
        return self.attempt is not None

    def tick(self) -> None:
        now_s = self._clock()
        self._hear_kernel(now_s)
        self._hear_recorder(now_s)
        for packet in self._link.packets(_BATCH):
            self._hear_link(packet, now_s)
        found = self._status.get()
        if self.attempt is not None and found is not None:
            self.attempt.tick(now_s, kernel_door.decode_status(found[0]))
        self._drop_ended()
        if self.attempt is None:
            self._settle()
        if now_s - self._again_s >= _EACH_S:
            self._again_s = now_s
            self._say_again()

    # -- the doors ----------------------------------------------------------------------------------------------------

    def _hear_kernel(self, now_s: float) -> None:
        for packet in self._kernel.packets(_BATCH):
            with contextlib.suppress(Refused):
                message = kernel_door.decode_from_kernel(packet)
                if isinstance(message, kernel_door.Answer) and self.attempt is not None:
                    self.attempt.on_kernel(message, now_s)

    def _hear_recorder(self, now_s: float) -> None:
        for packet in self._recorder.packets(_BATCH):
            with contextlib.suppress(Refused):
                message = recorder_door.decode_from_recorder(packet)
                if isinstance(message, recorder_door.Answer | recorder_door.Happened) and self.attempt is not None:
                    self.attempt.on_recorder(message, now_s)

    def _hear_link(self, packet: bytes, now_s: float) -> None:
        try:
            self._obey(decode_to_pilot(packet), now_s)
        except Refused as refused:
            log.warning("%s", refused.sentence)

    def _obey(self, message: ToPilot, now_s: float) -> None:
        if isinstance(message, RunNoted):
            if self._fences is not None:
                self._fences.noted(message.run)
            return
        ours = self.attempt is not None and self.attempt.order.run == message.run
        if isinstance(message, RunOrder):
            if not ours and not self._said_end(message.run):
                self._begin(message, now_s)
        elif not ours:
            if not self._said_end(message.run):
                self._refuse(message, "interrupted", "run_unknown", "This robot does not carry out this run (any more).")
        elif self.attempt is not None and message.fence == self.attempt.order.fence:
            if isinstance(message, RunResume):
                self.attempt.resume(message, now_s)
            else:
                self.attempt.finish(message)

    # -- beginning and ending -----------------------------------------------------------------------------------------

    def _begin(self, order: RunOrder, now_s: float) -> None:
        """The fence is on the disk before anything else happens."""
        try:
            fences = self._may_begin(order)
            thinker = self._open_here(Path(order.folder)) if order.folder else self._open_server()
            fences.start(order.run, order.fence)
        except Refused as refused:
            begun = self._fences.highest if refused.code == "fenced" and self._fences is not None else None
            self._refuse(order, "refused", refused.code, refused.sentence, begun)
            return
        judged = self._judge.aim(order.goal)
        outlets = Outlets(self._kernel.send, self._recorder.send, self._tell, self._keep_end, fences.recorded, judged)
        self.attempt = Attempt(order, self._embodiment, self._eyes, thinker, outlets, now_s)
        self._again_s = float("-inf")  # pictures and fence at once
        self.attempt.begin()

    def _open_here(self, folder: Path) -> LocalPolicy:
        """Loading takes seconds: the policy that ran here last stays."""
        if self._here is None or self._here.folder != folder or self._here.broken:
            if self._here is not None:
                self._here.close()
            self._here = LocalPolicy(folder)
        return self._here

    def _may_begin(self, order: RunOrder) -> Fences:
        if self._fences is None:
            raise Refused("runs_unreadable", "The robot does not know which runs it has done. Look at runs.json in its folder.")
        self._fences.check(order.fence)
        if self.attempt is not None:
            raise Refused("busy", "Another run goes on at this robot. End it first.")
        if not self._embodiment.action:
            raise Refused("no_arm", "This robot has nothing to move.")
        self._eyes.check(order.pictures)
        return self._fences

    def _refuse(
        self, message: RunOrder | RunResume | RunEnd, result: RunResult, code: str, sentence: str, highest: int | None = None
    ) -> None:
        report = RunReport(
            run=message.run, fence=message.fence, n=_AFTER_RESTART, time_ns=time.time_ns(), phase="ended",
            reason=code, sentence=sentence, result=result, highest=highest,
        )  # fmt: skip
        self._keep_end(report)
        self._tell(report)

    def _keep_end(self, report: RunReport) -> None:
        """A disk that takes nothing more keeps no robot from saying how its run has ended."""
        try:
            if self._fences is not None:
                self._fences.end(report)
        except Refused as refused:
            log.error("%s", refused.sentence)

    def _said_end(self, run: str) -> bool:
        """Whether this run has ended already; then that is said again."""
        ends = () if self._fences is None else tuple(end for end in self._fences.ends if end.run == run)
        for end in ends:
            self._tell(end)
        return bool(ends)

    def _report_interrupted(self) -> None:
        """A run that began before this process did has lost its lease long since."""
        self._kernel.send(kernel_door.SetFence(fence=0))
        started = None if self._fences is None else self._fences.started
        if started is None or self._fences is None:
            return
        self._recorder.send(recorder_door.Stop(id=f"stop:{started.run}"))
        sentence = "The robot's pilot was started again while this run went on. Look at the robot before the next."
        self._keep_end(
            RunReport(
                run=started.run, fence=started.fence, n=_AFTER_RESTART, time_ns=time.time_ns(), phase="ended",
                reason="pilot_restarted", sentence=sentence, result="interrupted", episode=self._fences.episode,
            )
        )  # fmt: skip

    def _drop_ended(self) -> None:
        if self.attempt is not None and self.attempt.ended:
            self.attempt = None
            self._judge.forget()
            self._kernel.send(kernel_door.SetFence(fence=0))
            self._media.send(Record(wanted=False))

    def _settle(self) -> None:
        try:
            if self._fences is not None:
                self._fences.settle()
        except Refused as refused:
            log.error("%s", refused.sentence)

    # -- telling ------------------------------------------------------------------------------------------------------

    def _tell(self, report: RunReport) -> None:
        self._link.send(report)

    def _say_again(self) -> None:
        """What a restarted neighbour, or a server that was away, has not heard."""
        self._media.send(Record(wanted=self.active))
        if self.attempt is not None:
            self._kernel.send(kernel_door.SetFence(fence=self.attempt.order.fence))
            if self.attempt.report is not None:
                self._link.send(self.attempt.report)
        for end in () if self._fences is None else self._fences.ends:
            self._link.send(end)


class Policies:
    """The connection to the policies' server: made when a run wants it, kept for a while after."""

    def __init__(self, place: Place, clock: Callable[[], float] = time.monotonic) -> None:
        identity = Identity.load(place.state_dir)
        hello = robot_link.Hello(
            robot=place.setup.robot,
            protocol=robot_link.PROTOCOL,
            program=place.setup.program,
            embodiment=msgspec.json.encode(place.spec().embodiment).decode(),
        )
        self._clock = clock
        self._make = partial(PolicyServer, place.setup.server, hello, identity.sign, clock)
        self._server: PolicyServer | None = None
        self._task: asyncio.Task[None] | None = None
        self._used_s = 0.0

    def open(self) -> PolicyServer:
        if self._server is None:
            self._server = self._make()
            self._task = asyncio.get_running_loop().create_task(self._server.run())
        return self._server

    def tick(self, active: bool) -> None:
        """An error of the connection's own code ends the process: the launcher starts it again."""
        now_s = self._clock()
        if active:
            self._used_s = now_s
        if self._task is not None and self._task.done():
            self._task.result()
        elif self._task is not None and now_s - self._used_s > _LINGER_S:
            self._task.cancel()
            self._server = self._task = None


async def _run(place: Place) -> None:
    policies = Policies(place)
    pilot = Pilot(place, policies.open)
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    gc.freeze()  # what is there now stays: later collections are short
    due_s = loop.time()
    while not ending.is_set():
        pilot.tick()
        policies.tick(pilot.active)
        due_s = max(due_s + (TICK_S if pilot.active else IDLE_TICK_S), loop.time())
        await asyncio.sleep(due_s - loop.time())
    if pilot.attempt is not None:
        pilot.attempt.end("interrupted", "program_ended", "The robot program was ended.")


def _hurry() -> None:
    """Late heartbeats stop the arm for nothing: before ordinary processes, behind the control loop.  Threads made later (a
    policy that thinks here) do not inherit it."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except PermissionError:
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, NICE)


def main(argv: list[str]) -> int:
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    logging.getLogger("websockets").setLevel(logging.ERROR)
    cv2.setNumThreads(1)
    _hurry()
    asyncio.run(_run(open_place(argv)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
