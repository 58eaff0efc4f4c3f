"""Records episodes in lock step: whoever uses it pushes ticks.  No clock, no thread but the one that syncs the log.

The recorder process drives one from rings; a scripted demonstration drives one from its own loop.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from protocol.embodiment import Embodiment
from protocol.episode import EpisodeMeta, Outcome
from protocol.errors import Refused
from robot.durable import sync
from robot.recorder.contents import CLOSING, EVENT, OPENING, TICK, Closing, Happening, Opening, Tick, encode
from robot.recorder.finalise import Home, Step, finalise
from robot.recorder.log import SYNC_S, EpisodeLog
from robot.recorder.take import Take


@dataclass(frozen=True, slots=True)
class Ordered:
    """Which campaign and which prompt of it a take is recorded for, as the server names them, and the thing that a run is
    about; "" for none."""

    campaign: str = ""
    prompt: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """`free_bytes`: no episode begins with less room on the disk.  `floor_bytes`: room that an episode leaves besides
    what finalising it takes; below that it ends itself."""

    free_bytes: int = 500 * 1024 * 1024
    floor_bytes: int = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class About:
    """What is the same for every episode of this robot."""

    robot: str
    embodiment: Embodiment
    program: str = ""
    world: dict[str, Any] = field(default_factory=dict)


class EpisodeRecorder:
    """One take after the other: start, tick..., stop.  `take` says what may be claimed."""

    def __init__(self, home: Home, about: About, limits: Limits | None = None, sync_s: float = SYNC_S) -> None:
        self.home = home.make()
        self.about = about
        self.take = Take()
        self.ticks = 0
        self._limits = limits or Limits()
        self._sync_s = sync_s
        self._log: EpisodeLog | None = None
        self._discarded: list[Path] = []

    # -- recording ---------------------------------------------------------------------------------------------------

    def start(self, instruction: str, started_ns: int, asked_by: str = "", ordered: Ordered | None = None) -> str:
        """The new episode's id; its opening is out of the process.  Refused: `recording_state`, `disk_full`, `disk`."""
        self.take.check("begin")
        self.check_room()
        episode = uuid.uuid4().hex
        self._log = self._open(episode, instruction, started_ns, asked_by, ordered or Ordered())
        self.ticks = 0
        self.take.begin(episode, self._log.size)
        return episode

    def tick(self, tick: Tick) -> None:
        """`Refused("disk")` when it cannot be written; end the episode then: what was written stays."""
        self._writing().append(TICK, encode(tick))
        self.ticks += 1

    def event(self, happening: Happening) -> None:
        self._writing().append(EVENT, encode(happening))

    def end(self, outcome: Outcome, cut: bool = False, reason: str = "") -> Path:
        """Closes the log and returns it, to be finalised by `save`."""
        log = self._close(Closing(outcome=outcome, cut=cut, reason=reason))
        self.take.end()
        return log

    def discard(self) -> Path:
        """Sets the episode aside; `undo` brings it back."""
        log = self._close(Closing(outcome="unlabelled"))
        aside = self.home.discarded / log.name
        os.replace(log, aside)
        self.take.discard()
        self._discarded.append(aside)
        return aside

    def stop(self, outcome: Outcome = "unlabelled", step: Step = lambda _: None) -> Path:
        """Ends and saves in one step: the episode's folder."""
        meta = self.save(self.end(outcome), step)
        if meta is None:
            raise Refused("episode_empty", "Nothing was recorded: no frame came before the end.")
        return self.home.episodes / meta.id

    # -- keeping what was written before -----------------------------------------------------------------------------

    def keep_past(self, ticks: Sequence[Tick], instruction: str, asked_by: str = "") -> Path:
        """A closed log of ticks that were made before anybody pressed record.  The first must hold key frames."""
        self.take.check("keep")
        self.check_room()
        if not ticks:
            raise Refused("no_preroll", "There is nothing to keep yet: the pre-roll fills while somebody is connected.")
        episode = uuid.uuid4().hex
        log = self._open(episode, instruction, ticks[0].time_ns, asked_by, Ordered())
        try:
            for tick in ticks:
                log.append(TICK, encode(tick))
            log.append(CLOSING, encode(Closing(outcome="unlabelled", reason="kept from the pre-roll")))
        finally:
            log.close()
        self.take.keep(episode)
        return log.path

    def undo(self) -> Path:
        """The log that was discarded last, back among the logs; `Refused("nothing_discarded")` when it is gone.

        It is the take in hand then, ready for `save`, unless another is; else it is among the `left_over`.
        """
        while self._discarded:
            aside = self._discarded.pop()
            if aside.exists():
                log = self.home.log(aside.stem)
                os.replace(aside, log)
                if self.take.state not in ("recording", "finalising"):
                    self.take.keep(log.stem)
                return log
        raise Refused("nothing_discarded", "There is no discarded episode; they are kept for 10 minutes.")

    def left_over(self) -> list[Path]:
        """Logs from before a crash or a full disk, oldest first."""
        busy = {self.take.episode} if self.take.state in ("recording", "finalising") else set()
        logs = [path for path in self.home.logs.glob("*.log") if path.stem not in busy]
        return sorted(logs, key=lambda path: (path.stat().st_mtime_ns, path.name))

    def save(self, log: Path, step: Step = lambda _: None) -> EpisodeMeta | None:
        """Finalises `log`.  Says `saved` only for what was read back; when that fails, the log stays and says why."""
        try:
            meta = finalise(self.home, log, step)
        except Refused as refused:
            self.failed(log, refused)
            raise
        self.saved(meta)
        return meta

    def saved(self, meta: EpisodeMeta | None) -> None:
        """What `finalise` gave, where it ran elsewhere."""
        if meta is None:
            self.take.empty()
        else:
            self.take.save(meta)

    def failed(self, log: Path, refused: Refused) -> None:
        if log.exists():
            kept = f"kept in {log.name} and tried again later"
        else:
            kept = f"put aside as {self.home.quarantine.name}/{log.name}; a person must look at it"
        self.take.fail(f"{refused.sentence} The recording is {kept}.")

    def quarantine(self, log: Path) -> None:
        """Puts away a log that cannot be saved; it may have been put away before."""
        if log.exists():
            os.replace(log, self.home.quarantine / log.name)
            sync(self.home.quarantine)
            sync(self.home.logs)

    # -- room --------------------------------------------------------------------------------------------------------

    def check_room(self) -> None:
        """`Refused("disk_full")` when there is too little room to begin."""
        free, needed = self.free_bytes(), self._limits.free_bytes
        if free < needed:
            raise Refused(
                "disk_full",
                f"The robot's disk has {free / 1e6:.0f} MB left; to record it needs {needed / 1e6:.0f} MB. "
                "Make room or wait until finished episodes are uploaded.",
                free_mb=round(free / 1e6, 1),
            )

    def running_out(self) -> bool:
        """Whether the episode should end now, so that finalising it still finds room for a second copy."""
        return self._log is not None and self._too_little_for(self._log.size)

    def lacks_room(self, log: Path) -> bool:
        """Whether a closed log cannot be finalised for want of room."""
        return log.exists() and self._too_little_for(log.stat().st_size)

    def _too_little_for(self, size: int) -> bool:
        return self.free_bytes() < size * 1.1 + self._limits.floor_bytes

    def free_bytes(self) -> int:
        return shutil.disk_usage(self.home.root).free

    # -- the log -----------------------------------------------------------------------------------------------------

    def _open(self, episode: str, instruction: str, started_ns: int, asked_by: str, ordered: Ordered) -> EpisodeLog:
        opening = Opening(
            episode=episode,
            robot=self.about.robot,
            embodiment=msgspec.to_builtins(self.about.embodiment),
            instruction=instruction,
            program=self.about.program,
            world=self.about.world | ({"target": ordered.target} if ordered.target else {}),
            started_ns=started_ns,
            asked_by=asked_by,
            campaign=ordered.campaign,
            prompt=ordered.prompt,
        )
        log = EpisodeLog(self.home.log(episode), self._sync_s)
        try:
            log.append(OPENING, encode(opening))
            log.sync()
            sync(self.home.logs)
        except (Refused, OSError):
            log.close()
            log.path.unlink()
            raise
        return log

    def _writing(self) -> EpisodeLog:
        if self._log is None:
            raise Refused("recording_state", "Nothing is being recorded.")
        return self._log

    def _close(self, closing: Closing) -> Path:
        log = self._writing()
        self._log = None
        try:
            log.append(CLOSING, encode(closing))
            log.close()
        except Refused:
            pass  # a full disk: the log is whole up to its last record and will be saved as cut
        return log.path
