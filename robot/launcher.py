"""Runs one robot: makes what its processes share, starts them in order, restarts what dies, keeps epoch and latch safe.

It moves nothing and talks to nobody outside.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from protocol.errors import Refused
from robot import layout, state, vitals
from robot.bodies.body import BodySpec
from robot.config import RobotConfig, read_config
from robot.door import Door, door_pair
from robot.durable import sync
from robot.frame_ring import FrameRing
from robot.identity import Identity
from robot.kernel import door as kernel_door
from robot.mailbox import Mailbox
from robot.rings import Ring
from robot.supervise import Backoff, Child, Supervisor
from robot.version import PROGRAM

PROCESSES = ("kernel", "media", "recorder", "link", "pilot")  # in the order of their start
_MEMORY = Path("/dev/shm")  # noqa: S108  # the folder made there has a random name and is ours alone
_PREFIX, _YOUNG_S = "reins-", 10.0
_ROOT = Path(__file__).resolve().parent.parent
_TURN_S = 0.1
_VITALS_S = 1.0


def run(folder: Path, say: Callable[[str, str], None] | None = None) -> None:
    """Runs the robot in `folder` until a signal.  Raises Refused before anything is started, with what to do."""
    config = read_config(folder)
    Identity.load(folder)  # refuses now rather than in a child that would be restarted for ever
    with state.only_one(folder):
        _remove_old_run(folder)
        parent = _MEMORY if os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
        sweep(parent, time.time())
        run_dir = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{config.robot[:8]}-", dir=parent))
        try:
            with state.only_one(run_dir):
                Launcher(folder, config, run_dir, Supervisor(say)).run()
        finally:
            shutil.rmtree(run_dir, ignore_errors=True)


def sweep(parent: Path, now_s: float) -> None:
    """Removes run folders of launchers that were killed and never started again: they would fill the memory.

    A launcher holds its run folder's lock as long as it lives; a young folder may not be locked yet.
    """
    for old in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(FileNotFoundError):  # another launcher sweeps too
            about = old.stat()
            ours_and_old = about.st_uid == os.getuid() and now_s - about.st_mtime > _YOUNG_S
            if ours_and_old and (old / state.LOCK).exists() and not state.is_running(old):
                shutil.rmtree(old, ignore_errors=True)


def _remove_old_run(folder: Path) -> None:
    """The run folder of a launcher that was killed; its processes died with it."""
    last = state.read_run(folder)
    if last is not None and Path(last.run_dir).name.startswith(_PREFIX):
        shutil.rmtree(last.run_dir, ignore_errors=True)


class Launcher:
    """The processes of one robot and everything that must outlive any of them."""

    def __init__(self, folder: Path, config: RobotConfig, run_dir: Path, supervisor: Supervisor) -> None:
        self.folder, self.run_dir, self.supervisor = folder, run_dir, supervisor
        self.setup = layout.Setup(
            robot=config.robot,
            name=config.name,
            server=config.server,
            server_key=config.server_key,
            program=PROGRAM,
            state_dir=str(folder.resolve()),
            body=config.body_kind,
            body_config=config.body_config,
            recorder=config.recorder,
            media=config.media,
        )
        self.place = layout.Place(run_dir, self.setup, {})
        self.spec: BodySpec = self.place.spec()
        self.doors = _make_doors()
        self.kernel = Door(self.doors["launcher", "kernel"])
        self.latch = LatchSync(self.place.latch)
        self._allowed = state.remote_motion(folder)
        self._cpu = vitals.CpuMeter()
        self._vitals_s = 0.0
        (run_dir / "setup.json").write_bytes(msgspec.json.encode(self.setup))
        self.status, self.vitals = self._make_shared()

    def run(self) -> None:
        """Starts everything and keeps it alive until a signal."""
        self.supervisor.catch_signals()
        self.supervisor.adopt_orphans()
        state.write_run(self.folder, state.Run(os.getpid(), str(self.run_dir)))
        try:
            for child in self.spec.children:
                self.supervisor.add(self._child(child.name, lambda c=child: self._python(c.module, *c.args)))  # type: ignore[misc]
            for name in PROCESSES:
                self.supervisor.add(self._child(name, lambda n=name: self._command(n)))  # type: ignore[misc]
            self.supervisor.run(self.each_turn, _TURN_S)
        finally:
            self.supervisor.stop()
            self.latch.look()
            (self.folder / state.RUN).unlink(missing_ok=True)

    def each_turn(self) -> None:
        """The launcher's own duties between two looks at the children."""
        self.latch.look()
        allowed = state.remote_motion(self.folder)
        if allowed != self._allowed:
            self._allowed = allowed
            self._tell_switch()
            self.supervisor.say("launcher", f"remote motion is {'on' if allowed else 'off'}")
        for _ in self.kernel.packets(64):  # answers; the status mailbox says what is true
            pass
        now_s = time.monotonic()
        if now_s - self._vitals_s >= _VITALS_S:
            self._vitals_s = now_s
            self._put_vitals(now_s)

    # -- parts --------------------------------------------------------------------------------------------------------

    def _make_shared(self) -> tuple[Mailbox, Mailbox]:
        status = Mailbox.create(self.place.status, layout.STATUS_BYTES)
        Ring.create(self.place.rows, layout.ROW_SLOTS, layout.ROW_BYTES).close()
        Ring.create(self.place.events, layout.EVENT_SLOTS, layout.EVENT_BYTES).close()
        for camera in self.spec.embodiment.cameras:
            FrameRing.create(self.place.frames(camera.name), camera.width, camera.height, layout.FRAME_SLOTS).close()
        return status, Mailbox.create(self.run_dir / vitals.FILE, vitals.BYTES)

    def _child(self, name: str, argv: Callable[[], tuple[str, ...]]) -> Child:
        fds = tuple(end.fileno() for (owner, _), end in self.doors.items() if owner == name)
        return Child(
            name,
            argv,
            env={
                "PYTHONPATH": os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH")))),
                "PYTHONUNBUFFERED": "1",
                "OMP_NUM_THREADS": "1",  # vectors this short only lose by being spread over cores
                "OPENBLAS_NUM_THREADS": "1",
            },
            pass_fds=fds,
            backoff=Backoff(first_s=0.05, most_s=5.0),
            stop_s=10.0 if name == "recorder" else 3.0,  # an episode in progress is finished first
        )

    def _command(self, name: str) -> tuple[str, ...]:
        words = [str(self.run_dir)]
        for (owner, other), end in self.doors.items():
            if owner == name:
                words += ["--door", f"{other}={end.fileno()}"]
        if name == "kernel":
            words += ["--epoch", str(self._begin_kernel())]
        return self._python(f"robot.{name}.process", *words)

    def _begin_kernel(self) -> int:
        """A new epoch, and word of what was decided outside the kernel, waiting in its door before it looks."""
        epoch = state.next_epoch(self.folder)
        self._tell_switch()
        if state.held(self.folder):
            self.kernel.send(kernel_door.SetHeld(held=True))
        return epoch

    def _tell_switch(self) -> None:
        self.kernel.send(kernel_door.SetRemoteMotion(allowed=self._allowed))

    def _python(self, module: str, *words: str) -> tuple[str, ...]:
        return (sys.executable, "-m", module, *words)

    def _put_vitals(self, now_s: float) -> None:
        pids = [pid for name in self.supervisor.children if (pid := self.supervisor.pid(name)) is not None]
        used_pct = self._cpu.look(now_s, vitals.cpu_s([*pids, os.getpid()]))
        self.vitals.put(vitals.encode(vitals.Vitals(used_pct, self.supervisor.restarts())), now_s)


class LatchSync:
    """Brings the latched stops to the disk when the kernel has changed them: the kernel itself never waits for one.

    A killed kernel leaves them in the page cache; only a power cut within a turn of a stop could lose them.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._synced: bytes | None = None
        self.syncs = 0

    def look(self) -> None:
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            content = os.pread(fd, os.fstat(fd).st_size, 0)
            if content == self._synced:
                return
            os.fsync(fd)
        finally:
            os.close(fd)
        if self._synced is None:
            sync(self._path.parent)
        self._synced = content
        self.syncs += 1


def _make_doors() -> dict[tuple[str, str], socket.socket]:
    """By (whose end, to whom).  Both ends of each stay open here, so that a restarted child finds its door."""
    doors = {}
    for one, other in layout.DOOR_PAIRS:
        doors[one, other], doors[other, one] = door_pair()
    return doors


def status_of(folder: Path) -> tuple[kernel_door.Status, float]:
    """The kernel's newest word and its age in seconds.  `Refused("not_running" | "no_status")`."""
    read_config(folder)
    now = state.read_run(folder)
    if now is None or not state.is_running(folder):
        raise Refused("not_running", f"The robot in {folder} is not running. Start it: python -m robot run --dir {folder}")
    found = Mailbox.open(Path(now.run_dir) / "status").get()
    if found is None:
        raise Refused("no_status", "The robot's kernel has said nothing yet. Try again in a moment.")
    return kernel_door.decode_status(found[0]), time.monotonic() - found[1]
