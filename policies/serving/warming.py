"""What is done with a policy before it is needed: the first pass through a model takes many times as long as the next."""

from __future__ import annotations

import time
from typing import Protocol, runtime_checkable

import numpy as np
import torch

from policies.learning.config import Body
from policies.learning.policy import VlaPolicy
from protocol.errors import Refused
from protocol.policy import Observation, Policy


def example(body: Body, side: tuple[int, int] = (96, 72)) -> Observation:
    """Something a robot of this kind could see: the middle of what it senses, grey pictures of `side` pixels."""
    kind = body.embodiment
    state = np.array([(one.low + one.high) / 2 for one in kind.state], np.float32)
    grey = np.full((side[1], side[0], 3), 128, np.uint8)
    return Observation(0, kind.kind, "warm up", state, dict.fromkeys(body.cameras.values(), grey))


def settle(policy: Policy, device: str, threads: int) -> None:
    """Where one of ours computes: `cpu`, `cuda`, or `auto`, which is a GPU where there is one.  `Refused("gpu_absent")`."""
    torch.set_num_threads(threads)
    there = torch.cuda.is_available()
    if device == "cuda" and not there:
        raise Refused("gpu_absent", "A GPU is wanted for serving and this machine has none. Set REINS_SERVING_DEVICE to auto.")
    if isinstance(policy, VlaPolicy) and there and device != "cpu":
        policy.to(torch.device("cuda"))


@runtime_checkable
class Exemplary(Protocol):
    """A policy on this machine that can say what each of its robots could see."""

    def examples(self) -> list[Observation]: ...


def warm(policy: Policy, most: int) -> float:
    """One on this machine, alone and in a whole batch; gives the seconds of that batch, 0 for one elsewhere.
    `Refused("policy_failed")` when it cannot even do that."""
    if isinstance(policy, VlaPolicy):
        examples = [example(body) for body in policy.model.config.bodies]
    elif isinstance(policy, Exemplary):
        examples = policy.examples()
    else:
        return 0.0
    if not examples:
        raise Refused("policy_damaged", "The policy knows no robot.")
    batch = [examples[index % len(examples)] for index in range(most)]
    for size in (1, most):
        began_s = time.monotonic()
        try:
            policy.act(batch[:size])
        except RuntimeError as error:
            raise Refused("policy_failed", f"The policy fails at its first use: {error}.") from error
    return time.monotonic() - began_s
