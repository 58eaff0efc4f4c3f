"""The package's experts behind our Embodiment: each has a sentence, stays within limits, an unknown one is refused."""

from __future__ import annotations

import numpy as np
import pytest
from metaworld.policies import ENV_POLICY_MAP

from protocol.errors import Refused
from robot.collect.script import MetaWorldScript
from robot.world.embodiments import METAWORLD
from robot.world.experts.metaworld import SENTENCES, metaworld_expert

pytestmark = pytest.mark.filterwarnings("ignore:Constant")


def test_every_task_has_an_expert_and_a_sentence_of_its_own() -> None:
    assert set(SENTENCES) == set(ENV_POLICY_MAP)
    assert len(set(SENTENCES.values())) == len(SENTENCES)


def test_an_unknown_task_is_refused_with_those_there_are() -> None:
    with pytest.raises(Refused) as refused:
        metaworld_expert("juggle-v3")
    assert refused.value.code == "task_unknown" and "drawer-open-v3" in refused.value.sentence


def test_the_action_is_four_numbers_within_the_limits() -> None:
    script = MetaWorldScript("reach-v3")
    script.begin(2)
    action = script.act()
    assert action.shape == (4,)
    assert all(axis.low <= value <= axis.high for axis, value in zip(METAWORLD.action, action, strict=True))
    assert np.linalg.norm(action[:3]) > 0
