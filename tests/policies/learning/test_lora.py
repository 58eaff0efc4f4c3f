"""Low-rank adapters on our own model: the base stays, the additions learn, and what comes of it is an ordinary policy."""

from __future__ import annotations

import copy
from dataclasses import fields
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from policies.learning.checkpoint import load_policy
from policies.learning.config import Config, Lora, read_config
from policies.learning.folder import CARD, WEIGHTS
from policies.learning.lora import adapted, learnable, merged
from policies.learning.preprocess import Preprocess
from policies.learning.train import train
from policies.learning.vla import Encoded
from policies.serving.warming import example
from protocol.episode_folder import hash_file
from protocol.errors import Refused
from tests.policies.learning.test_train import lines, losses
from tests.policies.rig import untrained

LORA = Lora(rank=3, alpha=6.0, targets=("qkv", "think.0", "head.out"))


@pytest.fixture
def base(small: Config, tmp_path: Path) -> Config:
    """A training that goes on from a small one with adapters."""
    first = msgspec.structs.replace(small, out=str(tmp_path / "base"), learn=msgspec.structs.replace(small.learn, steps=4))
    train(first, lambda line: None)
    learn = msgspec.structs.replace(small.learn, bf16=False, rate=3e-3)
    return msgspec.structs.replace(small, base=first.out, lora=LORA, learn=learn)


def targeted(name: str) -> bool:
    return any(name.endswith(f"{target}.weight") for target in LORA.targets)


def test_nothing_but_the_adapted_layers_changes_and_that_by_no_more_than_their_rank(base: Config) -> None:
    train(base, lambda line: None)
    before, after = (load_file(Path(folder) / WEIGHTS) for folder in (base.base, base.out))
    assert set(before) == set(after)
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed == {name for name in before if targeted(name)}
    for name in changed:
        values = np.linalg.svd(after[name].astype(np.float64) - before[name], compute_uv=False)
        assert values[0] > 1e-4 > 100 * values[LORA.rank : LORA.rank + 1].sum()


def test_the_card_says_base_and_rank(base: Config) -> None:
    card = train(base, lambda line: None)
    model, _, was = load_policy(Path(base.base))
    assert card.parameters == was.parameters
    assert card.lineage["base"] == {"name": "base", "sha256": hash_file(Path(base.base) / CARD).sha256}
    count = sum(parameter.numel() for parameter in learnable(adapted(model, LORA)))
    told = {"rank": 3, "alpha": 6.0, "targets": ["qkv", "think.0", "head.out"], "parameters": count}
    assert card.training["lora"] == told and 0 < count < was.parameters


def test_a_merged_model_does_what_the_adapted_one_did(tmp_path: Path) -> None:
    model, scales, _ = load_policy(untrained(tmp_path / "base"))
    plain = copy.deepcopy(model)
    adapted(model, LORA)
    torch.manual_seed(1)
    for parameter in learnable(model):
        torch.nn.init.normal_(parameter, std=0.3)
    given = Preprocess(model.config, scales).inputs([example(model.config.bodies[0])])
    with torch.inference_mode():
        was, told, again = (one.encode(given) for one in (plain, model.eval(), merged(model)))
        acted, acts = model.act(told), merged(model).act(again)
    for part in fields(Encoded):
        assert torch.allclose(getattr(told, part.name), getattr(again, part.name), atol=1e-5)
    assert torch.allclose(acted, acts, atol=1e-5)
    assert not torch.allclose(was.actions, told.actions, atol=1e-2)
    assert list(merged(model).state_dict()) == list(plain.state_dict())


def test_a_killed_training_with_adapters_goes_on_as_if_it_had_not_been(base: Config, tmp_path: Path) -> None:
    whole = losses(lines(base))
    again = msgspec.structs.replace(base, out=str(tmp_path / "again"))
    before, after = losses(lines(again, until=6)), losses(lines(again))
    assert min(after) == 5
    assert all(loss == pytest.approx(whole[step], abs=1e-3) for step, loss in (before | after).items())


def test_what_cannot_be_adapted_is_refused(base: Config) -> None:
    for wrong in (
        msgspec.structs.replace(base, base=""),
        msgspec.structs.replace(base, lora=Lora(targets=("q_proj",))),
        msgspec.structs.replace(base, lora=Lora(targets=("norm",))),
    ):
        with pytest.raises(Refused, match="policy_config"):
            train(wrong, lambda line: None)
    for wrong_raw in (b"[lora]\nrank = 0", b"[lora]\nalpha = 0.0", b"[lora]\ntargets = []"):
        with pytest.raises(Refused, match="policy_config"):
            read_config(wrong_raw)
    assert read_config(b"[lora]\nrank = 8").lora == Lora(rank=8)
