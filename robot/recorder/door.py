"""What crosses the recorder's doors to the link and, while a run is recorded, to the pilot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from protocol.state import RecordingState
from robot.door import decoder
from robot.kernel.door import DoorMessage

# -- to the recorder ---------------------------------------------------------------------------------------------------


class Start(DoorMessage, frozen=True, kw_only=True, tag="start"):
    """Begin an episode.  `person` and `name` say who asked; who drives is read from the rows.

    `campaign` and `prompt`: what it is recorded for, as the server names them; passed on, never judged here.
    `target`: the thing that a run is about.
    """

    instruction: str
    campaign: str = ""
    prompt: str = ""
    target: str = ""
    person: str = ""
    name: str = ""


class Stop(DoorMessage, frozen=True, kw_only=True, tag="stop"):
    """End the episode.  `discard` sets it aside: it can be brought back by `Undo` for 10 minutes."""

    outcome: Literal["success", "failure", "unlabelled"] = "unlabelled"
    discard: bool = False
    person: str = ""
    name: str = ""


class SaveLast(DoorMessage, frozen=True, kw_only=True, tag="save_last"):
    """Keep the newest `seconds` of the pre-roll as an episode."""

    seconds: float = 30.0
    instruction: str = ""
    person: str = ""
    name: str = ""


class Undo(DoorMessage, frozen=True, kw_only=True, tag="undo"):
    """Bring back the episode that was discarded last; while another is recorded, it is saved after that."""

    person: str = ""
    name: str = ""


class Live(DoorMessage, frozen=True, kw_only=True, tag="live"):
    """Whether a control session is live: then the pre-roll is kept and uploads are slow.  Sent each second."""

    live: bool


class SetToken(DoorMessage, frozen=True, kw_only=True, tag="set_token"):
    """The server's bearer token for uploads."""

    token: str
    valid_s: float


ToRecorder = Start | Stop | SaveLast | Undo | Live | SetToken

# -- from the recorder -------------------------------------------------------------------------------------------------


class Answer(DoorMessage, frozen=True, kw_only=True, tag="answer"):
    """To a request with an id.  `code` is "" when it was done; `episode` is the one it was about.

    A `Stop` is answered when the episode has ended; that it is saved is said by `Report` alone.
    """

    code: str = ""
    sentence: str = ""
    episode: str = ""
    detail: dict[str, Any] = {}


class Report(DoorMessage, frozen=True, kw_only=True, tag="report"):
    """Five times a second, and at once on a change."""

    recording: RecordingState
    rows_lost: int = 0
    disk_free_mb: float | None = None


class NeedToken(DoorMessage, frozen=True, kw_only=True, tag="need_token"):
    """There is something to upload and no token that the server takes."""


OVER = ("record_saved", "record_failed", "record_recovered")  # nothing more is recorded in an episode of which this is said


class Happened(DoorMessage, frozen=True, kw_only=True, tag="happened"):
    """For the transition log; also said to the pilot, whose run may go on without its recording.

    `event`: record_started, record_saved, record_discarded, record_restored, record_failed, record_recovered, uploaded,
    upload_refused.
    """

    time_ns: int
    event: str
    episode: str
    actor: str = ""
    reason: str = ""
    detail: dict[str, Any] = {}


FromRecorder = Answer | Report | NeedToken | Happened

decode_to_recorder: Callable[[bytes], ToRecorder] = decoder(ToRecorder, "to the recorder")
decode_from_recorder: Callable[[bytes], FromRecorder] = decoder(FromRecorder, "of the recorder")
