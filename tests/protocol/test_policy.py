"""What no robot may follow, whatever a policy says."""

from __future__ import annotations

import numpy as np
import pytest

from protocol.embodiment import decode_embodiment
from protocol.errors import Refused
from protocol.policy import LIFE_S, Decision, check_decision
from tests.fleet.rig import embodiment

BODY = decode_embodiment(embodiment().encode())
AXES = len(BODY.action)


def decided(actions: np.ndarray | None = None, dt_s: float = 0.1) -> Decision:
    return Decision(np.zeros((8, AXES), np.float32) if actions is None else actions, dt_s, np.zeros(4, np.float32))


def test_an_ordinary_chunk_passes() -> None:
    assert check_decision(decided(), BODY).dt_s == 0.1
    assert check_decision(decided(np.zeros((50, AXES), np.float32), LIFE_S / 50), BODY)


@pytest.mark.parametrize(
    "decision",
    [
        decided(np.full((8, AXES), np.nan, np.float32)),
        decided(np.full((8, AXES), 1e9, np.float32)),
        decided(np.zeros((8, AXES + 1), np.float32)),
        decided(np.zeros((0, AXES), np.float32)),
        decided(np.zeros(AXES, np.float32)),
        decided(dt_s=0.0),
        decided(dt_s=float("nan")),
        decided(dt_s=float("inf")),
        decided(np.zeros((101, AXES), np.float32)),  # would be followed for longer than a chunk may live
    ],
)
def test_what_no_robot_may_follow_is_refused(decision: Decision) -> None:
    with pytest.raises(Refused) as refused:
        check_decision(decision, BODY)
    assert refused.value.code == "policy_output"
