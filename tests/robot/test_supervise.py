"""The supervisor with real processes: order, restarts, output, and no orphan however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from robot.supervise import Backoff, Child, Supervisor, how_it_ended

SLEEPER = (sys.executable, "-c", "import time; time.sleep(600)")


class Heard:
    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def __call__(self, name: str, line: str) -> None:
        self.lines.append((name, line))


def turn_until(supervisor: Supervisor, done: Callable[[], bool], within_s: float = 40.0) -> None:
    end = time.monotonic() + within_s
    while not done():
        assert time.monotonic() < end, "it did not happen"
        supervisor.turn(0.02)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_gone(pids: list[int], within_s: float = 30.0) -> None:
    end = time.monotonic() + within_s
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < end, f"still alive: {[pid for pid in pids if alive(pid)]}"
        time.sleep(0.02)


def test_backoff_doubles_to_its_limit() -> None:
    backoff = Backoff(first_s=0.1, most_s=1.0)
    assert [backoff.wait_s(n) for n in (1, 2, 3, 4, 5, 100)] == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


def test_how_it_ended_names_code_or_signal() -> None:
    assert [how_it_ended(code) for code in (0, 3, -9)] == ["ended", "ended with exit code 3", "was killed by SIGKILL"]


def test_lines_carry_the_childs_name_also_an_unfinished_last_one() -> None:
    heard = Heard()
    supervisor = Supervisor(heard)
    supervisor.add(Child("talker", (sys.executable, "-c", "print('one'); print('two', end='')"), restart=False))
    turn_until(supervisor, lambda: supervisor.ended("talker") is not None)
    assert heard.lines == [("talker", "one"), ("talker", "two"), ("talker", "ended")]


def test_a_dead_child_is_started_again_with_fresh_arguments() -> None:
    heard, asked = Heard(), []

    def argv() -> tuple[str, ...]:
        asked.append(len(asked) + 1)
        return (sys.executable, "-c", f"print('start {asked[-1]}', flush=True); import time; time.sleep(600)")

    supervisor = Supervisor(heard)
    supervisor.add(Child("worker", argv, backoff=Backoff(0.01)))
    first = supervisor.pid("worker")
    assert first is not None
    os.kill(first, signal.SIGKILL)
    turn_until(supervisor, lambda: ("worker", "start 2") in heard.lines)
    assert supervisor.restarts() == {"worker": 1}
    assert any("was killed by SIGKILL; starting again" in line for _, line in heard.lines)
    supervisor.stop()
    assert supervisor.pid("worker") is None


def test_quick_deaths_wait_longer_and_a_calm_life_forgets_them() -> None:
    clock = [0.0]
    supervisor = Supervisor(Heard(), now_s=lambda: clock[0])
    supervisor.add(Child("worker", (sys.executable, "-c", "pass"), backoff=Backoff(1.0, 60.0, calm_s=10.0)))
    running = supervisor.children["worker"]

    def dies() -> float:
        while running.live is not None:
            supervisor.turn(0.02)
        assert running.due_s is not None
        return running.due_s - clock[0]

    def starts_again() -> None:
        assert running.due_s is not None
        clock[0] = running.due_s
        supervisor.turn(0.0)
        assert running.live is not None

    waits = []
    for _ in range(3):
        waits.append(dies())
        starts_again()
    clock[0] += 10.0
    waits.append(dies())
    assert waits == [1.0, 2.0, 4.0, 1.0]
    supervisor.stop()


def test_a_program_that_is_not_there_is_said_and_tried_again() -> None:
    heard = Heard()
    supervisor = Supervisor(heard)
    supervisor.add(Child("ghost", ("/nonexistent/program",), backoff=Backoff(0.01)))
    turn_until(supervisor, lambda: len(heard.lines) >= 2)
    assert "cannot be started" in heard.lines[0][1]
    supervisor.stop()


def test_ready_is_asked_until_true(tmp_path: Path) -> None:
    flag = tmp_path / "ready"
    supervisor = Supervisor(Heard())
    supervisor.add(Child("slow", SLEEPER, ready=flag.exists))
    assert supervisor.wait_ready(["slow"], 0.1) == ["slow"]
    flag.touch()
    assert supervisor.wait_ready(["slow"], 5.0) == []
    supervisor.stop()


def test_children_stop_in_the_opposite_order() -> None:
    heard = Heard()
    program = (
        "import signal,sys,time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); print('up', flush=True);time.sleep(600)"
    )
    supervisor = Supervisor(heard)
    for name in ("first", "second"):
        supervisor.add(Child(name, (sys.executable, "-c", program)))
    turn_until(supervisor, lambda: len(heard.lines) == 2)
    supervisor.stop()
    assert heard.lines[-2:] == [("second", "ended"), ("first", "ended")]


def test_a_child_deaf_to_sigterm_is_killed() -> None:
    heard = Heard()
    program = "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    supervisor = Supervisor(heard)
    supervisor.add(Child("deaf", (sys.executable, "-c", program), stop_s=0.2))
    turn_until(supervisor, lambda: bool(heard.lines))
    supervisor.stop()
    assert supervisor.ended("deaf") == -signal.SIGKILL


def test_what_a_dead_child_left_behind_ends_with_it() -> None:
    heard = Heard()
    program = f"import subprocess,os; print(subprocess.Popen({list(SLEEPER)!r}).pid, flush=True);os.kill(os.getpid(), 9)"
    supervisor = Supervisor(heard)
    supervisor.add(Child("parent", (sys.executable, "-c", program), restart=False))
    turn_until(supervisor, lambda: supervisor.ended("parent") is not None)
    wait_gone([int(heard.lines[0][1])])


SUPERVISING = """
import sys
from robot.supervise import Child, Supervisor
child = '''
import os, subprocess, sys, time
from robot.supervise import die_with_parent
me = os.getpid()
grand = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"],
                         preexec_fn=lambda: die_with_parent(me))
print("pids", me, grand.pid, flush=True)
time.sleep(600)
'''
s = Supervisor()
s.catch_signals()
for name in ("one", "two"):
    s.add(Child(name, (sys.executable, "-c", child)))
s.run()
"""


@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_orphan_however_the_supervisor_ends(sig: signal.Signals) -> None:
    process = subprocess.Popen((sys.executable, "-c", SUPERVISING), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pids: list[int] = []
    while len(pids) < 4:
        line = process.stdout.readline()
        assert line, "the supervisor ended early"
        if "pids" in line:
            pids += map(int, line.split()[-2:])
    assert all(alive(pid) for pid in pids)
    process.send_signal(sig)
    process.wait(20)
    wait_gone(pids)
    process.stdout.close()


def test_a_child_started_by_a_supervisor_that_died_in_between_ends_at_once() -> None:
    program = "from robot.supervise import die_with_parent; die_with_parent(1 << 22 | 1); print('lived')"
    done = subprocess.run((sys.executable, "-c", program), capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (1, "")
