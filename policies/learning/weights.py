"""How much each step counts: what people showed when they took over counts most, what led there hardly at all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BEFORE_S = 1.5  # of a takeover: what led to it is not to be learned
CORRECTIONS, BEFORE = 0.5, 0.002  # shares of all that is drawn


def classes(pilots: Sequence[str], step_s: float) -> NDArray[np.int64]:
    """[N]: 0 demonstrated, 1 corrected, 2 just before a correction, 3 driven by a policy, -1 nobody drove.

    What is before a correction is counted back over rows that somebody drove: a policy in doubt holds until a person comes.
    """
    driven = np.array([pilot in ("policy", "primitive") for pilot in pilots])
    shown = np.array([pilot in ("operator", "script") for pilot in pilots])
    found = np.full(len(pilots), -1)
    if not driven.any():
        found[shown] = 0
        return found
    found[driven], found[shown] = 3, 1
    before, moved = round(BEFORE_S / step_s), found >= 0
    kinds = found[moved]
    for row in np.flatnonzero((kinds == 1) & (np.roll(kinds, 1) == 3)):
        led = kinds[max(0, row - before) : row]
        led[led == 3] = 2
    found[moved] = kinds
    return found


def sampling(kinds: NDArray[np.int64], episode_weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """[N] chances that add up to 1.

    Corrections are half of what is drawn, the moments before them next to nothing, demonstrations keep their share and a
    policy's own steps get what is left (Liu et al., "Robot Learning on the Job" (Sirius), RSS 2023).
    """
    weight = np.where(kinds >= 0, episode_weight, 0.0)
    total = {kind: float(weight[kinds == kind].sum()) for kind in range(4)}
    every = sum(total.values())
    if total[1] > 0:
        demonstrated = min(total[0] / every, 1 - CORRECTIONS - BEFORE)
        share = {0: demonstrated, 1: CORRECTIONS, 2: BEFORE, 3: 1 - CORRECTIONS - BEFORE - demonstrated}
        for kind, wanted in share.items():
            if total[kind] > 0:
                weight[kinds == kind] *= wanted / total[kind]
    return np.asarray(weight / weight.sum())
