"""Models that say actions as words learn from our episodes, by adapters or as a whole; what comes of it is opened like any."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from policies.learning.config import Config, Lora
from policies.learning.folder import CARD
from policies.learning.lora import adapted, folded, learnable
from policies.learning.read import choices
from policies.learning.train import train
from policies.learning.zoo.discrete.config import Column, DiscreteBody
from policies.learning.zoo.discrete.learn import loss_of
from policies.learning.zoo.discrete.policy import open_discrete
from protocol.embodiment import Embodiment
from protocol.episode_folder import META, decode_meta, embodiment_of, hash_file
from protocol.errors import Refused
from protocol.policy import Observation, check_decision
from tests.policies.zoo.speaker import speaker

LORA = Lora(rank=4, alpha=8.0, targets=("q_proj", "v_proj"))
WEIGHTS = "checkpoint/model.safetensors"


@pytest.fixture
def arm(demonstrations: Path) -> Embodiment:
    return embodiment_of(decode_meta((choices(demonstrations)[0].folder / META).read_bytes()))


@pytest.fixture
def words(small: Config, arm: Embodiment, tmp_path: Path) -> Config:
    """A training of such a model on the demonstrations."""
    columns = (Column(axis=arm.action[0].name, factor=4.0), Column(axis=""), Column(axis="gripper"))
    body = DiscreteBody(embodiment=arm, cameras=("scene",), columns=columns, statistics="cubes")
    base = speaker(tmp_path / "base", bodies=(body,))
    learn = msgspec.structs.replace(small.learn, steps=20, rate=1e-2, save_every=10, report_every=1)
    return msgspec.structs.replace(small, base=str(base), lora=LORA, learn=learn)


def seen(arm: Embodiment) -> Observation:
    state = np.zeros(len(arm.state), np.float32)
    return Observation(0, arm.kind, "pick up the red cube", state, {"scene": np.full((48, 64, 3), 90, np.uint8)})


@pytest.mark.parametrize("lora", [LORA, None], ids=["adapters", "whole"])
def test_it_learns_from_episodes_and_is_opened_again(words: Config, arm: Embodiment, lora: Lora | None) -> None:
    said: list[dict[str, Any]] = []
    card = train(msgspec.structs.replace(words, lora=lora), said.append)
    losses = [line["loss"] for line in said if line["event"] == "step"]
    assert len(losses) == 20 and np.mean(losses[-3:]) < np.mean(losses[:3]) - (0.1 if lora else 1)
    policy = open_discrete(Path(words.out))
    [decided] = policy.act([seen(arm)])
    assert check_decision(decided, arm).actions.shape == (2, len(arm.action))
    assert policy.card == card
    assert {"held_out", "held_out_words"} <= set(card.figures)
    before, after = (load_file(Path(folder) / WEIGHTS) for folder in (words.base, words.out))
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert set(before) == set(after)
    if lora is None:
        assert len(changed) > 40
        assert "lora" not in card.training
    else:
        targets = {name for name in before if name.split(".")[-2] in LORA.targets}
        assert {name for name in targets if "language_model" in name} <= changed <= targets  # not all of its eyes are used
        assert (card.training["lora"]["rank"], card.training["lora"]["targets"]) == (4, ["q_proj", "v_proj"])
    assert card.lineage["base"] == {"name": "speaker", "sha256": hash_file(Path(words.base) / CARD).sha256}


def test_the_same_seed_gives_the_same_losses(words: Config, tmp_path: Path) -> None:
    told: list[list[float]] = []
    for name in ("one", "two"):
        said: list[dict[str, Any]] = []
        short = msgspec.structs.replace(words.learn, steps=3)
        train(msgspec.structs.replace(words, learn=short, out=str(tmp_path / name)), said.append)
        told.append([line["loss"] for line in said if line["event"] == "step"])
    assert told[0] == pytest.approx(told[1], abs=1e-5)


def test_merged_it_says_what_it_said_with_adapters(words: Config, arm: Embodiment) -> None:
    policy = open_discrete(Path(words.base))
    [was] = policy.act([seen(arm)])
    adapted(policy.model, LORA)
    torch.manual_seed(0)
    for parameter in learnable(policy.model):
        torch.nn.init.normal_(parameter, std=0.2)
    [told] = policy.act([seen(arm)])
    folded(policy.model)
    [again] = policy.act([seen(arm)])
    assert again.features == pytest.approx(told.features, abs=1e-5)
    assert np.array_equal(again.actions, told.actions)
    assert np.abs(was.features - told.features).max() > 1e-3


def test_numbers_that_are_for_no_axis_are_not_learnt(words: Config, arm: Embodiment) -> None:
    policy = open_discrete(Path(words.base))
    actions = np.zeros((2, len(arm.action)), np.float32)
    loss, _ = loss_of(policy, [(seen(arm), actions)])
    loss.backward()
    given = policy.followed(policy.inputs([seen(arm)]), list(policy.words[arm.kind].ids(actions).reshape(1, -1)))
    told = policy.model(**given).logits[0, -7:-1].log_softmax(-1)
    ids = given["input_ids"][0, -6:]
    by_hand = -torch.stack([told[row, ids[row]] for row in (0, 2, 3, 5)]).mean()
    assert float(loss.detach()) == pytest.approx(float(by_hand.detach()), abs=1e-5)


def test_several_processes_and_other_robots_are_refused(words: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="policy_embodiment"):
        train(msgspec.structs.replace(words, base=str(speaker(tmp_path / "other"))), lambda line: None)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(Refused, match="policy_config"):
        train(words, lambda line: None)
