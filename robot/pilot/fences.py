"""What the robot knows of runs across restarts: the highest fence, which run has begun, which ends the server must hear."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from protocol.errors import Refused
from protocol.runs import RunReport
from robot.durable import write_durably

FILE, EPISODE = "runs.json", "run.episode"
MAX_ENDS = 32  # that no server has noted; older ones are given up


class Started(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    run: str
    fence: int


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file."""

    highest: int = 0
    started: Started | None = None
    ends: tuple[RunReport, ...] = ()


class Fences:
    """On the disk before any call returns.  `Refused("runs_unreadable")`: a guess could move one fence twice.  What the disk does
    not take is `Refused("runs_unwritable")`: nothing begins then, and an end is known only as long as this process lives."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._kept = Kept()
        self._unwritten = False
        try:
            self._kept = msgspec.json.decode(self._path.read_bytes(), type=Kept)
        except FileNotFoundError:
            pass
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            sentence = f"{self._path} cannot be read ({error}), so which runs were done is not known."
            raise Refused("runs_unreadable", sentence) from error

    @property
    def started(self) -> Started | None:
        return self._kept.started

    @property
    def highest(self) -> int:
        return self._kept.highest

    @property
    def ends(self) -> tuple[RunReport, ...]:
        return self._kept.ends

    def check(self, fence: int) -> None:
        """`Refused("fenced")` unless it is higher than any before (I17)."""
        if fence <= self._kept.highest:
            raise Refused(
                "fenced", f"This robot has begun run number {self._kept.highest}; number {fence} comes too late.",
                highest=self._kept.highest,
            )  # fmt: skip

    def start(self, run: str, fence: int) -> None:
        """Before the first motion; refused as in `check`."""
        self.check(fence)
        self._keep(Kept(fence, Started(run, fence), self._kept.ends))

    def recorded(self, episode: str) -> None:
        """The episode of the started run, so that a restarted pilot can name it.  Not brought to the disk at once: a lease is
        held already, and its heartbeats must not wait for a disk."""
        if self._kept.started is not None:
            with contextlib.suppress(OSError):
                self._path.with_name(EPISODE).write_text(f"{self._kept.started.run} {episode}\n")

    @property
    def episode(self) -> str:
        """Of the started run, as far as it is known."""
        try:
            run, _, episode = self._path.with_name(EPISODE).read_text().strip().partition(" ")
        except (OSError, UnicodeDecodeError):
            return ""
        return episode if self._kept.started is not None and run == self._kept.started.run else ""

    def end(self, report: RunReport) -> None:
        """Also of a run that was refused before it began; kept until it is noted, in memory also when it is refused here."""
        mine = self._kept.started is not None and self._kept.started.run == report.run
        others = tuple(end for end in self._kept.ends if end.run != report.run)
        highest = max(self._kept.highest, report.fence)
        kept = Kept(highest, None if mine else self._kept.started, (*others, report)[-MAX_ENDS:])
        try:
            self._keep(kept)
        finally:
            self._kept = kept

    def noted(self, run: str) -> None:
        """At once in memory, on the disk with the next word or `settle`: the heartbeats of a run must not wait for a disk, and an
        end that is said once more after a restart is noted once more."""
        ends = tuple(end for end in self._kept.ends if end.run != run)
        if ends != self._kept.ends:
            self._kept, self._unwritten = msgspec.structs.replace(self._kept, ends=ends), True

    def settle(self) -> None:
        """Brings to the disk what was noted, while no run goes on.  Tried once: a full disk costs a word said twice, no more."""
        if self._unwritten:
            self._unwritten = False
            self._keep(self._kept)

    def _keep(self, kept: Kept) -> None:
        try:
            write_durably(self._path, msgspec.json.encode(kept), 0o600)
        except OSError as error:
            raise Refused("runs_unwritable", f"The robot's disk takes no note of its runs ({error}). Make room on it.") from error
        self._kept = kept
