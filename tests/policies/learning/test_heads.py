"""Every head learns which action belongs to which state, and those that sample keep two good ways apart."""

from __future__ import annotations

import pytest
import torch

from policies.learning.heads.registry import HEADS, make_head

WIDTH, AXES, CHUNK = 64, 3, 4


def learnt(name: str, hidden: torch.Tensor, actions: torch.Tensor, mask: torch.Tensor, steps: int) -> torch.nn.Module:
    torch.manual_seed(0)
    head = make_head(name, WIDTH, AXES, CHUNK)
    optimiser = torch.optim.Adam(head.parameters(), 3e-3)
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        rows = torch.randint(len(hidden), (64,), generator=generator)
        loss = head.loss(hidden[rows], actions[rows], mask[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return head


@pytest.mark.parametrize("name", HEADS)
def test_a_head_learns_what_follows_from_the_state(name: str) -> None:
    torch.manual_seed(2)
    hidden = torch.randn(8, CHUNK, WIDTH)
    actions = torch.randn(8, CHUNK, AXES).clamp(-1.5, 1.5)
    head = learnt(name, hidden, actions, torch.ones_like(actions), 400)
    with torch.no_grad():
        told = head.act(hidden, torch.Generator().manual_seed(0))
    assert told.shape == actions.shape
    assert (told - actions).abs().mean() < 0.15


@pytest.mark.parametrize("name", HEADS)
def test_what_is_masked_is_not_learnt(name: str) -> None:
    head = make_head(name, WIDTH, AXES, CHUNK)
    hidden, mask = torch.randn(4, CHUNK, WIDTH), torch.ones(4, CHUNK, AXES)
    mask[..., 2] = 0
    actions, other = torch.randn(4, CHUNK, AXES), torch.zeros(4, CHUNK, AXES)
    other[..., :2] = actions[..., :2]
    torch.manual_seed(0)
    first = head.loss(hidden, actions, mask)
    torch.manual_seed(0)
    if not head.samples:
        assert torch.allclose(first, head.loss(hidden, other, mask))
    first.backward()
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in head.parameters())


@pytest.mark.parametrize("name", [name for name in HEADS if name != "regression"])
def test_of_two_good_ways_one_is_taken_and_not_the_middle(name: str) -> None:
    hidden = torch.zeros(64, CHUNK, WIDTH)
    side = torch.tensor([-1.0, 1.0]).repeat(32)[:, None, None]
    actions = side.expand(64, CHUNK, AXES).contiguous()
    head = learnt(name, hidden, actions, torch.ones_like(actions), 400)
    with torch.no_grad():
        told = head.act(hidden, torch.Generator().manual_seed(0))
    assert (told.abs() > 0.6).float().mean() > 0.8
