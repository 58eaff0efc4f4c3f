"""What every training shares, whatever learns: how large a step is, and which episodes are set aside."""

from __future__ import annotations

import math

import numpy as np

from policies.learning.config import LearnConfig
from policies.learning.read import Recorded


def rate(learn: LearnConfig, step: int) -> float:
    """Rises in a line, falls in a cosine."""
    share = min(1.0, step / max(1, learn.steps))
    return learn.rate * min(1.0, (step + 1) / learn.warmup) * max(learn.least_rate, 0.5 * (1 + math.cos(math.pi * share)))


def parted(episodes: list[Recorded], learn: LearnConfig) -> tuple[list[Recorded], list[Recorded]]:
    """Those to learn from, and those set aside: by the dataset, else a share of all, drawn from the seed."""
    aside = set_aside([one.choice.validation for one in episodes], learn)
    return [one for i, one in enumerate(episodes) if i not in aside], [one for i, one in enumerate(episodes) if i in aside]


def set_aside(validation: list[bool], learn: LearnConfig) -> set[int]:
    """Which of so many episodes, told of each whether its dataset sets it aside."""
    aside = {index for index, one in enumerate(validation) if one}
    if aside:
        return aside
    order = np.random.default_rng([learn.seed, 1]).permutation(len(validation))
    return set(order[: round(learn.held_out * len(validation))].tolist())
