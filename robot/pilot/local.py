"""Asks a policy in this process, in a thread of its own.  The only place of the robot program that may load torch.

The thread has no lower priority than the heartbeats: on a busy machine it would keep the interpreter's lock from them.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from protocol.errors import Refused
from protocol.policy import Decision, Observation, Policy, plain
from robot.pilot.thinker import Question, Thought, Trouble

if TYPE_CHECKING:
    from policies.learning.doubt import Band, Familiar


class LocalPolicy:
    """A `Thinker` over a policy's folder; it loads when it is made, and answers when it has loaded."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.broken = folder, False
        self._questions: queue.Queue[Question | None] = queue.Queue(1)
        self._answers: deque[Thought | Trouble] = deque(maxlen=64)
        self._away, self.loading = "The policy is being loaded.", True
        self._thread = threading.Thread(target=self._think, name="policy", daemon=True)
        self._thread.start()

    @property
    def away(self) -> str:
        return self._away

    def ask(self, question: Question | None) -> None:
        with contextlib.suppress(queue.Empty):
            self._questions.get_nowait()
        with contextlib.suppress(queue.Full):
            self._questions.put_nowait(question)

    def answers(self) -> list[Thought | Trouble]:
        return [self._answers.popleft() for _ in range(len(self._answers))]

    def close(self) -> None:
        """The thread ends after what it is thinking."""
        self.ask(None)

    def _think(self) -> None:
        try:
            policy, usual = open_local(self.folder)
        except Exception as error:  # whatever is in that folder, the robot says that it cannot be used
            sentence = error.sentence if isinstance(error, Refused) else f"The policy cannot be loaded: {error}."
            self._answers.append(Trouble(-1, "policy_unusable", sentence))
            self._away, self.loading, self.broken = sentence, False, True
            return
        self._away, self.loading = "", False
        while (question := self._questions.get()) is not None:
            self._answers.append(_thought(policy, usual, question))


def open_local(folder: Path) -> tuple[Policy, tuple[Familiar, Band] | None]:
    """The policy and what is usual for it, where it was calibrated.  Refused: `policy_missing`, `policy_damaged`,
    `calibration_damaged` when the card says that it was and the file is gone or another, ..."""
    try:
        from policies.learning.doubt import open_calibration
        from policies.learning.zoo.registry import open_kind

        policy = open_kind(folder)
    except ImportError as error:
        raise Refused("policy_missing", f"This robot cannot run policies itself ({error}). Let a server think.") from error
    return policy, open_calibration(folder)


def _thought(policy: Policy, usual: tuple[Familiar, Band] | None, question: Question) -> Thought | Trouble:
    observation = Observation(
        question.captured_ns, question.kind, question.instruction, question.state, question.pictures, question.prefix,
        question.delay_steps,
    )  # fmt: skip
    try:
        return _told(policy.act([observation])[0], usual, question)
    except Refused as refused:
        return Trouble(question.n, refused.code, refused.sentence)
    except Exception as error:  # whatever a policy stumbles over, the robot stands still and says so
        return Trouble(question.n, "policy_output", f"The policy failed: {type(error).__name__}: {error}.")


def _told(decision: Decision, usual: tuple[Familiar, Band] | None, question: Question) -> Thought:
    """`Refused("calibration_misfit")`; raises whatever comes of a decision that is none."""
    doubt = limit = None
    if usual is not None:
        familiar, band = usual
        if decision.features.shape != familiar.mean.shape:
            raise Refused("calibration_misfit", "The calibration was made for another policy. Calibrate this one.")
        doubt, limit = float(familiar.distance(decision.features)), band.upper(question.step)
    actions, dt_s = np.asarray(decision.actions, np.float32), float(decision.dt_s)
    return Thought(
        question.n, question.captured_ns, actions, dt_s, doubt, limit, plain(decision.reasoning), dict(decision.scores)
    )
