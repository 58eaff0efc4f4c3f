"""Where a run stands, as a table.  Pure: no clock, no door."""

from __future__ import annotations

from typing import Literal

from protocol.errors import Refused
from protocol.runs import RunPhase

Act = Literal["follow", "hold", "take", "end"]

# follow: chunks move the robot.  hold: it stands still, for a reason.  take: a person holds the lease.  end: for good.
TRANSITIONS: dict[tuple[RunPhase, Act], RunPhase] = {
    ("starting", "follow"): "moving",
    ("starting", "hold"): "holding",
    ("starting", "take"): "taken",
    ("starting", "end"): "ended",
    ("moving", "hold"): "holding",
    ("moving", "take"): "taken",
    ("moving", "end"): "ended",
    ("holding", "follow"): "moving",
    ("holding", "hold"): "holding",
    ("holding", "take"): "taken",
    ("holding", "end"): "ended",
    ("taken", "hold"): "holding",
    ("taken", "end"): "ended",
}
SENTENCES = {
    "released": "The person has let go. Hand the run back to the policy, or end it.",
    "stopped": "A remote stop is latched. Look at the robot, clear the stop, then go on or end the run.",
    "remote_motion_off": "Remote motion was switched off at the robot. Switch it on there, then go on or end the run.",
    "deadman": "The robot's pilot was silent for a moment, so its lease ended. Go on or end the run.",
    "server_lost": "The server did not renew the lease for 5 s. Go on or end the run.",
    "video_stale": "The pictures stood still, so the lease ended. Look at the cameras, then go on or end the run.",
    "body_lost": "The arm did not answer. Check its power and cables, then go on or end the run.",
    "revoked": "The server has withdrawn the lease. Go on or end the run.",
    "key_held": "The robot's key is in use twice. An administrator must settle it first.",
    "boot": "The robot's control program was started again. Look at the robot, then go on or end the run.",
    "no_progress": "The robot did not come any further. Take over, go on or end the run.",
    "doubt": "The policy sees something unlike what it was trained on. Answer, take over or end the run.",
    "recording_ended": "The recording ended before the run did, and a run must be recorded. Start the task again.",
    "starved": "No action came in time. The robot goes on by itself when they come again.",
    "server_away": "The policies' server cannot be reached. The robot goes on by itself when it is back.",
}
_CODES = {
    "REMOTE_STOP": "stopped", "CLEARED": "stopped", "LEASE_LOST": "released", "HIDDEN": "released", "PAGE_LEFT": "released",
    "BODY_FOUND": "body_lost",
}  # fmt: skip


class Run:
    """`phase` changes through the table only; `reason` and `sentence` say why it stands where it stands."""

    def __init__(self) -> None:
        self.phase: RunPhase = "starting"
        self.reason = self.sentence = ""

    def can(self, act: Act) -> bool:
        return (self.phase, act) in TRANSITIONS

    def go(self, act: Act, reason: str = "", sentence: str = "") -> bool:
        """Whether anything is new.  `Refused("run_state")` when the table has no such step."""
        if not self.can(act):
            raise Refused("run_state", f"A run that is {self.phase} cannot {act}.", phase=self.phase)
        before = (self.phase, self.reason, self.sentence)
        self.phase, self.reason, self.sentence = TRANSITIONS[self.phase, act], reason, sentence or SENTENCES.get(reason, "")
        return (self.phase, self.reason, self.sentence) != before


def lost(kernel_reason: str) -> str:
    """A run's reason for the kernel's why a lease has ended."""
    return _CODES.get(kernel_reason, kernel_reason.lower())
