"""One attempt of a robot at a task, as server and robot speak of it over `/ws/robot/` (orders down, reports up).

A run's `fence` rises per robot and is kept on the robot: an order with one that is not higher than any before is refused
(`fenced`), except for the run that has it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from protocol.permit import Signed
from protocol.policy import Reasoning
from protocol.wire import U32, U63, Message, RowId

PILOT_PEER = "pilot"  # stands in a permit for a policy where a page's fingerprint would
RunResult = Literal["success", "failure", "cancelled", "interrupted", "refused"]
RunPhase = Literal[
    "starting",  # the order was taken; nothing has moved
    "moving",  # the policy's chunks are followed
    "holding",  # it stands still and says why; the lease is kept where it can be
    "taken",  # a person holds the lease
    "ended",
]


class Goal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be so at the end, for a checker: a skill's name and what it is about.  A simulated world can judge it."""

    skill: str
    target: str


# -- server -> robot --------------------------------------------------------------------------------------------------


class RunOrder(Message, frozen=True, tag="run_order"):
    """Begin.  `pictures`: width and height that the policy wants of each camera.  `folder`: of a policy on the robot's own
    disk, which its pilot runs itself; empty: chunks come from the server."""

    run: RowId
    fence: U32
    instruction: str
    policy: RowId
    policy_name: str
    permit: Signed
    pictures: dict[str, tuple[U32, U32]]
    goal: Goal | None = None
    execute: U32 = 2  # actions of a chunk that are carried out before the next is wanted
    limit_s: float = 60.0  # of moving; then it is no progress
    folder: str = ""


class RunResume(Message, frozen=True, tag="run_resume"):
    """Go on with the policy, after a hold or a person.  `doubt_off_s`: do not ask again for this long (an answer was given)."""

    run: RowId
    fence: U32
    permit: Signed
    doubt_off_s: float = 0.0


class RunEnd(Message, frozen=True, tag="run_end"):
    """End it now, with a person's word on how it went.  Answered by a `RunReport` that says `ended`."""

    run: RowId
    fence: U32
    result: RunResult
    reason: str = ""


# -- robot -> server --------------------------------------------------------------------------------------------------


class RunReport(Message, frozen=True, tag="run_report"):
    """At every change of phase or reason at once (and again until the server has said `RunNoted` to an `ended`), and at every
    chunk, at most 10 a second.  `n` rises by one within a run."""

    run: RowId
    fence: U32
    n: U32
    time_ns: U63
    phase: RunPhase
    reason: str = ""  # code: doubt, no_progress, starved, policy_output, taken, released, stopped, ...
    sentence: str = ""
    result: RunResult | None = None  # when ended
    judge: Literal["", "world", "person"] = ""  # who said so
    seconds: float = 0.0  # since the first motion
    step: U32 = 0  # chunks that were followed
    chunk: int = -1
    delay_ms: float | None = None  # from the capture of what was seen to the chunk's arrival
    doubt: float | None = None
    limit: float | None = None
    seam: float | None = None  # largest jump of an action where this chunk took over, share of the axis' range
    clamps: tuple[str, ...] = ()
    tool_m: tuple[float, float, float] | None = None
    reasoning: Reasoning | None = None
    episode: str = ""  # being recorded, or recorded
    highest: U32 | None = None  # fence that this robot has reached, when it refuses a lower one as `fenced`


class RunNoted(Message, frozen=True, tag="run_noted"):
    """Server -> robot: the end of this run is known."""

    run: RowId
    fence: U32
