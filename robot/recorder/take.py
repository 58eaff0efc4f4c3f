"""Which state the recording is in, as a table.  Pure: no files, no clock.  `saved` needs what was read back (I18)."""

from __future__ import annotations

from typing import Literal

from protocol.episode import EpisodeMeta
from protocol.errors import Refused

State = Literal["idle", "recording", "finalising", "saved", "failed"]
Act = Literal["begin", "end", "discard", "keep", "save", "fail", "empty"]

# begin: the opening record has left the process.  end: the log is closed.  discard: it was set aside.
# keep: a closed log (pre-roll, a discarded one, one from before a crash) shall become an episode.
TRANSITIONS: dict[tuple[State, Act], State] = {
    ("idle", "begin"): "recording",
    ("saved", "begin"): "recording",
    ("failed", "begin"): "recording",
    ("recording", "end"): "finalising",
    ("recording", "discard"): "idle",
    ("idle", "keep"): "finalising",
    ("saved", "keep"): "finalising",
    ("failed", "keep"): "finalising",
    ("finalising", "save"): "saved",
    ("finalising", "fail"): "failed",
    ("finalising", "empty"): "idle",
}
_SENTENCES: dict[State, str] = {
    "recording": "An episode is being recorded. End it first.",
    "finalising": "The last episode is being saved. Repeat in a moment.",
    "idle": "Nothing is being recorded.",
    "saved": "Nothing is being recorded; the last episode is saved.",
    "failed": "Nothing is being recorded; the last episode could not be saved.",
}


class Take:
    """The state of the take in hand.  `episode` is the one it is about, `sentence` what a person should know."""

    def __init__(self) -> None:
        self.state: State = "idle"
        self.episode = ""
        self.sentence = ""

    def check(self, act: Act) -> None:
        """`Refused("recording_state")` when `act` is not possible now."""
        if (self.state, act) not in TRANSITIONS:
            raise Refused("recording_state", _SENTENCES[self.state], state=self.state)

    def begin(self, episode: str, flushed_bytes: int) -> None:
        """Recording is claimed only when the log's first bytes are out."""
        if flushed_bytes <= 0:
            raise Refused("recording_state", "The log has no byte yet.")
        self._go("begin", episode, "")

    def end(self) -> None:
        self._go("end", self.episode, "")

    def discard(self) -> None:
        self._go("discard", "", "The episode was set aside. It can be brought back for 10 minutes.")

    def keep(self, episode: str) -> None:
        self._go("keep", episode, "")

    def save(self, read_back: EpisodeMeta) -> None:
        """`read_back` is the episode as it was read from the disk again, under its final name."""
        if read_back.id != self.episode:
            raise Refused("recording_state", f"Episode {read_back.id} was read back, not {self.episode}.")
        self._go("save", self.episode, f"Saved: {read_back.rows} frames, {read_back.seconds:.1f} s.")

    def fail(self, sentence: str) -> None:
        self._go("fail", self.episode, sentence)

    def empty(self) -> None:
        self._go("empty", "", "Nothing was recorded: no frame came before the end.")

    def _go(self, act: Act, episode: str, sentence: str) -> None:
        self.check(act)
        self.state, self.episode, self.sentence = TRANSITIONS[self.state, act], episode, sentence
