"""What a policy is given and what it answers, wherever it runs: on the robot, on a worker, behind another program's protocol.

Arrays are numpy; positions are metres in the robot's base frame; boxes and points are pixels of the picture that was given.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from protocol.embodiment import Embodiment
from protocol.errors import Refused

Picture = NDArray[np.uint8]  # [H, W, 3], RGB
Floats = NDArray[np.float32]
LIFE_S = 10.0  # of a chunk at most: so long a robot could follow a policy that has died


@dataclass(frozen=True, slots=True)
class Observation:
    """One robot at one moment.

    `state` float32[S] in Embodiment order and units.  `prefix` float32[P, A] are the actions that will be carried out while
    the policy thinks, in Embodiment units, the first `delay_steps` of them for certain.
    """

    captured_ns: int
    kind: str  # of its Embodiment
    instruction: str
    state: Floats
    images: dict[str, Picture]
    prefix: Floats | None = None
    delay_steps: int = 0


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The object that the policy takes the instruction to be about.  A box is (left, top, right, bottom)."""

    name: str
    confidence: float
    boxes: dict[str, tuple[float, float, float, float] | None] = {}
    position_m: tuple[float, float, float] | None = None


class Reasoning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the policy believes and intends.  A prediction: it can be wrong, and is scored like one."""

    subtask: str
    target: Target | None = None
    waypoint_m: tuple[float, float, float] | None = None
    keypoints: dict[str, list[tuple[float, float]]] = {}


MAX_REASONING = 32 * 1024  # bytes as JSON: it goes with the reports of a run


def plain(reasoning: Reasoning | None) -> Reasoning | None:
    """Itself, or None when it holds a place that is no number, something else than it should, or more than a report can carry:
    nobody can draw that."""
    try:
        raw = msgspec.json.encode(reasoning)  # NaN becomes null, which the next line does not take
        return msgspec.json.decode(raw, type=Reasoning | None) if len(raw) <= MAX_REASONING else None
    except (msgspec.DecodeError, TypeError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class Decision:
    """`actions` float32[H, A] in Embodiment units, the first for the moment of the observation, `dt_s` apart.

    `features` float32[F] is where the encoder stands, for whoever measures how unusual that is; thresholds are not here.
    """

    actions: Floats
    dt_s: float
    features: Floats
    scores: dict[str, float] = field(default_factory=dict)
    reasoning: Reasoning | None = None


class Policy(Protocol):
    """Stateless: the same observations give the same decisions, up to the sampling of heads that sample."""

    def act(self, batch: list[Observation]) -> list[Decision]:
        """One decision for each observation.  Refused: `policy_embodiment`, `policy_input`."""


def check_decision(decision: Decision, embodiment: Embodiment) -> Decision:
    """Itself, or `Refused("policy_output")` naming what no robot may follow.  Limits are the gate's business, but a value a
    hundred times beyond them is a fault of the policy and not a wish."""
    actions = decision.actions
    if actions.ndim != 2 or actions.shape[1] != len(embodiment.action) or not 1 <= len(actions) <= 1000:
        wanted = f"(1 to 1000, {len(embodiment.action)})"
        raise Refused("policy_output", f"The policy answered actions of shape {actions.shape}; {embodiment.name} needs {wanted}.")
    if not np.isfinite(actions).all():
        raise Refused("policy_output", "The policy answered with a value that is no number.")
    for axis, most in zip(embodiment.action, np.abs(actions).max(axis=0), strict=True):
        if most > 100 * max(abs(axis.low), abs(axis.high)):
            raise Refused("policy_output", f"The policy asked for {axis.name} {most:g} {axis.unit}; the limit is {axis.high:g}.")
    if not (decision.dt_s >= 0.001 and len(actions) * decision.dt_s <= LIFE_S):
        told = f"{len(actions)} steps of {decision.dt_s:g} s"
        raise Refused("policy_output", f"The policy answered {told}; a chunk may live {LIFE_S:g} s, a step no less than 0.001.")
    return decision
