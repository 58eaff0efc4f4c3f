"""Training: from real episodes to a folder that serves; killed and gone on with it is the same training."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from safetensors.numpy import load_file

from episodes.data.manifest import Manifest, ManifestEpisode
from policies.learning import train as training
from policies.learning.checkpoint import load_policy
from policies.learning.config import Config, read_config
from policies.learning.folder import CARD, WEIGHTS, read_card
from policies.learning.policy import open_policy
from policies.learning.read import choices, read
from policies.learning.train import train
from protocol.episode_folder import META, decode_meta, hash_file
from protocol.errors import Refused
from protocol.policy import Observation, check_decision


class Killed(Exception):
    pass


def lines(config: Config, until: int | None = None) -> list[dict[str, Any]]:
    """What a training reports; it is killed after `until` batches."""
    said: list[dict[str, Any]] = []

    def hear(line: dict[str, Any]) -> None:
        said.append(line)
        if until is not None and line.get("step") == until and line["event"] == "step":
            raise Killed

    try:
        train(config, hear)
    except Killed:
        assert until is not None
    return said


def losses(said: list[dict[str, Any]]) -> dict[int, float]:
    return {line["step"]: line["loss"] for line in said if line["event"] == "step"}


def test_a_killed_training_goes_on_with_the_same_batches(small: Config, tmp_path: Path) -> None:
    whole = losses(lines(small))
    again = msgspec.structs.replace(small, out=str(tmp_path / "again"))
    before, after = losses(lines(again, until=6)), losses(lines(again))
    assert sorted(before) == [1, 2, 3, 4, 5, 6]
    assert sorted(after) == list(range(5, 13))  # from the checkpoint after 4
    for step, loss in (before | after).items():
        assert loss == pytest.approx(whole[step], abs=1e-3)
    assert not list(tmp_path.glob("*training*"))  # what going on needed has gone
    first, second = (load_file(Path(config.out) / WEIGHTS) for config in (small, again))
    assert all(np.allclose(first[name], second[name], atol=1e-3) for name in first)


def test_what_was_learnt_answers_in_the_robots_own_units(small: Config) -> None:
    train(small, lambda line: None)
    policy = open_policy(Path(small.out))
    body = policy.model.config.bodies[0].embodiment
    recorded = read(choices(Path(small.episodes))[0], policy.model.config)
    pictures = {camera: recorded.pictures[camera][0] for camera in ("scene", "wrist")}
    one = Observation(0, body.kind, recorded.instruction, recorded.state[0], pictures)
    first, second = policy.act([one, one])
    assert check_decision(first, body).actions.shape == (8, 7)
    assert np.allclose(first.actions, second.actions, atol=1e-5)
    assert first.reasoning is not None and first.reasoning.waypoint_m is not None
    assert all(abs(value) < 2 for value in first.reasoning.waypoint_m)
    assert len(first.reasoning.keypoints["scene"]) == 4


@pytest.mark.parametrize("fault", ["kind", "shape", "nan", "camera"])
def test_an_observation_of_something_else_is_refused(small: Config, fault: str) -> None:
    train(small, lambda line: None)
    policy = open_policy(Path(small.out))
    body = policy.model.config.bodies[0].embodiment
    state = np.zeros(len(body.state), np.float32)
    pictures = {camera.name: np.zeros((48, 64, 3), np.uint8) for camera in body.cameras}
    kind = body.kind
    if fault == "kind":
        kind = "0" * 64
    elif fault == "shape":
        state = state[:-1]
    elif fault == "nan":
        state[3] = np.nan
    else:
        del pictures["wrist"]
    with pytest.raises(Refused) as refused:
        policy.act([Observation(0, kind, "Lift the red cube", state, pictures)])
    assert refused.value.code == ("policy_embodiment" if fault == "kind" else "policy_input")


def test_a_flipped_byte_and_a_missing_file_are_found_at_load(small: Config) -> None:
    train(small, lambda line: None)
    weights = Path(small.out) / WEIGHTS
    raw = bytearray(weights.read_bytes())
    raw[len(raw) // 2] ^= 1
    weights.write_bytes(raw)
    with pytest.raises(Refused, match="other bytes") as refused:
        load_policy(Path(small.out))
    assert refused.value.code == "policy_damaged"
    weights.unlink()
    with pytest.raises(Refused) as missing:
        read_card(Path(small.out))
    assert missing.value.code == "policy_missing"


def test_the_card_says_what_went_in(small: Config) -> None:
    card = train(small, lambda line: None)
    assert read_card(Path(small.out)) == card
    assert card.data["episodes"] == 3
    assert card.skills == ("lift", "reach")
    assert any("cube" in said or "cylinder" in said for said in card.instructions)
    assert "held_out_action" in card.figures
    assert not (Path(small.out) / CARD).read_text().count("NaN")


def test_a_loss_that_is_no_number_ends_the_training(small: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    wild = msgspec.structs.replace(small, learn=msgspec.structs.replace(small.learn, rate=1e30, warmup=1, clip=1e30, bf16=False))
    with pytest.raises(Refused) as refused:
        train(wild, lambda line: None)
    assert refused.value.code == "training_diverged"
    assert not Path(small.out).exists()


def frozen(folder: Path) -> Path:
    """A manifest beside the episodes of `folder`, as freezing makes it; the last five rows of each are cut off."""
    metas = [decode_meta((one / META).read_bytes()) for one in sorted(folder.iterdir()) if one.is_dir()]
    entries = tuple(
        ManifestEpisode(
            id=meta.id,
            files={META: hash_file(folder / meta.id / META).sha256} | {path: file.sha256 for path, file in meta.files.items()},
            first=0,
            last=meta.rows - 6,
            instruction="Lift it",
            outcome="success",
        )
        for meta in sorted(metas, key=lambda meta: meta.id)
    )
    manifest = Manifest(embodiment_hash=metas[0].embodiment_hash, embodiment=metas[0].embodiment, episodes=entries)
    (folder / "manifest.json").write_bytes(manifest.encode())
    return folder / "manifest.json"


def test_a_version_is_read_as_it_was_frozen_and_a_flipped_byte_is_named_before_it_is_used(small: Config, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(small.episodes, tmp_path / "dataset"))
    manifest = frozen(folder)
    chosen = choices(manifest)
    assert {choice.instruction for choice in chosen} == {"Lift it"}
    version = msgspec.structs.replace(small, episodes=str(manifest))
    card = train(version, lambda line: None)
    assert card.instructions == ("Lift it",)
    video = chosen[1].folder / "video" / "wrist.mp4"
    raw = bytearray(video.read_bytes())
    raw[len(raw) // 2] ^= 1
    video.write_bytes(raw)
    said: list[dict[str, Any]] = []
    with pytest.raises(Refused, match=f"video/wrist.mp4 of episode {chosen[1].folder.name} has other bytes") as refused:
        train(msgspec.structs.replace(version, out=str(tmp_path / "second")), said.append)
    assert refused.value.code == "dataset_damaged"
    assert said == []


def test_a_policy_that_is_there_is_not_overwritten_and_nothing_is_read_for_it(small: Config) -> None:
    Path(small.out).mkdir()
    with pytest.raises(Refused) as refused:
        train(msgspec.structs.replace(small, episodes="nowhere"), lambda line: None)
    assert refused.value.code == "policy_exists"


def test_what_another_configuration_kept_is_not_gone_on_with(small: Config) -> None:
    lines(small, until=6)
    other = msgspec.structs.replace(small, learn=msgspec.structs.replace(small.learn, seed=1))
    with pytest.raises(Refused) as refused:
        train(other, lambda line: None)
    assert refused.value.code == "training_changed"


@pytest.mark.parametrize(
    "change", [{"id": "../../../etc"}, {"files": {"../secret": "0" * 64}}, {"first": 40, "last": 20}, {"last": 100_000}]
)
def test_a_manifest_that_leads_out_or_beyond_is_refused(small: Config, tmp_path: Path, change: dict[str, Any]) -> None:
    folder = Path(shutil.copytree(small.episodes, tmp_path / "dataset"))
    manifest = frozen(folder)
    raw = msgspec.json.decode(manifest.read_bytes())
    raw["episodes"][0] |= change
    manifest.write_bytes(msgspec.json.encode(raw))
    with pytest.raises(Refused) as refused:
        train(msgspec.structs.replace(small, episodes=str(manifest)), lambda line: None)
    assert refused.value.code == "dataset_damaged"


@pytest.mark.parametrize(
    "wrong",
    ["[learn]\nsteps = 0", "[learn]\nrate = -1.0", "[learn]\nema = 1.0", "[learn]\nshift = -1", "[model]\nchunk = 0",
     "[model]\nhead = 'best'", "[learn]\nbatch = 99999", "[[model.slots]]\nname = 'a'\nwidth = 0", "\xff"],
)  # fmt: skip
def test_a_number_that_cannot_be_is_refused(wrong: str) -> None:
    with pytest.raises(Refused) as refused:
        read_config(wrong.encode("latin-1"))
    assert refused.value.code == "policy_config"


def test_heads_that_do_not_divide_the_width_are_refused(small: Config) -> None:
    odd = msgspec.structs.replace(small, model=msgspec.structs.replace(small.model, attention_heads=5))
    with pytest.raises(Refused) as refused:
        train(odd, lambda line: None)
    assert refused.value.code == "policy_config"


def test_nothing_to_learn_from_is_said(small: Config, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(Refused) as refused:
        train(msgspec.structs.replace(small, episodes=str(empty)), lambda line: None)
    assert refused.value.code == "dataset_empty"


def test_a_configuration_with_a_wrong_word_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        read_config(b"[learn]\nstepps = 3\n")
    assert refused.value.code == "policy_config" and "stepps" in refused.value.sentence


@pytest.mark.parametrize("words", [[], ["nowhere.toml"]])
def test_the_command_asks_for_a_configuration(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert training.main(words) == 1
    assert msgspec.json.decode(capsys.readouterr().out)["code"] == "policy_config"


def test_the_command_says_how_it_failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'episodes = "{tmp_path}"\nout = "{tmp_path}/policy"\n')
    assert training.main([str(config)]) == 1
    assert msgspec.json.decode(capsys.readouterr().out.splitlines()[-1])["code"] == "dataset_empty"
