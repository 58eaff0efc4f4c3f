"""Real-time chunking: what is under way is gone on with, and only by heads that can."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from policies.learning.config import Body, CameraSlot, ModelConfig
from policies.learning.folder import Card
from policies.learning.policy import VlaPolicy
from policies.learning.preprocess import scale_of
from policies.learning.realtime import BETA, Held, strength, weights
from policies.learning.vla import Vla
from protocol.errors import Refused
from protocol.policy import Observation
from robot.world.embodiments import TABLETOP
from tests.policies.learning.test_heads import AXES, CHUNK, WIDTH, learnt


def test_what_is_certain_weighs_fully_and_what_is_far_nothing() -> None:
    told = weights(2, 5, 12)
    assert told[:2].tolist() == [1.0, 1.0] and told[5:].tolist() == [0.0] * 7
    assert all(a > b for a, b in pairwise(told[1:6]))
    left = (5 - 3) / (5 - 2 + 1)
    assert told[3] == pytest.approx(left * (math.exp(left) - 1) / (math.e - 1))
    assert weights(0, 0, 4).tolist() == [0.0] * 4
    assert weights(1, 4, 4).tolist()[2:] == [0.0, 0.0]  # half of a chunk is always free
    assert weights(9, 3, 4).tolist() == [0.0] * 4  # nothing of it would be in time
    assert weights(3, 8, 8)[:3].tolist() == [1.0, 1.0, 1.0]


def test_guidance_is_bounded_near_the_noise_and_fades_near_the_actions() -> None:
    assert strength(0.0) == BETA
    assert strength(0.01) == BETA
    assert strength(0.5) == pytest.approx(0.5 / (0.5 * 0.5))
    assert strength(1.0) == BETA or strength(1.0) >= 0.0
    assert all(0 <= strength(step / 8) <= BETA for step in range(8))


def test_of_two_good_ways_the_one_under_way_is_gone_on_with() -> None:
    hidden = torch.zeros(64, CHUNK, WIDTH)
    side = torch.tensor([-1.0, 1.0]).repeat(32)[:, None, None]
    actions = side.expand(64, CHUNK, AXES).contiguous()
    head = learnt("flow", hidden, actions, torch.ones_like(actions), 400)
    generator = torch.Generator().manual_seed(0)
    free = head.act(hidden, generator)
    weight = torch.from_numpy(weights(1, 3, CHUNK))[None, :, None].expand(64, CHUNK, AXES)
    for way in (-1.0, 1.0):
        told = head.act_on(hidden, Held(torch.full_like(actions, way), weight), generator)
        assert told.requires_grad is False
        assert ((told - way).abs() < 0.5).float().mean() > 0.9
    nothing = Held(torch.zeros_like(actions), torch.zeros_like(actions))
    again = head.act_on(hidden, nothing, torch.Generator().manual_seed(5))
    with torch.no_grad():
        assert torch.allclose(again, head.act(hidden, torch.Generator().manual_seed(5)), atol=1e-5)
    assert (free > 0).float().mean() not in (0.0, 1.0)


def policy(head: str) -> VlaPolicy:
    torch.manual_seed(0)
    slots = (CameraSlot(name="scene", width=32, height=24), CameraSlot(name="wrist", width=32, height=24))
    body = Body(embodiment=TABLETOP, proprioception=("tool_x", "gripper"), cameras={"scene": "scene", "wrist": "wrist"})
    config = ModelConfig(head=head, width=32, keypoints=4, slots=slots, objects=("red cube",), bodies=(body,))  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    scale = scale_of(body, rng.random((9, 2), np.float32), rng.random((9, 7), np.float32), np.zeros((0, 3), np.float32))
    model = Vla(config)
    return VlaPolicy(model, (scale,), Card(name="small", parameters=1), torch.Generator().manual_seed(3))


def observation(prefix: object = None, delay_steps: int = 0) -> Observation:
    picture = np.zeros((24, 32, 3), np.uint8)
    held = None if prefix is None else np.asarray(prefix, np.float32)
    state = np.zeros(len(TABLETOP.state), np.float32)
    return Observation(1, TABLETOP.kind, "Lift it", state, {"scene": picture, "wrist": picture}, held, delay_steps)


def test_a_policy_with_a_flow_head_goes_on_from_the_prefix_and_others_of_the_batch_are_free() -> None:
    flow = policy("flow")
    held = np.tile(np.linspace(0.2, 0.8, 7), (6, 1))
    free, guided = flow.act([observation(), observation(held, 2)])
    off = np.abs(guided.actions[:2] - held[:2]).mean(), np.abs(free.actions[:2] - held[:2]).mean()
    assert off[0] < off[1] / 2
    assert np.isfinite(guided.actions).all() and guided.actions.shape == free.actions.shape
    (alone,) = flow.act([observation(held, 2)])
    assert np.abs(alone.actions[:2] - held[:2]).mean() < off[1] / 2


def test_heads_that_cannot_be_guided_answer_as_ever() -> None:
    plain = policy("regression")
    one, other = plain.act([observation(), observation(np.ones((6, 7)), 2)])
    assert np.allclose(one.actions, other.actions, atol=1e-5)


@pytest.mark.parametrize("prefix", [np.zeros((6, 5)), np.full((6, 7), np.nan), np.zeros(7)])
def test_a_prefix_that_is_none_is_refused(prefix: object) -> None:
    with pytest.raises(Refused, match="policy_input"):
        policy("flow").act([observation(prefix)])
