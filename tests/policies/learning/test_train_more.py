"""What a training can do besides: end early, begin with what is easy, learn in several processes, show what it sees."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest

from policies.learning.config import Config, Lesson
from policies.learning.folder import CARD, read_card
from policies.learning.policy import open_policy
from policies.learning.preprocess import Preprocess
from policies.learning.progress import Learning
from policies.learning.read import choices, read
from policies.learning.train import train
from policies.learning.vla import Vla
from policies.learning.windows import lesson, scales_of, windows_of
from protocol.episode_folder import hash_file
from protocol.errors import Refused


def changed(config: Config, **learn: Any) -> Config:
    return msgspec.structs.replace(config, learn=msgspec.structs.replace(config.learn, **learn))


def test_a_training_that_gets_no_better_ends_early_and_keeps_its_best(small: Config) -> None:
    said: list[dict[str, Any]] = []
    hopeless = changed(small, steps=40, save_every=2, patience=2, rate=0.3, warmup=1)

    train(hopeless, said.append)

    errors = [line["held_out"] for line in said if line["event"] == "checked"]
    last = next(line for line in reversed(said) if line["event"] == "done")
    assert last["step"] < 40
    assert errors[-1] == min(errors)  # of the weights that are kept
    assert read_card(Path(small.out)).figures["held_out"] == errors[-1]


def test_patience_is_counted_on_over_a_kill(small: Config) -> None:
    learning = Learning(Vla.__new__(Vla), Vla.__new__(Vla), None, waited=2)  # type: ignore[arg-type]
    assert learning.ended(changed(small, patience=2).learn)
    assert not learning.ended(changed(small, patience=3).learn)


def test_the_curriculum_decides_which_tasks_are_drawn_until_when(demonstrations: Path, small: Config) -> None:
    train(small, lambda line: None)
    model = open_policy(Path(small.out)).model.config
    episodes = [read(choice, model) for choice in choices(demonstrations)]
    windows = windows_of(episodes, Preprocess(model, scales_of(episodes, model)), 0)
    learn = changed(small, steps=10, curriculum=(Lesson(until=0.5, tasks={"reach": 1.0}),)).learn

    easy, later = lesson(windows, learn, 4), lesson(windows, learn, 5)

    drawn = {windows.tasks[episode] for episode in windows.episode[easy > 0]}
    assert drawn == {"reach"} and easy.sum() == pytest.approx(1)
    assert np.array_equal(later, windows.chance)


def test_a_curriculum_of_tasks_that_are_not_there_is_refused_before_it_begins(small: Config) -> None:
    said: list[dict[str, Any]] = []
    with pytest.raises(Refused) as refused:
        train(changed(small, curriculum=(Lesson(until=1.0, tasks={"fold": 1.0}),)), said.append)
    assert refused.value.code == "policy_config" and "fold" in refused.value.sentence
    assert {line["event"] for line in said} == {"reading"}


def test_two_processes_learn_as_one(small: Config, tmp_path: Path) -> None:
    """With real processes that average their gradients; what comes out is as good as what one learns."""
    path = tmp_path / "config.json"
    path.write_bytes(msgspec.json.encode(changed(small, bf16=False)))
    command = ["-m", "torch.distributed.run", "--standalone", "--local-addr", "127.0.0.1", "--nproc-per-node", "2"]
    here = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}

    done = subprocess.run(
        [sys.executable, *command, "-m", "policies.learning.train", str(path)],
        capture_output=True,
        text=True,
        env=here,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert next(line for line in said if line["event"] == "began")["processes"] == 2
    assert [line["step"] for line in said if line["event"] == "step"] == list(range(1, 13))  # one of them speaks
    alone = msgspec.structs.replace(changed(small, bf16=False), out=str(tmp_path / "alone"))
    train(alone, lambda line: None)
    together, single = (read_card(Path(config.out)).figures["held_out"] for config in (small, alone))
    assert together == pytest.approx(single, rel=0.3)


ABORTS = """
import atexit, os, sys
from policies.learning import child, train
train.main = lambda argv: sys.stdout.write(argv[0])
atexit.register(os.abort)
child.main(["2", "word"])
"""


def test_one_of_several_processes_ends_without_what_an_orderly_end_would_trip_over() -> None:
    here = {**os.environ, "RANK": "0", "WORLD_SIZE": "2"}
    done = subprocess.run([sys.executable, "-c", ABORTS], capture_output=True, text=True, env=here, check=False)
    assert (done.returncode, done.stdout) == (4, "word")


def test_a_batch_that_cannot_be_shared_is_refused(small: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    from policies.learning import train as training
    from policies.learning.several import Several, torch

    monkeypatch.setattr(training, "join", lambda wanted: Several(0, 3, torch.device("cpu")))
    monkeypatch.setattr(Several, "leave", lambda self: None)
    with pytest.raises(Refused) as refused:
        train(small, lambda line: None)
    assert refused.value.code == "policy_config" and "3 processes" in refused.value.sentence


def test_a_gpu_that_is_not_there_is_said(small: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    with pytest.raises(Refused) as refused:
        train(changed(small, device="cuda"), lambda line: None)
    assert refused.value.code == "gpu_absent"


def test_what_it_sees_is_kept_beside_the_pictures_at_every_check(small: Config, tmp_path: Path) -> None:
    folder = tmp_path / "samples"
    train(msgspec.structs.replace(small, samples=str(folder)), lambda line: None)

    frames = json.loads((folder / "frames.json").read_text())
    said = [json.loads(line) for line in (folder / "said.jsonl").read_text().splitlines()]
    assert [line["step"] for line in said] == [4, 8, 12]
    assert len(frames) == len(said[0]["said"]) == 1  # one episode was set aside
    for truth, answer in zip(frames, said[-1]["said"], strict=True):
        assert truth["target"] in ("blue cube", "green cylinder", "red cube", "yellow cube")
        assert truth["target"] in truth["instruction"].lower()
        assert set(truth["cameras"]) == set(answer["keypoints"]) == {"scene", "wrist"}
        assert all(0 <= share <= 1 for point in answer["keypoints"]["scene"] for share in point)
        left, top, right, bottom = truth["boxes"]["scene"]
        assert left < right and top < bottom
    picture = cv2.imread(str(folder / "0.scene.jpg"))
    assert picture.shape == (24, 32, 3)


def test_every_line_says_what_the_curves_need(small: Config) -> None:
    said: list[dict[str, Any]] = []
    train(small, said.append)
    step = next(line for line in said if line["event"] == "step")
    assert {"loss", "loss_action", "loss_waypoint", "gradient", "samples_per_s", "memory_mb", "rate"} <= set(step)
    assert step["memory_mb"] > 50
    checked = next(line for line in said if line["event"] == "checked")
    assert {"held_out", "held_out_action", "held_out_waypoint"} <= set(checked)


def test_what_a_base_was_shown_counts_as_shown(small: Config, demonstrations: Path, tmp_path: Path) -> None:
    train(small, lambda line: None)
    reach = next(c.folder for c in choices(demonstrations) if read(c, open_policy(Path(small.out)).model.config).task == "reach")
    lineage: dict[str, Any] = {"dataset": "corrections 3"}
    more = msgspec.structs.replace(
        changed(small, held_out=0.0, steps=2), base=small.out, episodes=str(reach), out=str(tmp_path / "more"), name="cubes"
    )
    card = train(msgspec.structs.replace(more, lineage=dict(lineage)), lambda line: None)
    lineage |= {"base": {"name": "policy", "sha256": hash_file(Path(small.out) / CARD).sha256}}
    assert (card.name, card.skills, card.lineage) == ("cubes", ("lift", "reach"), lineage)
    assert json.loads((tmp_path / "more" / CARD).read_text())["lineage"] == lineage
