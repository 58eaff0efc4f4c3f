"""Demonstrations in lock step: whole episode folders, simulated times, clean labels beside what was done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from protocol.embodiment import Embodiment
from protocol.episode import EpisodeMeta
from protocol.episode_folder import FRAMES, check_folder
from robot.collect.collector import Collector
from robot.collect.script import Script, open_script
from robot.collect.size import resized
from robot.world.variation import Variable, Variation

START_NS = 1_790_000_000_000_000_000
ROBOT = "c" * 32


@pytest.fixture(scope="module")
def script() -> Script:
    return open_script("tabletop", "lift")


@pytest.fixture(scope="module")
def body(script: Script) -> Embodiment:
    return resized(script.world.embodiment, 64, 64)


def collector(script: Script, body: Embodiment, home: Path) -> Collector:
    about = {"body": "simulated", "world": "tabletop", "task": "lift", "randomise": False}
    return Collector(script, body, home, ROBOT, about, lambda: START_NS)


@pytest.fixture(scope="module")
def made(script: Script, body: Embodiment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The episode folder of seed 4."""
    home = tmp_path_factory.mktemp("home")
    collecting = collector(script, body, home)
    result = collecting.collect(4)
    assert result.outcome == "success"
    yield home / "episodes" / result.episode
    collecting.close()


def column(folder: Path, name: str) -> NDArray[np.float64]:
    return np.array(pq.read_table(folder / FRAMES, columns=[name])[name].to_pylist())


def numbers(folder: Path) -> pa.Table:
    """All columns but those that a script leaves unknown."""
    return pq.read_table(folder / FRAMES).drop_columns(["latency_ms", "uncertainty"])


def test_the_folder_is_whole_and_says_what_it_shows(made: Path, body: Embodiment) -> None:
    meta: EpisodeMeta = check_folder(made)
    assert (meta.robot, meta.outcome, meta.cut, meta.people) == (ROBOT, "success", False, ())
    assert meta.embodiment_hash == body.hash and meta.embodiment["name"] == "tabletop"
    assert meta.world["target"] in meta.instruction
    assert {"world": "tabletop", "task": "lift", "seed": 4, "body": "simulated"}.items() <= meta.world.items()
    assert meta.rows_lost == 0 and set(meta.frames_repeated.values()) == {0}


def test_times_are_those_of_the_simulation(made: Path) -> None:
    rows = len(column(made, "index"))
    assert column(made, "mono_s") == pytest.approx(np.arange(rows) / 30)
    times = column(made, "time_ns") - START_NS
    assert (times == np.round(np.arange(rows) * 1e9 / 30)).all()
    late = times - (column(made, "capture_ns.scene") - START_NS)
    assert (late >= 0).all() and (late < 10_000_000).all()


def test_every_row_says_that_a_script_drove(made: Path) -> None:
    assert set(column(made, "pilot")) == {"script"}


def test_labels_are_clean_while_what_was_done_is_disturbed(made: Path, script: Script) -> None:
    script.begin(4)
    first = np.asarray(script.act(), dtype=np.float32)
    asked, done = column(made, "action"), column(made, "action_done")
    assert (asked[0] == first).all()
    assert np.abs(asked[:, :3]).max() <= 0.29  # the expert's own speed, which no noise exceeds
    apart = np.abs(asked - done)[:, :3].max(axis=1)
    early, late = apart[: 14 * 3], apart[-20:]
    assert early.max() > 0.08 and late.max() < 0.08


def test_one_seed_gives_the_same_rows_and_another_does_not(made: Path, script: Script, body: Embodiment, tmp_path: Path) -> None:
    collecting = collector(script, body, tmp_path)
    other, again = (tmp_path / "episodes" / collecting.collect(seed).episode for seed in (5, 4))
    collecting.close()
    assert numbers(again).equals(numbers(made))
    assert (again / "video/scene.mp4").read_bytes() == (made / "video/scene.mp4").read_bytes()
    assert not numbers(other).equals(numbers(made))


def test_a_failed_attempt_leaves_nothing_unless_it_is_wanted(
    script: Script, body: Embodiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "limit_s", 0.5)
    collecting = collector(script, body, tmp_path)
    assert collecting.collect(4).episode == "" and not list(tmp_path.glob("*/*"))
    kept = collecting.collect(4, keep_failure=True)
    collecting.close()
    assert kept.outcome == "failure"
    assert check_folder(tmp_path / "episodes" / kept.episode).outcome == "failure"


def test_what_a_kill_left_half_made_is_forgotten(script: Script, body: Embodiment, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "half.log").write_bytes(b"REINSLG1")
    (tmp_path / "episodes" / ".new-half").mkdir(parents=True)
    collector(script, body, tmp_path).close()
    assert not list(tmp_path.glob("*/*")) and not list(tmp_path.glob("episodes/.*"))


def test_a_varied_world_is_recorded_with_how_it_was_varied(script: Script, body: Embodiment, tmp_path: Path) -> None:
    about = {"world": "tabletop", "task": "lift", "randomise": True}
    collecting = Collector(script, body, tmp_path, ROBOT, about, lambda: START_NS)
    metas = [check_folder(tmp_path / "episodes" / collecting.collect(seed).episode) for seed in (1, 2)]
    collecting.close()
    Variable(script.model).vary(None)
    first, second = (msgspec.convert(meta.world["variation"], Variation) for meta in metas)
    assert first != second
    assert first.friction != 1.0 and set(first.cameras) == {"scene", "wrist"}


@pytest.mark.filterwarnings("ignore:Constant")
def test_a_task_of_metaworld_is_recorded_by_its_own_expert(tmp_path: Path) -> None:
    script = open_script("metaworld", "drawer-open-v3")
    body = resized(script.world.embodiment, 64, 64)
    about = {"body": "simulated", "world": "metaworld", "task": "drawer-open-v3", "randomise": False}
    collecting = Collector(script, body, tmp_path, ROBOT, about, lambda: START_NS)
    result = collecting.collect(1)
    collecting.close()
    assert result.outcome == "success"
    folder = tmp_path / "episodes" / result.episode
    meta = check_folder(folder)
    assert (meta.instruction, meta.embodiment["name"], meta.cameras) == ("Open the drawer", "metaworld", ("scene",))
    assert column(folder, "action").shape == (meta.rows, 4)
    limits = np.array([(axis.low, axis.high) for axis in body.action], dtype=np.float32)
    assert (column(folder, "action") >= limits[:, 0]).all() and (column(folder, "action") <= limits[:, 1]).all()
    assert set(column(folder, "pilot")) == {"script"}
