"""Who turns an observation into actions: a server far away, or a policy in this process.  Shapes only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from protocol.policy import Reasoning

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Question:
    """One observation of run `run`, its `step`-th; `pictures` uint8[H, W, 3] RGB; the rest as `protocol.policy.Observation`."""

    n: int
    run: str
    policy: str
    step: int
    kind: str
    captured_ns: int
    instruction: str
    state: Floats
    pictures: dict[str, NDArray[np.uint8]]
    prefix: Floats | None = None
    delay_steps: int = 0


@dataclass(frozen=True, slots=True)
class Thought:
    """The answer to question `n`, which showed what was captured at `captured_ns`; not yet judged."""

    n: int
    captured_ns: int
    actions: Floats
    dt_s: float
    doubt: float | None = None
    limit: float | None = None
    reasoning: Reasoning | None = None
    scores: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trouble:
    """No answer to question `n`, and why."""

    n: int
    code: str
    sentence: str


class Thinker(Protocol):
    """`away` says why nobody can be asked now, "" when somebody can.  No call waits."""

    @property
    def away(self) -> str: ...

    @property
    def loading(self) -> bool:
        """Whether it is worth waiting before a lease is taken: loading may keep this process from beating in time."""

    def ask(self, question: Question) -> None:
        """In place of a question that has not left yet."""

    def answers(self) -> Sequence[Thought | Trouble]:
        """What has come since the last call."""
