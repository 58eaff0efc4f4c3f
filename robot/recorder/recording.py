"""What the recorder does when it is asked, when a tick is due and as time goes by.  No threads, sockets or clocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protocol.episode import EpisodeMeta, Outcome
from protocol.errors import Refused
from protocol.state import RecordingState
from robot.recorder import door
from robot.recorder.contents import Happening, Tick
from robot.recorder.episode_recorder import EpisodeRecorder, Ordered
from robot.recorder.preroll import PreRoll

MAX_S = 30 * 60.0  # an episode ends itself, and is kept
AWAY_S = 60.0  # so it does when nobody has had a lease for so long
UNDO_S = 600.0
RETRY_S = 30.0
TRIES = 3  # failures of one log before it is put into quarantine
MAX_INSTRUCTION = 500
_DRIVEN = ("TELEOP", "AUTONOMY")


@dataclass(frozen=True, slots=True)
class Now:
    mono_s: float
    time_ns: int


class Recording:
    """`finalise_later(log)` hands a closed log to whoever finalises it; the result comes back by `finalised`.

    `tell(Happened)` goes to the transition log.
    """

    def __init__(
        self,
        recorder: EpisodeRecorder,
        finalise_later: Callable[[Path], None],
        tell: Callable[[door.Happened], None],
        preroll: bool = True,
    ) -> None:
        self._recorder = recorder
        self._finalise_later = finalise_later
        self._tell = tell
        self._hz = recorder.about.embodiment.record_hz
        self._preroll = PreRoll(self._hz)
        self._live = False
        self._with_preroll = preroll
        self._key_due = False
        self._actor = ""
        self._by = "link"  # the door through which the take was begun
        self._flushed_s = 0.0
        self._driven_s = 0.0
        self._room_s = float("-inf")
        self._failed: dict[str, tuple[int, float]] = {}  # log's name: how often it could not be saved, when last
        self._set_aside: dict[Path, float] = {}

    @property
    def live(self) -> bool:
        return self._live

    @property
    def active(self) -> bool:
        """Whether record ticks are wanted: somebody is connected, or an episode is being recorded."""
        return (self._live and self._with_preroll) or self._recorder.take.state == "recording"

    @property
    def key_due(self) -> bool:
        """Whether the next tick must be a key frame, because a file begins with it."""
        return self._key_due

    # -- asked ---------------------------------------------------------------------------------------------------------

    def ask(self, request: door.ToRecorder, now: Now, by: str = "link") -> door.Answer:
        """Carries it out; a refusal is an answer too.  `by`: the door it came through."""
        try:
            self._check_owner(request, by)
            episode = self._do(request, now)
            if isinstance(request, door.Start):
                self._by = by
        except Refused as refused:
            detail: dict[str, Any] = dict(refused.detail)
            return door.Answer(id=request.id, code=refused.code, sentence=refused.sentence, detail=detail)
        return door.Answer(id=request.id, episode=episode)

    def _do(self, request: door.ToRecorder, now: Now) -> str:
        match request:
            case door.Start():
                return self._start(request, now)
            case door.Stop(discard=True):
                return self._discard(request, now)
            case door.Stop():
                return self._end(now, request.person, request.outcome)
            case door.SaveLast():
                return self._save_last(request, now)
            case door.Undo():
                return self._undo(request, now)
            case door.Live():
                self._set_live(request.live)
                return ""
            case _:
                raise Refused("unknown_type", "The recorder does not know this request.")

    def _check_owner(self, request: door.ToRecorder, by: str) -> None:
        """A run's episode ends with the run: what comes after a takeover belongs to it too."""
        if self._recorder.take.state == "recording" and isinstance(request, door.Start | door.Stop) and by != self._by:
            if self._by == "pilot":
                sentence = "A run is being recorded, and its episode ends with it. End the run first."
            else:
                sentence = "Somebody records an episode at this robot. Let them end it first."
            raise Refused("recording_state", sentence, state="recording")

    def _start(self, request: door.Start, now: Now) -> str:
        ordered = Ordered(request.campaign, request.prompt, request.target)
        episode = self._recorder.start(_plain(request.instruction), now.time_ns, request.name, ordered)
        self._key_due = True
        self._actor = request.person
        self._flushed_s = self._driven_s = now.mono_s
        self._happened(now, "record_started", episode, request.person, request.instruction)
        return episode

    def _end(self, now: Now, actor: str, outcome: Outcome, reason: str = "", cut: bool = False) -> str:
        episode = self._recorder.take.episode
        self._recorder.take.check("end")
        if reason:
            self._note(now, reason)
        self._actor = actor
        self._finalise_later(self._recorder.end(outcome, cut, reason))
        return episode

    def _discard(self, request: door.Stop, now: Now) -> str:
        self._recorder.take.check("discard")
        log = self._recorder.discard()
        self._set_aside[log] = now.mono_s
        self._happened(now, "record_discarded", log.stem, request.person)
        return log.stem

    def _undo(self, request: door.Undo, now: Now) -> str:
        """Saved now, or by `keep_house` when another take is done."""
        log = self._recorder.undo()
        self._happened(now, "record_restored", log.stem, request.person)
        if self._recorder.take.episode == log.stem:
            self._actor = request.person
            self._finalise_later(log)
        return log.stem

    def _save_last(self, request: door.SaveLast, now: Now) -> str:
        if not 1.0 <= request.seconds <= 30.0:
            raise Refused("invalid_field:seconds", "Ask for 1 to 30 s.")
        log = self._recorder.keep_past(self._preroll.last(request.seconds), _plain(request.instruction), request.name)
        self._actor = request.person
        self._happened(now, "record_started", log.stem, request.person, request.instruction, kept="pre-roll")
        self._finalise_later(log)
        return log.stem

    def _set_live(self, live: bool) -> None:
        if live and not self._live:
            self._key_due = True
        if not live:
            self._preroll.clear()
        self._live = live

    # -- as time goes by -----------------------------------------------------------------------------------------------

    def tick(self, tick: Tick, happened: list[Happening], now: Now) -> None:
        """One record tick; ends the episode by itself when it must end."""
        self._key_due = False
        if self._live:
            self._preroll.add(tick)
        if self._recorder.take.state != "recording":
            return
        if tick.row.mode in _DRIVEN:
            self._driven_s = now.mono_s
        try:
            for happening in happened:
                self._recorder.event(happening)
            self._recorder.tick(tick)
            self._flushed_s = now.mono_s
        except Refused as refused:
            self._end(now, self._actor, "unlabelled", f"The disk took no more: {refused.sentence}", cut=True)
            return
        self._end_in_time(now)

    def _end_in_time(self, now: Now) -> None:
        if now.mono_s - self._room_s >= 0.5:
            self._room_s = now.mono_s
            if self._recorder.running_out():
                self._end(now, self._actor, "unlabelled", "The robot's disk is nearly full.", cut=True)
                return
        if self._recorder.ticks >= MAX_S * self._hz:
            self._end(now, self._actor, "unlabelled", "An episode may last 30 minutes.")
        elif self._by == "link" and now.mono_s - self._driven_s >= AWAY_S:  # a run may wait long for help
            self._end(now, self._actor, "unlabelled", "Nobody has driven for 60 s.")

    def finalised(self, log: Path, result: EpisodeMeta | Refused | None, now: Now) -> None:
        """What became of a log that was handed over."""
        if isinstance(result, Refused):
            self._save_failed(log, result, now)
            return
        self._failed.pop(log.name, None)
        self._recorder.saved(result)
        if result is not None:
            event = "record_recovered" if result.cut else "record_saved"
            self._happened(now, event, result.id, self._actor, result.cut_reason, rows=result.rows)

    def _save_failed(self, log: Path, refused: Refused, now: Now) -> None:
        """Tried again later; after `TRIES` a person must look at it.  A full disk is no fault of the log."""
        times = self._failed.get(log.name, (0, 0.0))[0] + (not self._recorder.lacks_room(log))
        self._failed[log.name] = (times, now.mono_s)
        if times >= TRIES:
            try:
                self._recorder.quarantine(log)
            except OSError as error:
                refused = Refused("disk", f"{refused.sentence} It cannot be put aside either: {error}.")
        self._recorder.failed(log, refused)
        self._happened(now, "record_failed", log.stem, self._actor, self._recorder.take.sentence)

    def keep_house(self, now: Now) -> None:
        """Removes what nobody asked back; finishes, one at a time, logs that a crash or a full disk left behind."""
        for log in self._recorder.home.discarded.glob("*.log"):
            if now.mono_s - self._set_aside.setdefault(log, now.mono_s) > UNDO_S:
                log.unlink()
                del self._set_aside[log]
        if self._recorder.take.state in ("recording", "finalising"):
            return
        never = (0, float("-inf"))
        due = [log for log in self._recorder.left_over() if now.mono_s - self._failed.get(log.name, never)[1] >= RETRY_S]
        if due:
            log = min(due, key=lambda log: self._failed.get(log.name, never)[0])
            self._actor = ""
            self._recorder.take.keep(log.stem)
            self._finalise_later(log)

    # -- said ----------------------------------------------------------------------------------------------------------

    def state(self, now: Now, pending: int, uploaded_pct: float | None, notice: str = "") -> RecordingState:
        take, recording = self._recorder.take, self._recorder.take.state == "recording"
        return RecordingState(
            state=take.state,
            episode=take.episode,
            seconds=self._recorder.ticks / self._hz if recording else 0.0,
            frames=self._recorder.ticks if recording else 0,
            flushed_age_ms=(now.mono_s - self._flushed_s) * 1e3 if recording else None,
            preroll_s=self._preroll.seconds,
            pending=pending,
            uploaded_pct=uploaded_pct,
            sentence=take.sentence or notice,
        )

    def _note(self, now: Now, reason: str) -> None:
        try:
            self._recorder.event(Happening(time_ns=now.time_ns, mono_s=now.mono_s, event="ended", reason=reason))
        except Refused:
            return  # the disk is full: the closing says it, or the episode is marked cut

    def _happened(self, now: Now, event: str, episode: str, actor: str = "", reason: str = "", **detail: object) -> None:
        self._tell(
            door.Happened(time_ns=now.time_ns, event=event, episode=episode, actor=actor, reason=reason, detail=dict(detail))
        )


def _plain(instruction: str) -> str:
    """One line of visible text; `Refused("invalid_field:instruction")` otherwise."""
    text = instruction.strip()
    if len(text) > MAX_INSTRUCTION or not text.isprintable():
        raise Refused("invalid_field:instruction", f"Say it in one line of at most {MAX_INSTRUCTION} visible characters.")
    return text
