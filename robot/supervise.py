"""Starts programs, passes on what they print, restarts what dies, and leaves no orphan.

One thread, one loop: the system's parent-death signal belongs to the thread that started a child.  Knows no robots.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import TextIO

from protocol.errors import Refused

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_READS = 16  # of one child before the others have their turn
_LINE = 64 * 1024  # bytes; a longer line is passed on in pieces
_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        raise Refused("prctl_failed", f"The system refused prctl({option}): {os.strerror(ctypes.get_errno())}.")


def die_with_parent(parent: int, sig: int = signal.SIGKILL) -> None:
    """This process gets `sig` when the thread that started it ends; at once when `parent` (a pid) is already gone."""
    _prctl(_PR_SET_PDEATHSIG, sig)
    if os.getppid() != parent:
        os._exit(1)


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before a start: doubling from `first_s` to `most_s`; forgotten after `calm_s` of life."""

    first_s: float = 0.1
    most_s: float = 5.0
    calm_s: float = 10.0

    def wait_s(self, failures: int) -> float:
        """Seconds to wait after `failures` (from 1) deaths in a row."""
        return min(self.most_s, self.first_s * 2.0 ** min(failures - 1, 30))


@dataclass(frozen=True, slots=True)
class Child:
    """A program to keep alive.  `argv` may be a function, asked again before each start.

    `env` is added to ours.  `ready` is asked until it says True; `ready_within_s` only names the delay in a complaint.
    `restart` False: when it ends it stays ended, and `Supervisor.ended` says how.
    """

    name: str
    argv: Sequence[str] | Callable[[], Sequence[str]]
    env: Mapping[str, str] = field(default_factory=dict)
    pass_fds: tuple[int, ...] = ()
    cwd: str | None = None
    ready: Callable[[], bool] | None = None
    ready_within_s: float = 20.0
    restart: bool = True
    backoff: Backoff = Backoff()
    stop_s: float = 5.0  # from SIGTERM to SIGKILL


@dataclass(slots=True)
class Live:
    """One process of a child, our end of its output, and an unfinished line of that."""

    process: subprocess.Popen[bytes]
    output: int
    rest: bytes = b""


@dataclass(slots=True)
class Running:
    """A child and its present process.  `starts` counts them; `failures` are deaths in a row."""

    child: Child
    live: Live | None = None
    started_s: float = 0.0
    due_s: float | None = None  # when to start again
    starts: int = 0
    failures: int = 0
    is_ready: bool = False
    complained: bool = False
    code: int | None = None  # of the last end


class Supervisor:
    """Runs children in the order they were added and stops them in the opposite one.

    say(name, line) gets each line a child prints and each thing that happens to it.  Use it from the main thread.
    """

    def __init__(self, say: Callable[[str, str], None] | None = None, now_s: Callable[[], float] = time.monotonic) -> None:
        self.say = say or Printer(sys.stdout)
        self.children: dict[str, Running] = {}
        self.stopping = False
        self._now_s = now_s
        self._adopting = False
        self._selector = selectors.DefaultSelector()

    def add(self, child: Child) -> None:
        """Starts it now."""
        running = Running(child)
        self.children[child.name] = running
        self._start(running)

    def turn(self, timeout_s: float = 0.2) -> None:
        """Passes on output, notices deaths, starts what is due.  Returns after `timeout_s` or sooner."""
        self._read(timeout_s)
        for running in self.children.values():
            self._look(running)
        self._reap_adopted()

    def wait_ready(self, names: Sequence[str], within_s: float) -> list[str]:
        """Turns until these children are ready; gives the names of those that are not after `within_s`."""
        end = self._now_s() + within_s
        while not self.stopping and self._now_s() < end:
            if all(self.children[name].is_ready for name in names):
                return []
            self.turn(0.05)
        return [name for name in names if not self.children[name].is_ready]

    def run(self, each_turn: Callable[[], None] = lambda: None, turn_s: float = 0.2) -> None:
        """Turns until `request_stop` (or SIGINT, SIGTERM, SIGHUP after `catch_signals`), then stops everything."""
        try:
            while not self.stopping:
                self.turn(turn_s)
                each_turn()
        finally:
            self.stop()

    def catch_signals(self) -> None:
        for sig in _STOPS:
            signal.signal(sig, self._on_signal)

    def adopt_orphans(self) -> None:
        """Children of a child that died become ours and end with us, even when they made a session of their own.

        Only where this process does nothing but supervise: `stop` then ends every process below it.
        """
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        self._adopting = True

    def request_stop(self) -> None:
        self.stopping = True

    def pid(self, name: str) -> int | None:
        live = self.children[name].live
        return live.process.pid if live else None

    def ended(self, name: str) -> int | None:
        """The exit code of a child that is not running now (negative: the signal), else None."""
        running = self.children[name]
        return running.code if running.live is None else None

    def restarts(self) -> dict[str, int]:
        return {name: running.starts - 1 for name, running in self.children.items() if running.starts > 1}

    def stop(self) -> None:
        """SIGTERM to each, last one first, SIGKILL to what stays and to whatever they left behind."""
        self.stopping = True
        for running in reversed(list(self.children.values())):
            self._stop(running)
        if self._adopting:
            _kill(_descendants(os.getpid()))
        self._reap_adopted()

    # -- one child --------------------------------------------------------------------------------------------------

    def _start(self, running: Running) -> None:
        child, parent = running.child, os.getpid()
        running.due_s = None
        output, theirs = os.pipe()
        try:
            process = subprocess.Popen(
                list(child.argv() if callable(child.argv) else child.argv),
                env={**os.environ, **child.env},
                cwd=child.cwd,
                pass_fds=child.pass_fds,
                stdin=subprocess.DEVNULL,
                stdout=theirs,
                stderr=theirs,
                start_new_session=True,  # Ctrl-C reaches us alone; we stop them in order
                preexec_fn=lambda: die_with_parent(parent),
            )
        except (OSError, subprocess.SubprocessError, Refused) as error:
            os.close(output)
            self._failed(running, f"cannot be started: {error.sentence if isinstance(error, Refused) else error}")
            return
        finally:
            os.close(theirs)
        os.set_blocking(output, False)
        self._selector.register(output, selectors.EVENT_READ, running)
        running.live, running.started_s, running.starts = Live(process, output), self._now_s(), running.starts + 1
        running.is_ready, running.complained = child.ready is None, False

    def _look(self, running: Running) -> None:
        now_s, live = self._now_s(), running.live
        if live is not None and live.process.poll() is not None:
            self._ended(running, live)
        elif live is not None:
            self._look_ready(running)
        elif running.due_s is not None and now_s >= running.due_s and not self.stopping:
            self._start(running)

    def _look_ready(self, running: Running) -> None:
        if running.is_ready or running.child.ready is None:
            return
        running.is_ready = running.child.ready()
        late = self._now_s() - running.started_s > running.child.ready_within_s
        if late and not running.is_ready and not running.complained:
            running.complained = True
            self.say(running.child.name, f"is not ready after {running.child.ready_within_s:.0f} s")

    def _ended(self, running: Running, live: Live) -> None:
        code = live.process.returncode
        self._pass_on(running, live)
        if live.output in self._selector.get_map():
            self._selector.unregister(live.output)
        os.close(live.output)
        running.live, running.code, running.is_ready = None, code, False
        _kill(_session(live.process.pid))
        if self.stopping or not running.child.restart:
            self.say(running.child.name, how_it_ended(code))
            return
        if self._now_s() - running.started_s >= running.child.backoff.calm_s:
            running.failures = 0
        self._failed(running, how_it_ended(code))

    def _failed(self, running: Running, what: str) -> None:
        running.failures += 1
        wait_s = running.child.backoff.wait_s(running.failures)
        running.due_s = self._now_s() + wait_s
        self.say(running.child.name, f"{what}; starting again in {wait_s:.1f} s")

    def _stop(self, running: Running) -> None:
        live, running.due_s = running.live, None
        if live is None:
            return
        live.process.send_signal(signal.SIGTERM)
        live.process.send_signal(signal.SIGCONT)  # a stopped process could not hear it
        end = self._now_s() + running.child.stop_s
        while live.process.poll() is None and self._now_s() < end:
            self._read(0.05)
        if live.process.poll() is None:
            self.say(running.child.name, f"did not end within {running.child.stop_s:.0f} s; killed")
            live.process.kill()
            live.process.wait()
        self._ended(running, live)

    # -- output and signals ------------------------------------------------------------------------------------------

    def _read(self, timeout_s: float) -> None:
        if not self._selector.get_map():
            time.sleep(timeout_s)
            return
        for key, _ in self._selector.select(timeout_s):
            running: Running = key.data
            if running.live is not None and not self._pass_on(running, running.live):
                self._selector.unregister(key.fd)  # end of output: the process is ending, or closed it

    def _pass_on(self, running: Running, live: Live) -> bool:
        """Says the lines that are there (a bounded number); False at the end of the output."""
        for _ in range(_READS):
            try:
                data = os.read(live.output, _LINE)
            except BlockingIOError:
                return True
            *lines, live.rest = (live.rest + data).split(b"\n")
            if live.rest and (not data or len(live.rest) >= _LINE):
                lines, live.rest = [*lines, live.rest], b""
            for line in lines:
                self.say(running.child.name, line.decode(errors="replace").rstrip())
            if not data:
                return False
        return True

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True

    def _reap_adopted(self) -> None:
        """Zombies of grandchildren we adopted; our own children are left to their `Popen`."""
        if not self._adopting:
            return
        own = {running.live.process.pid for running in self.children.values() if running.live}
        for pid in _children(os.getpid()):
            if pid not in own:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)


class Printer:
    """Writes `name | line` to a stream, names padded to one width."""

    def __init__(self, stream: TextIO, width: int = 9) -> None:
        self._stream, self._width = stream, width

    def __call__(self, name: str, line: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # whoever read us is gone; the children matter more
            self._stream.write(f"{name:<{self._width}} | {line}\n")
            self._stream.flush()


def how_it_ended(code: int) -> str:
    if code >= 0:
        return "ended" if code == 0 else f"ended with exit code {code}"
    return f"was killed by {signal.Signals(-code).name}"


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _children(pid: int) -> list[int]:
    """Pids of the children of all threads of `pid`."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                found += map(int, file.read().split())
    return found


def _descendants(pid: int) -> list[int]:
    """All below `pid`, deepest first."""
    found = []
    for child in _children(pid):
        found += [*_descendants(child), child]
    return found


def _session(leader: int) -> list[int]:
    """Pids of the session that `leader` (itself dead and reaped) had made."""
    found = []
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(pid) == leader:
                found.append(pid)
    return found
