"""Real-time chunking: a new chunk agrees with what the robot will have done by the time it comes (Black, Galliker and Levine,
"Real-Time Execution of Action Chunking Flow Policies", 2025)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

BETA = 5.0  # most that guidance may weigh


@dataclass(frozen=True, slots=True)
class Held:
    """`actions` [B, H, A] normalised, what was decided before; `weights` [B, H, A]: how much the new chunk must agree with
    each, 0 where nothing was decided."""

    actions: Tensor
    weights: Tensor


def weights(delay_steps: int, length: int, chunk: int) -> NDArray[np.float32]:
    """float32[H]: 1 for the first `delay_steps`, which will be carried out for certain; then falling to the end of the
    `length` actions that were decided before; 0 from there on, and for the second half of the chunk in any case: what is
    seen now decides there."""
    length = min(length, chunk - max(delay_steps, chunk // 2))
    certain = max(0, min(delay_steps, length))
    out = np.zeros(chunk, np.float32)
    out[:certain] = 1.0
    for i in range(certain, min(length, chunk)):
        left = (length - i) / (length - certain + 1)
        out[i] = left * math.expm1(left) / math.expm1(1.0)
    return out


def strength(time: float) -> float:
    """How strongly to guide at a flow time of 0 (noise) to 1 (actions)."""
    if time <= 0.0:
        return BETA
    spread = (1 - time) ** 2 / (time**2 + (1 - time) ** 2)
    return min(BETA, (1 - time) / (time * spread)) if spread > 0 else BETA


def pull(noisy: Tensor, clean: Tensor, held: Held) -> Tensor:
    """The product of the weighted error of `clean` [B, H, A], as it is guessed from `noisy`, with that guess' derivative."""
    error = ((held.actions - clean) * held.weights).detach()
    (out,) = torch.autograd.grad(clean, noisy, error)
    return out
