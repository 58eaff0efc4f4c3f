"""Examines an episode in a process of its own and watches it: a hostile or broken file ends that process, not the worker."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from django.conf import settings

from episodes.data.checks.finding import Finding
from episodes.data.child import Line
from episodes.data.examine import Examined

BEAT_S = 2.0
START_S = 60.0  # for a machine that is busy
ROW_S = 0.05  # per row and camera: a twentieth of what is usual
MOST_S = 6 * 3600.0


class Superseded(Exception):
    """Another check of the same episode has begun; this one's result is not wanted."""


@dataclass
class Apart:
    """`alive` is told the percentage done every two seconds and says whether to go on."""

    command: list[str]
    most_s: float
    alive: Callable[[int], bool]
    clock: Callable[[], float] = time.monotonic
    last: Line = field(default_factory=Line)
    percent: int = 0

    def run(self) -> Examined:
        """Raises `Superseded`, or `OSError` when the disk rather than the episode was at fault."""
        child = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            cwd=settings.BASE_DIR,
            env={name: value for name, value in os.environ.items() if name in ("PATH", "LD_LIBRARY_PATH", "LANG")},
        )
        try:
            in_time = self._watch(child)
        finally:
            child.kill()
            code = child.wait()
        if self.last.examined is not None:
            return self.last.examined
        if self.last.failed:
            raise OSError(self.last.failed)
        return Examined(findings=(_ended(in_time, code, self.most_s),))

    def _watch(self, child: subprocess.Popen[bytes]) -> bool:
        """Until it has said everything; False when that took too long."""
        assert child.stdout is not None
        end_s = self.clock() + self.most_s
        beat_s = self.clock() + BEAT_S
        decoder = msgspec.json.Decoder(Line)
        rest = b""
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            while (now_s := self.clock()) < end_s:
                if now_s >= beat_s:
                    beat_s = now_s + BEAT_S
                    if not self.alive(self.percent):
                        raise Superseded
                if not selector.select(timeout=0.5):
                    continue
                piece = os.read(child.stdout.fileno(), 1 << 20)
                if not piece:
                    return True
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    self.last = decoder.decode(line)
                    self.percent = round(100 * (self.last.progress or 0.0))
        return False


def _ended(in_time: bool, code: int, most_s: float) -> Finding:
    if not in_time:
        sentence = f"The check did not end within {most_s:.0f} s. The files hold more than they say, or are made to be slow."
        return Finding(code="check_timeout", severity="reject", sentence=sentence)
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    sentence = f"The check was ended by these files ({how}). Look at them on a machine that may break."
    return Finding(code="check_crashed", severity="reject", sentence=sentence)


def examine_apart(folder: Path, poster: Path, columns: Path, pictures: int, alive: Callable[[int], bool]) -> Examined:
    """As `examine`; `pictures`: rows times cameras, which say how long it may take."""
    most_s = min(MOST_S, START_S + ROW_S * pictures)
    command = [sys.executable, "-m", "episodes.data.child", str(folder), str(poster), str(columns), str(int(most_s))]
    return Apart(command, most_s, alive).run()
