"""One run from its order to its end: asks the policy, moves, holds, waits for people, reports.  No sockets, no clock.

Nothing here can move the robot past the kernel: leases, heartbeats, the death of chunks and the gate are its business.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np

from protocol.clamps import clamp_names
from protocol.embodiment import Embodiment
from protocol.episode import Outcome
from protocol.errors import Refused
from protocol.policy import Decision, check_decision, plain
from protocol.runs import RunEnd, RunOrder, RunReport, RunResult, RunResume
from robot.kernel.door import Answer, Status
from robot.pilot.chunks import Chunk, ChunkQueue
from robot.pilot.eyes import OLD_S, Eyes
from robot.pilot.hands import Hands
from robot.pilot.progress import Progress
from robot.pilot.run import SENTENCES, Act, Run, lost
from robot.pilot.thinker import Question, Thinker, Thought, Trouble
from robot.recorder import door as recorder_door

AGAIN_S = 1.0  # a question without an answer for so long is asked anew: the server has dropped it
PAUSE_S = 0.25  # after a refusal, before the next question
PATIENCE_S = 5.0  # of a start, for pictures
FIRST_S = 30.0  # and for the first chunk: a server may have to load the policy
KERNEL_S = 2.0
LOADING_S = 8.0  # of a policy in this process; the permit lives 10 s
RECORDER_S = 10.0  # the episode before may still be being saved
REPORT_S = 0.1  # at most so often for chunks
#: Asking again would not help.
HARD = ("policy_output", "policy_input", "policy_embodiment", "policy_damaged", "policy_unusable", "calibration_misfit")
MAX_SENTENCE = 1000  # of a report: what a policy stumbles over may be long
_WAITS = ("starved", "server_away", "resuming")  # holds that end by themselves when a chunk comes
_OUTCOMES: dict[RunResult, Outcome] = {"success": "success", "failure": "failure"}
_REMEMBERED = 32  # questions whose late answers may still be of use


@dataclass(frozen=True, slots=True)
class Outlets:
    """Where the attempt speaks; none of them waits.  `judged` says whether the simulated world sees the goal reached."""

    kernel: Callable[[msgspec.Struct], bool]
    recorder: Callable[[msgspec.Struct], bool]
    tell: Callable[[RunReport], None]
    keep_end: Callable[[RunReport], None]  # durable when it returns
    keep_episode: Callable[[str], None]
    judged: Callable[[], bool]
    utc_ns: Callable[[], int] = time.time_ns


class Attempt:
    """Times are monotonic seconds, given by the caller; `tick` 50 times a second."""

    def __init__(
        self, order: RunOrder, embodiment: Embodiment, eyes: Eyes, thinker: Thinker, outlets: Outlets, now_s: float
    ) -> None:
        self.order, self.run, self.thinker = order, Run(), thinker
        self.queue = ChunkQueue(embodiment.action, order.execute)
        self.hands = Hands(outlets.kernel, embodiment.action)
        self.episode = ""
        self._embodiment, self._eyes, self._outlets = embodiment, eyes, outlets
        self._progress = Progress(order.limit_s)
        self._begun_s = self._tick_s = now_s
        self._first_motion_s: float | None = None
        self._recorded = self._asked_recorder = False
        self._ask_recorder_s = now_s
        self._targets: tuple[float, ...] | None = None  # last asked, so that a hold does not let go of what is held
        self._step = self._number = 0
        self._asked: dict[int, tuple[float, int]] = {}  # question: when what it shows was captured, on both clocks
        self._waiting_s: float | None = None  # since when for an answer
        self._pause_s = now_s
        self._seen_s = float("-inf")  # capture of what was asked about last
        self._trouble: Trouble | None = None
        self._doubt_off_s = float("-inf")
        self._thought: Thought | None = None
        self._delay_s: float | None = None
        self._seam: float | None = None
        self._clamps = 0
        self._tool_m: tuple[float, float, float] | None = None
        self._n = 0
        self._told_s = float("-inf")
        self._chunk_untold = False
        self.report: RunReport | None = None

    @property
    def ended(self) -> bool:
        return self.run.phase == "ended"

    # -- what others say ----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """The order was taken and its fence is on the disk."""
        self._tell(self._begun_s)

    def _take_hold(self, now_s: float) -> None:
        """The lease, once there are pictures to act on: without them the kernel would take it away again."""
        if self.run.phase != "starting" or self.hands.asking or self.hands.lease is not None:
            return
        if self.thinker.loading and now_s - self._begun_s < LOADING_S:
            return
        seen_s = self._eyes.newest_s(self.order.pictures)
        if seen_s is not None and now_s - seen_s <= OLD_S:
            self.hands.acquire(self.order.permit, now_s)
        elif now_s - self._begun_s > PATIENCE_S:
            self.end("refused", "picture_missing", "The robot's cameras give no pictures. Look at them, then try again.")

    def on_kernel(self, answer: Answer, now_s: float) -> None:
        if not self.hands.answered(answer, now_s):
            return
        if not answer.code:
            self._targets = None
            if self.run.phase != "starting":
                self._wait("resuming", "The policy has the lease again and looks.", now_s)
        else:
            self._refused(answer, now_s)

    def _refused(self, answer: Answer, now_s: float) -> None:
        """The lease was asked for in vain: no run begins so, and one that stood still goes on doing that."""
        if self.run.phase == "starting":
            self.end("refused", answer.code, answer.sentence)
            return
        self.run.reason, self.run.sentence = answer.code, answer.sentence
        self._tell(now_s)

    def on_recorder(self, answer: recorder_door.Answer | recorder_door.Happened, now_s: float) -> None:
        if isinstance(answer, recorder_door.Happened):
            if answer.event in recorder_door.OVER and answer.episode == self.episode != "":
                self.end("interrupted", "recording_ended", SENTENCES["recording_ended"])
            return
        if answer.id != f"start:{self.order.run}" or self._recorded or self.ended:
            return
        if not answer.code:
            self._recorded, self.episode = True, answer.episode
            self._outlets.keep_episode(answer.episode)
            self._tell(now_s)
        elif answer.detail.get("state") == "finalising" and now_s - self._begun_s < RECORDER_S:
            self._ask_recorder_s = now_s + PAUSE_S
        else:
            self.end("refused", answer.code, answer.sentence)

    def resume(self, message: RunResume, now_s: float) -> None:
        """Somebody says that the policy may go on."""
        if self.run.phase not in ("holding", "taken") or self.hands.asking:
            return
        self._doubt_off_s, self._trouble = now_s + message.doubt_off_s, None
        self._asked.clear()
        self._progress.begin()
        if self.hands.lease is not None:
            self._wait("resuming", "The policy looks again.", now_s)
        else:
            self.hands.acquire(message.permit, now_s)

    def finish(self, message: RunEnd) -> None:
        self.end(message.result, message.reason or "ended", "", "person")

    def end(self, result: RunResult, reason: str, sentence: str = "", judge: Literal["", "world", "person"] = "") -> None:
        """For good: the lease is given back, the recording stopped, the end on the disk before it is told."""
        if self.ended:
            return
        self.hands.release()
        if self._asked_recorder:  # also when its answer has not come: it would record for ever
            outcome, empty = _OUTCOMES.get(result, "unlabelled"), result == "refused"
            self._outlets.recorder(recorder_door.Stop(id=f"stop:{self.order.run}", outcome=outcome, discard=empty))
        self.run.go("end", reason, sentence)
        report = self._reported(self._tick_s)
        self.report = msgspec.structs.replace(report, result=result, judge=judge)
        self._outlets.keep_end(self.report)
        self._outlets.tell(self.report)

    # -- time ---------------------------------------------------------------------------------------------------------

    def tick(self, now_s: float, status: Status) -> None:
        dt_s, self._tick_s = now_s - self._tick_s, now_s
        self._tool_m = status.tool_m
        self._miss_the_kernel(now_s)
        self._look_at_lease(now_s, status)
        for answer in self.thinker.answers():
            self._hear(answer, now_s)
        self._take_hold(now_s)
        self._begin_recording(now_s)
        if self.run.phase == "moving":
            self._clamps |= status.clamps
            self._watch(dt_s, now_s, status)
        if self.ended:
            return
        self._act(now_s, status)
        self._be_patient(now_s)
        self._ask(now_s, status)
        if self._chunk_untold and now_s - self._told_s >= REPORT_S:
            self._tell(now_s)

    def _miss_the_kernel(self, now_s: float) -> None:
        if not self.hands.asking or now_s - self.hands.asked_s < KERNEL_S:
            return
        self.hands.drop()
        silent = Answer(id="", code="kernel_silent", sentence="The robot's control program does not answer. Look at its state.")
        self._refused(silent, now_s)

    def _look_at_lease(self, now_s: float, status: Status) -> None:
        lease, held = status.lease, self.hands.lease
        if status.mono_s <= self.hands.granted_s or self.hands.asking:
            return  # older than what we know
        person = lease is not None and lease.kind == "human"
        ours = lease is not None and (lease.epoch, lease.seq) == held
        if held is not None and not ours:
            self.hands.drop()
            self._asked.clear()
            if not person:
                self._hold(lost(status.reason), "", now_s)
        if person and self.run.phase != "taken" and self.run.can("take"):
            assert lease is not None
            self._go("take", "taken", f"{lease.name} drives.", now_s)
        elif self.run.phase == "taken" and lease is None:
            self._hold(lost(status.reason), "", now_s)

    def _begin_recording(self, now_s: float) -> None:
        """Once there is a lease, and again while the recorder is busy with the episode before."""
        if self._recorded or self.hands.lease is None or now_s < self._ask_recorder_s or self.ended:
            return
        if now_s - self._begun_s > RECORDER_S:
            self.end("refused", "recorder_away", "The robot's recorder does not answer. A run must be recorded.")
            return
        self._ask_recorder_s, self._asked_recorder = now_s + AGAIN_S, True
        start = recorder_door.Start(
            id=f"start:{self.order.run}",
            instruction=self.order.instruction,
            target="" if self.order.goal is None else self.order.goal.target,
            name=self.order.policy_name,
        )
        self._outlets.recorder(start)

    def _watch(self, dt_s: float, now_s: float, status: Status) -> None:
        if self._outlets.judged():
            self.end("success", "done", "The simulated world sees the goal reached.", "world")
        elif sentence := self._progress.hindered(dt_s, status.tool_m):
            self._hold("no_progress", sentence, now_s)

    def _act(self, now_s: float, status: Status) -> None:
        if self.hands.lease is None:
            return
        seen_s = self._eyes.newest_s(self.order.pictures)
        self.hands.beat(now_s, seen_s)
        chunk, action = self.queue.chunk, self.queue.at(now_s)
        if self.run.phase == "moving" and action is not None and chunk is not None:
            self._targets = tuple(action.tolist())
            self.hands.move(self._targets, now_s, seen_s, chunk.dies_s, chunk.number, chunk.doubt)
            return
        if self.run.phase == "moving":
            self._starve(now_s)
        if len(status.done) == len(self._embodiment.action):
            self.hands.rest(self._targets or status.done, now_s, seen_s)

    def _be_patient(self, now_s: float) -> None:
        """A start says what it waits for, and without a chunk becomes a hold; so do holds that wait."""
        late = self.run.phase == "starting" and self._recorded and now_s - self._begun_s > FIRST_S
        if late or (self.run.phase == "holding" and self.run.reason in ("starved", "server_away")):
            self._starve(now_s)
        elif self.run.phase == "starting" and self._recorded and now_s - self._begun_s > 1.0:
            trouble = Trouble(-1, "server_away", self.thinker.away) if self.thinker.away else self._trouble
            if trouble is not None and trouble.code != self.run.reason:
                self.run.reason, self.run.sentence = trouble.code, trouble.sentence
                self._tell(now_s)

    def _starve(self, now_s: float) -> None:
        away = self.thinker.away
        if away:
            self._wait("server_away", f"The policy cannot be asked: {away}", now_s)
        else:
            self._wait("starved", "" if self._trouble is None else self._trouble.sentence, now_s)

    # -- asking and hearing -------------------------------------------------------------------------------------------

    @property
    def _wants(self) -> bool:
        """Whether a chunk would be followed."""
        if self.hands.lease is None or not self._recorded:
            return False
        return self.run.phase in ("starting", "moving") or (self.run.phase == "holding" and self.run.reason in _WAITS)

    def _ask(self, now_s: float, status: Status) -> None:
        if not self._wants or self.thinker.away or now_s < self._pause_s:
            return
        if self._waiting_s is not None and now_s - self._waiting_s < AGAIN_S:
            return
        if not self.queue.due(now_s):
            return
        try:
            sight = self._eyes.look(self.order.pictures, now_s)
        except Refused as refused:
            self._trouble = Trouble(-1, refused.code, refused.sentence)
            self._pause_s = now_s + PAUSE_S
            return
        if sight.mono_s <= self._seen_s or len(status.state) != len(self._embodiment.state):
            return  # nothing new to show yet
        prefix, delay_steps = self.queue.prefix(sight.mono_s)
        self._number += 1
        self.thinker.ask(
            Question(
                self._number, self.order.run, self.order.policy, self._step, self._embodiment.kind, sight.time_ns,
                self.order.instruction, np.array(status.state, np.float32), sight.pictures, prefix, delay_steps,
            )
        )  # fmt: skip
        self._asked[self._number], self._seen_s = (sight.mono_s, sight.time_ns), sight.mono_s
        self._waiting_s = now_s
        for old in [n for n in self._asked if n <= self._number - _REMEMBERED]:
            del self._asked[old]

    def _hear(self, answer: Thought | Trouble, now_s: float) -> None:
        if answer.n > 0 and answer.n not in self._asked:
            return  # of the run before, or told already
        if answer.n == self._number or answer.n < 0:
            self._waiting_s = None
        captured_s, captured_ns = self._asked.pop(answer.n, (0.0, -1))
        if self.ended:
            return
        if isinstance(answer, Trouble):
            self._trouble, self._pause_s = answer, now_s + PAUSE_S
            if answer.code in HARD and self.run.phase == "starting":
                self.end("refused", answer.code, answer.sentence)
            elif answer.code in HARD and self._wants:
                self._hold(answer.code, answer.sentence, now_s)
        elif answer.captured_ns == captured_ns and self._wants:  # not of the run before
            self._take_in(answer, captured_s, now_s)

    def _take_in(self, thought: Thought, captured_s: float, now_s: float) -> None:
        """Judges a chunk before anything follows it."""
        self._thought, self._delay_s = thought, now_s - captured_s
        try:
            check_decision(Decision(thought.actions, thought.dt_s, thought.actions), self._embodiment)
        except Refused as refused:
            self._hold("policy_output", f"{refused.sentence} Take over or end the run.", now_s)
            return
        doubt, limit = thought.doubt, thought.limit
        if doubt is not None and limit is not None and not doubt < limit and now_s >= self._doubt_off_s:  # also NaN
            self._hold("doubt", "", now_s)
            return
        chunk = Chunk(thought.n, thought.actions, captured_s, thought.dt_s, float("nan") if doubt is None else doubt)
        try:
            self._seam = self.queue.add(chunk, now_s)
        except Refused as refused:
            self._trouble = Trouble(thought.n, refused.code, refused.sentence)
            return
        self._trouble, self._chunk_untold = None, True
        self._step += 1  # what is usual at a step is known from runs whose every question was answered
        if self.run.phase != "moving":
            if self._first_motion_s is None:
                self._first_motion_s = now_s
            self._go("follow", "", "", now_s)

    # -- phases and reports -------------------------------------------------------------------------------------------

    def _hold(self, reason: str, sentence: str, now_s: float) -> None:
        """Nothing that was asked for is carried out any more; what must come next is said by the reason."""
        self.queue.clear()
        self._asked.clear()
        self._go("hold", reason, sentence, now_s)

    def _wait(self, reason: str, sentence: str, now_s: float) -> None:
        """A hold that the next chunk ends."""
        if self.run.phase != "holding" or self.run.reason not in _WAITS:
            self.queue.clear()
            self._waiting_s, self._pause_s = None, now_s
        self._go("hold", reason, sentence, now_s)

    def _go(self, act: Act, reason: str, sentence: str, now_s: float) -> None:
        if self.run.go(act, reason, sentence):
            self._tell(now_s)

    def _tell(self, now_s: float) -> None:
        self._n += 1
        self.report = self._reported(now_s)
        self._told_s, self._chunk_untold, self._clamps = now_s, False, 0
        self._outlets.tell(self.report)

    def _reported(self, now_s: float) -> RunReport:
        thought, chunk = self._thought, self.queue.chunk
        return RunReport(
            run=self.order.run, fence=self.order.fence, n=self._n + (self.run.phase == "ended"),
            time_ns=self._outlets.utc_ns(), phase=self.run.phase, reason=self.run.reason,
            sentence=self.run.sentence[:MAX_SENTENCE],
            seconds=0.0 if self._first_motion_s is None else now_s - self._first_motion_s, step=self._step,
            chunk=-1 if chunk is None else chunk.number, delay_ms=None if self._delay_s is None else self._delay_s * 1e3,
            doubt=_finite(thought.doubt if thought else None), limit=_finite(thought.limit if thought else None),
            seam=self._seam, clamps=clamp_names(self._clamps), tool_m=self._tool_m,
            reasoning=plain(thought.reasoning) if thought else None, episode=self.episode,
        )  # fmt: skip


def _finite(value: float | None) -> float | None:
    """JSON has no other numbers."""
    return value if value is not None and abs(value) < float("inf") else None
