"""Vision-language models that say actions as words: against words decoded by hand, and everything that must not be loaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

from policies.learning.folder import CARD, CONFIG
from policies.learning.zoo import sealed
from policies.learning.zoo.discrete.config import Column, Words, read, read_statistics
from policies.learning.zoo.discrete.policy import DiscretePolicy, open_discrete
from policies.learning.zoo.registry import open_kind
from policies.services import registry
from protocol.errors import Refused
from protocol.inference import Chunk
from protocol.policy import Observation, check_decision
from robot.pilot.local import open_local
from tests.episodes.rig import World
from tests.policies.serving.rig import POLICY, Ear, Server, client, leave, question
from tests.policies.zoo.speaker import BODY, END, PLAIN, config, speaker
from tests.robot.recorder.rig import SMALL


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return speaker(tmp_path_factory.mktemp("zoo") / "speaker")


@pytest.fixture(scope="module")
def policy(folder: Path) -> DiscretePolicy:
    return open_discrete(folder)


def observation(instruction: str = "pick up the red cube", seed: int = 1) -> Observation:
    rows = np.random.default_rng(seed)
    images = {camera.name: rows.integers(0, 255, (24, 32, 3)).astype(np.uint8) for camera in SMALL.cameras}
    return Observation(5, SMALL.kind, instruction, np.zeros(3, np.float32), images)


def words(folder: Path) -> Words:
    return Words(config(), BODY, read_statistics(folder / "checkpoint/dataset_statistics.json", BODY), END)


def slowly(policy: DiscretePolicy, one: Observation) -> tuple[np.ndarray, np.ndarray]:
    """The likeliest action words, one pass through the whole model for each; and the last layer where the question ends."""
    given = policy.inputs([one])
    asked, features = given["input_ids"].shape[1], None
    with torch.inference_mode():
        for _ in range(6):
            out = policy.model(**given, output_hidden_states=True)
            features = out.hidden_states[-1][0, -1].numpy() if features is None else features
            given = policy.followed(given, [[PLAIN + int(out.logits[0, -1, PLAIN:END].argmax())]])
    assert features is not None
    return given["input_ids"][0, asked:].numpy(), features


def test_the_words_are_numbers_as_the_published_models_have_them(folder: Path) -> None:
    ids = np.array([[END - 1, END - 1, END - 1], [END - 255, END - 256, END - 255], [END - 128, END - 2, END - 128]])
    ends = 254 / 255  # the middle of the outermost bins
    wide = (ends + 1) / 2 * 0.5 - 0.2
    assert words(folder).actions(ids) == pytest.approx(
        np.array([[0.5 * (0.1 - wide), 0.5 + 0.5 * ends], [0.5 * wide, 0.5 - 0.5 * ends], [0.025, 0.5]]), abs=1e-6
    )


def test_an_action_comes_back_from_its_words_within_half_a_bin(folder: Path) -> None:
    rows = np.random.default_rng(0)
    actions = np.stack([rows.uniform(-0.1, 0.15, 99), rows.uniform(0, 1, 99)], 1).astype(np.float32)
    ids = words(folder).ids(actions)
    assert ((ids >= PLAIN) & (ids < END)).all()
    assert np.abs(words(folder).actions(ids) - actions).max(0) == pytest.approx([0.25 / 510, 1 / 510], rel=0.3)
    assert np.isfinite(words(folder).actions(words(folder).ids(1e6 * actions))).all()


def test_it_says_the_likeliest_action_words(policy: DiscretePolicy, folder: Path) -> None:
    one = observation()
    [decided] = policy.act([one])
    ids, features = slowly(policy, one)
    assert decided.actions == pytest.approx(words(folder).actions(ids.reshape(2, 3)))
    assert decided.features == pytest.approx(features, abs=1e-5)
    assert decided.dt_s == 0.1 and 0 < decided.scores["action_words"] < 1
    assert check_decision(decided, SMALL) is decided


def test_robots_of_one_batch_do_not_change_each_others_actions(policy: DiscretePolicy) -> None:
    batch = [observation(), observation("reach for the cube", 2), observation("", 3)]
    together = policy.act(batch)
    for one, told in zip(batch, together, strict=True):
        [alone] = policy.act([one])
        assert np.array_equal(alone.actions, told.actions)
        assert alone.features == pytest.approx(told.features, abs=1e-4)
    assert not np.array_equal(together[0].features, together[1].features)


def test_ids_that_follow_the_question_are_seen(folder: Path, policy: DiscretePolicy, tmp_path: Path) -> None:
    more = open_discrete(speaker(tmp_path / "more", after=(3,), lower=False))
    assert more.inputs([observation()])["input_ids"][0, -1] == 3
    assert not np.array_equal(more.act([observation()])[0].features, policy.act([observation()])[0].features)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"kind": "another"}, "policy_embodiment"),
        ({"images": {}}, "policy_input"),
        ({"images": {"scene": np.zeros((4, 4), np.uint8)}}, "policy_input"),
        ({"instruction": "pick up <image> the cube"}, "policy_input"),
        ({"instruction": "pick up</s>"}, "policy_input"),
    ],
)
def test_what_it_was_not_made_for_is_refused(policy: DiscretePolicy, change: dict[str, Any], code: str) -> None:
    one = observation()
    fields = {name: getattr(one, name) for name in ("captured_ns", "kind", "instruction", "state", "images")}
    with pytest.raises(Refused) as refused:
        policy.act([Observation(**{**fields, **change})])
    assert refused.value.code == code


# -- what must not be loaded ------------------------------------------------------------------------------------------


def told(path: Path, **fields: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **fields}))


def _pickled(folder: Path) -> None:
    (folder / "checkpoint/pytorch_model.bin").write_bytes(b"\x80\x04}.")


def _renamed(folder: Path) -> None:
    (folder / "checkpoint/model.safetensors").write_bytes(b"\x80\x04}.")


def _code(folder: Path) -> None:
    (folder / "checkpoint/modeling.py").write_text("raise SystemExit")


def _adapter(folder: Path) -> None:
    (folder / "checkpoint/adapter_config.json").write_text("{}")


def _kernel(folder: Path) -> None:
    told(folder / "checkpoint/config.json", text_config={"_attn_implementation": "somebody/kernel"})


def _mapped(folder: Path) -> None:
    told(folder / "checkpoint/config.json", auto_map={"AutoConfig": "somebody/code--configuration.Config"})


def _processor(folder: Path) -> None:
    told(folder / "checkpoint/processor_config.json", auto_map={"AutoProcessor": "processing.Processor"})


def _bare(folder: Path) -> None:
    (folder / "checkpoint/model.safetensors").unlink()


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (_pickled, "policy_pickle"),
        (_renamed, "policy_pickle"),
        (_code, "policy_code"),
        (_adapter, "policy_adapter"),
        (_kernel, "policy_code"),
        (_mapped, "policy_code"),
        (_processor, "policy_code"),
        (_bare, "policy_missing"),
    ],
)
def test_a_checkpoint_that_could_run_code_is_not_opened(tmp_path: Path, spoil: Callable[[Path], None], code: str) -> None:
    folder = speaker(tmp_path / "speaker")
    spoil(folder)
    with pytest.raises(Refused) as refused:
        open_kind(folder)
    assert refused.value.code == code


def _touched(folder: Path) -> None:
    told(folder / "checkpoint/dataset_statistics.json", more={})


def _unlisted(folder: Path) -> None:
    (folder / "checkpoint/more.txt").write_text("more")


def _wider(folder: Path) -> None:
    told(folder / "checkpoint/config.json", image_seq_length=7, text_config={"model_type": "llama", "hidden_size": 48})
    sealed.seal(folder, sealed.Card(kind="discrete", name="x", parameters=0))


def _deeper(folder: Path) -> None:
    shape = json.loads((folder / "checkpoint/config.json").read_bytes())
    told(folder / "checkpoint/config.json", text_config={**shape["text_config"], "num_hidden_layers": 3})
    sealed.seal(folder, sealed.Card(kind="discrete", name="x", parameters=0))


def _unknown(folder: Path) -> None:
    told(folder / "checkpoint/config.json", model_type="openvla")
    sealed.seal(folder, sealed.Card(kind="discrete", name="x", parameters=0))


@pytest.mark.parametrize("spoil", [_touched, _unlisted, _wider, _deeper, _unknown])
def test_a_checkpoint_that_is_not_what_its_card_and_configuration_say_is_damaged(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    folder = speaker(tmp_path / "speaker")
    spoil(folder)
    with pytest.raises(Refused) as refused:
        open_kind(folder)
    assert refused.value.code == "policy_damaged"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"auto_map": {}}, "policy_damaged"),
        ({"bodies": []}, "policy_config"),
        ({"prompt": "go"}, "policy_config"),
        ({"bodies": [msgspec.structs.replace(BODY, cameras=("nowhere",))]}, "policy_config"),
        ({"bodies": [msgspec.structs.replace(BODY, cameras=())]}, "policy_config"),
        ({"bodies": [msgspec.structs.replace(BODY, columns=(Column(axis="wing"),))]}, "policy_config"),
        ({"bodies": [msgspec.structs.replace(BODY, columns=(Column(axis="vx", factor=0),))]}, "policy_config"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(fields: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as refused:
        read(msgspec.json.encode({**msgspec.to_builtins(config()), **fields}))
    assert refused.value.code == code


@pytest.mark.parametrize(
    "fields", [{"end": END + 99}, {"bodies": (msgspec.structs.replace(BODY, statistics="towels"),)}, {"end": 40}]
)
def test_words_or_statistics_that_are_not_there_are_refused(tmp_path: Path, fields: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="policy_config"):
        open_discrete(speaker(tmp_path / "speaker", **fields))


def test_a_folder_is_looked_through_before_it_gets_its_card(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = speaker(tmp_path / "speaker")
    (folder / CARD).unlink()
    (folder / "checkpoint/LICENSE").write_text("MIT")
    arguments = [str(folder), "--name", "cubes", "--licence", "MIT", "--skills", "reach", "--objects", "red cube"]
    assert sealed.main(arguments) == 0
    card = open_discrete(folder).card
    assert (card.kind, card.name, card.licence) == ("discrete", "cubes", "MIT")
    assert (card.skills, card.objects) == (("reach",), ("red cube",))
    assert card.parameters > 50_000 and set(card.files) > {CONFIG, "checkpoint/model.safetensors"}
    _code(folder)
    assert sealed.main(arguments) == 1
    assert "never run" in capsys.readouterr().err


# -- in the registry, and on a worker ---------------------------------------------------------------------------------


def test_it_is_brought_in_like_any_other_and_a_worker_serves_it(here: World, folder: Path) -> None:
    row = registry.bring(folder, here.site.organisation, None)
    assert (row.shown, row.kinds, row.skills) == ("speaker 1", [SMALL.kind], ["reach"])
    assert row.cameras == {SMALL.kind: {"scene": [64, 48]}}
    assert row.size_bytes == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    client().flushall()
    server, ear = Server(row.folder, "s1", POLICY, "--most", "2"), Ear()
    server.says("ready")
    leave(question("one"))
    _, chunk = ear.next()
    ear.close()
    server.kill()
    assert isinstance(chunk, Chunk)
    assert (chunk.axes, len(chunk.actions), chunk.doubt) == (2, 2 * 2 * 4, None)


def test_the_robot_can_run_it_by_itself(folder: Path) -> None:
    alone, usual = open_local(folder)
    assert usual is None
    assert alone.act([observation()])[0].actions.shape == (2, 2)


def test_a_checkpoint_with_code_is_not_brought_in(here: World, tmp_path: Path) -> None:
    folder = speaker(tmp_path / "speaker")
    _code(folder)
    with pytest.raises(Refused, match="policy_code"):
        registry.bring(folder, here.site.organisation, None)
