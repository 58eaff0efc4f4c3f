"""From the questions of a batch to their answers.  What one robot sent, or what the policy says to it, harms no other."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from policies.serving.pictures import decode
from policies.serving.question import Answer, Question
from protocol import inference
from protocol.embodiment import Embodiment, decode_embodiment
from protocol.errors import Refused
from protocol.inference import Chunk, Observed, Trouble, floats
from protocol.policy import Decision, Observation, Policy, check_decision, plain

log = logging.getLogger(__name__)


class Gauge(Protocol):
    """How unusual features are, and from where on that is too much at a step of a run."""

    def doubt(self, features: NDArray[np.float32]) -> float: ...
    def limit(self, step: int) -> float: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that could be read."""

    question: Question
    observed: Observed
    body: Embodiment
    observation: Observation


@dataclass(frozen=True, slots=True)
class Answers:
    """`said` in the order of the questions, each with its robot; `answered` of them are chunks."""

    said: list[tuple[str, Answer]]
    answered: int
    thought_ms: float


def answer(
    batch: Sequence[Question], policy: Policy, gauge: Gauge | None, worker: str = "", now_s: Callable[[], float] = time.time
) -> Answers:
    """A chunk or a trouble for each question."""
    read = [_read(question) for question in batch]
    asked = [one for one in read if isinstance(one, Asked)]
    began_s, taken_s = time.perf_counter(), now_s()
    decided = decide(policy, [one.observation for one in asked])
    thought_ms = 1000 * (time.perf_counter() - began_s)
    said: list[tuple[str, Answer]] = []
    answered, decisions = 0, iter(decided)
    for question, one in zip(batch, read, strict=True):
        if isinstance(one, Asked):
            waited_ms = 1000 * max(0.0, taken_s - question.arrived_s)
            about = {"waited_ms": waited_ms, "thought_ms": thought_ms, "batch": len(asked), "worker": worker}
            message = _checked(one, next(decisions), gauge, about)
        else:
            message = one
        answered += isinstance(message, Chunk)
        said.append((question.robot, Answer(question.asker, message.n, inference.encode(message))))
    return Answers(said, answered, thought_ms)


def decide(policy: Policy, batch: list[Observation]) -> list[Decision | Refused]:
    """Of each observation what the policy decides, or why not.  A batch that fails is halved until it is known whose fault
    it is."""
    if not batch:
        return []
    refusal: Refused
    try:
        decisions = policy.act(batch)
        if isinstance(decisions, list) and len(decisions) == len(batch):
            return list(decisions)
        refusal = Refused("policy_output", "The policy did not answer each observation with a decision.")
    except Refused as error:
        refusal = error
    except Exception as error:
        log.warning("the policy failed", exc_info=True)
        refusal = Refused("policy_failed", f"The policy failed: {type(error).__name__}: {str(error)[:200]}.")
    if len(batch) == 1:
        return [refusal]
    half = len(batch) // 2
    return decide(policy, batch[:half]) + decide(policy, batch[half:])


@lru_cache(maxsize=256)
def _body(raw: bytes) -> Embodiment:
    return decode_embodiment(raw)


def _read(question: Question) -> Asked | Trouble:
    n = 0
    try:
        observed: Observed = inference.decode(question.observed, Observed)
        n, body = observed.n, _body(question.body)
        return Asked(question, observed, body, observation(observed, body))
    except Refused as refusal:
        return trouble(n, refusal)


def observation(observed: Observed, body: Embodiment) -> Observation:
    """What the policy is given.  Refused: `inference_message`, `policy_input`."""
    state = floats(observed.state, len(body.state))
    if len(state) != 1:
        raise Refused("policy_input", f"One state of {len(body.state)} numbers is wanted, not {len(state)}.")
    prefix = floats(observed.prefix, len(body.action)) if observed.prefix else None
    if observed.delay_steps > (0 if prefix is None else len(prefix)):
        raise Refused("policy_input", "More steps of delay than actions that are being carried out.")
    if prefix is not None and not np.isfinite(prefix).all():
        raise Refused("policy_input", "The actions that are being carried out hold a value that is no number.")
    cameras = {camera.name for camera in body.cameras}
    if unknown := set(observed.pictures) - cameras:
        raise Refused("policy_input", f"{body.name} has no camera {sorted(unknown)[0]!r}.")
    pictures = {camera: decode(jpeg, camera) for camera, jpeg in observed.pictures.items()}
    return Observation(observed.captured_ns, body.kind, observed.instruction, state[0], pictures, prefix, observed.delay_steps)


def _checked(one: Asked, decision: Decision | Refused, gauge: Gauge | None, about: dict[str, object]) -> Chunk | Trouble:
    try:
        if isinstance(decision, Refused):
            raise decision
        return _chunk(one, _sound(decision, one.body), gauge, about)
    except Refused as refusal:
        return trouble(one.observed.n, refusal)
    except (TypeError, ValueError, AttributeError) as error:  # whatever else it has put into its decision
        log.warning("the policy answered strangely", exc_info=True)
        said = f"The policy answered with something that is no decision: {str(error)[:200]}."
        return trouble(one.observed.n, Refused("policy_output", said))


def _sound(decision: Decision, body: Embodiment) -> Decision:
    """Itself; `Refused("policy_output")` for what no robot may follow and nobody can judge."""
    if not isinstance(decision, Decision) or not all(
        isinstance(array, np.ndarray) and array.dtype.kind == "f" for array in (decision.actions, decision.features)
    ):
        raise Refused("policy_output", "The policy answered with something that is no decision.")
    check_decision(decision, body)
    if not np.isfinite(decision.features).all():
        raise Refused("policy_output", "The policy's features hold a value that is no number, so nobody can judge its doubt.")
    return decision


def _chunk(one: Asked, decision: Decision, gauge: Gauge | None, about: dict[str, object]) -> Chunk:
    doubt, limit = None, None
    if gauge is not None:
        if not math.isfinite(doubt := gauge.doubt(decision.features)):
            raise Refused("policy_output", "How unusual this observation is could not be worked out.")
        limit = gauge.limit(one.observed.step)
    message = Chunk(
        n=one.observed.n,
        captured_ns=one.observed.captured_ns,
        actions=np.ascontiguousarray(decision.actions, "<f4").tobytes(),
        axes=decision.actions.shape[1],
        dt_s=float(decision.dt_s),
        doubt=doubt,
        limit=limit if limit is not None and math.isfinite(limit) else None,
        reasoning=plain(decision.reasoning),
        scores={name: float(score) for name, score in decision.scores.items() if math.isfinite(score)},
    )
    return msgspec.structs.replace(message, **about)


def trouble(n: int, refusal: Refused) -> Trouble:
    return Trouble(n=n, code=refusal.code, sentence=refusal.sentence, detail=dict(refusal.detail))


class CalibratedGauge:
    """From a policy's `calibration.safetensors`."""

    def __init__(self, path: Path) -> None:
        from policies.learning.doubt import load_calibration

        self._familiar, self._band = load_calibration(path)

    def doubt(self, features: NDArray[np.float32]) -> float:
        """`Refused("calibration_misfit")` for features of another width."""
        if features.shape != self._familiar.mean.shape:
            raise Refused("calibration_misfit", "The calibration was made for another policy. Calibrate this one.")
        return float(self._familiar.distance(features))

    def limit(self, step: int) -> float:
        return self._band.upper(step)
