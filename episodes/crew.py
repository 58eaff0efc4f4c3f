"""Processes that make demonstrations: started, given orders, ended.  No database; the programs belong to the robot side."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from protocol.collect import Description, Ended, Order, Result
from protocol.errors import Refused

PROGRAM = "robot.collect"
_END_S = 60.0  # for an attempt that is still under way
_answer = msgspec.json.Decoder(Result)
_ended = msgspec.json.Decoder(Ended)


def describe(words: Sequence[str], cwd: Path) -> Description:
    """What would record; refuses what the program refuses (an unknown task names those there are)."""
    command = [sys.executable, "-m", PROGRAM, "describe", *words]
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, check=False)
    last = done.stdout.strip().rsplit(b"\n", 1)[-1]
    if done.returncode:
        raise _refusal(last)
    return msgspec.json.decode(last, type=Description)


def _refusal(line: bytes) -> Refused:
    try:
        ended = _ended.decode(line)
    except msgspec.DecodeError:
        return Refused("collector_ended", "The collecting program ended by itself; what it printed above says why.")
    return Refused(ended.code, ended.sentence)


@dataclass(slots=True)
class Worker:
    """One process and its folder; `busy` with one order at a time."""

    number: int
    home: Path
    process: subprocess.Popen[bytes]
    busy: int | None = None  # the seed
    last: bytes = b""

    def order(self, order: Order) -> None:
        """A process that has just died takes no order: it is found by its silence."""
        self.busy = order.seed
        if self.process.stdin is not None:
            try:
                self.process.stdin.write(msgspec.json.encode(order) + b"\n")
                self.process.stdin.flush()
            except BrokenPipeError:
                return

    def dismiss(self) -> None:
        """No more orders: it finishes what it does and ends."""
        if self.process.stdin is not None and not self.process.stdin.closed:
            try:
                self.process.stdin.close()
            except BrokenPipeError:
                return


@dataclass(slots=True)
class Crew:
    """`words` describe the work; `homes` are folders, one for each worker."""

    words: Sequence[str]
    cwd: Path
    homes: Sequence[Path]
    workers: list[Worker] = field(default_factory=list)
    _dismissed: bool = False
    _lines: queue.Queue[tuple[Worker, bytes | None]] = field(default_factory=queue.Queue)

    def start(self) -> None:
        for number, home in enumerate(self.homes):
            command = [sys.executable, "-m", PROGRAM, "work", "--parent", str(os.getpid()), "--home", str(home), *self.words]
            # A session of its own: Ctrl-C at the terminal is for us, and we let the worker finish.
            process = subprocess.Popen(
                command, cwd=self.cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
            )
            worker = Worker(number, home, process)
            self.workers.append(worker)
            threading.Thread(target=self._read, args=(worker,), name=f"worker-{number}", daemon=True).start()

    def idle(self) -> Iterator[Worker]:
        return (worker for worker in self.workers if worker.busy is None)

    def busy(self) -> int:
        return sum(worker.busy is not None for worker in self.workers)

    def next(self, timeout_s: float) -> tuple[Worker, Result] | None:
        """The next answer; None when there is none for so long.  Refuses when a worker has ended by itself."""
        try:
            worker, line = self._lines.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if line is None:
            seed, worker.busy = worker.busy, None
            if seed is None and self._dismissed:
                return None
            raise _refusal(worker.last)
        try:
            result = _answer.decode(line)
        except msgspec.DecodeError:
            worker.last = line
            return None
        worker.busy = None
        return worker, result

    def dismiss(self) -> None:
        """No more orders: each finishes what it does, answers and ends."""
        self._dismissed = True
        for worker in self.workers:
            worker.dismiss()

    def end(self, kill: bool = False) -> None:
        """Nothing of it is left, whatever it was doing."""
        self.dismiss()
        for worker in self.workers:
            try:
                worker.process.wait(timeout=0.0 if kill else _END_S)
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()

    def _read(self, worker: Worker) -> None:
        if worker.process.stdout is not None:
            for line in worker.process.stdout:
                self._lines.put((worker, line))
        self._lines.put((worker, None))
