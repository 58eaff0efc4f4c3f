"""Rows 55 to 58 of the bad inputs: datasets whose files are cut, whose counts disagree, whose times or pictures do not fit."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from episodes.data.lerobot import video_files
from protocol.errors import Refused
from tests.bad_input.lerobot.rig import DATA, EPISODES, VIDEO, changed, judged, refused
from tests.episodes import lerobot_foreign as foreign


def test_the_dataset_itself_is_good(root: Path) -> None:
    assert len(judged(root).episodes) == 2


@pytest.mark.parametrize("path", [DATA, EPISODES, "meta/tasks.parquet"])
def test_row_55_parquet_without_footer_is_named(root: Path, path: str) -> None:
    """What a killed LeRobot recording leaves."""
    raw = (root / path).read_bytes()
    (root / path).write_bytes(raw[: len(raw) // 2])
    assert refused(root, "parquet_damaged").detail["path"] == path
    (root / path).write_bytes(b"")
    refused(root, "parquet_damaged")


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b"null"])
def test_row_55_info_that_is_no_json_object_is_refused(root: Path, raw: bytes) -> None:
    (root / "meta/info.json").write_bytes(raw)
    with pytest.raises(Refused):
        judged(root)


@pytest.mark.parametrize("values", [{"total_episodes": 3}, {"total_episodes": 1}, {"total_frames": 20}, {"total_episodes": None}])
def test_row_56_counts_that_disagree_are_refused(root: Path, values: dict[str, Any]) -> None:
    foreign.change_info(root, **values)
    refused(root, "count_mismatch")


def test_row_56_episodes_that_are_not_there_are_refused(root: Path) -> None:
    changed(root, DATA, lambda rows: rows[:-1])
    refused(root, "count_mismatch")


@pytest.mark.parametrize("fps", [0, -1, 1e9, None, "30", True, [30]])
def test_row_57_a_rate_that_cannot_be_is_refused(root: Path, fps: object) -> None:
    foreign.change_info(root, fps=fps)
    refused(root, "fps_invalid")


@pytest.mark.parametrize("fps", ["NaN", "Infinity", "-Infinity"])
def test_row_57_a_rate_that_is_no_number_is_refused(root: Path, fps: str) -> None:
    path = root / "meta/info.json"
    path.write_text(path.read_text().replace('"fps": 10', f'"fps": {fps}'))
    refused(root, "fps_invalid")


@pytest.mark.parametrize("time", [0.0, float("nan"), -5.0, float("inf")])
def test_row_57_times_that_run_backwards_are_refused(root: Path, time: float) -> None:
    changed(root, DATA, lambda rows: [row | {"timestamp": time} if number == 5 else row for number, row in enumerate(rows)])
    refused(root, "timestamps_backwards")


def test_row_58_rows_without_pictures_are_refused(root: Path) -> None:
    index = video_files.read_index(root / VIDEO, VIDEO)
    short = root.parent / "short.mp4"
    frames = video_files.pictures(index, 0, 20)
    foreign.encode(frames, short, foreign.WIDTH, foreign.HEIGHT, foreign.Fraction(foreign.FPS), foreign.CODECS["av1"])
    shutil.copy(short, root / VIDEO)
    assert "20 pictures for 21 rows" in refused(root, "video_frames").sentence


@pytest.mark.parametrize("begins", [(0.0, 0.0), (0.0, 0.9), (0.3, 0.0), (0.0, 1.3)])
def test_row_58_pictures_that_two_episodes_share_are_refused(root: Path, begins: tuple[float, float]) -> None:
    """Of 12 and 9 pictures, so many seconds into the file: from one beginning on, overlapping, with a gap."""
    key = f"videos/{foreign.KEY}/from_timestamp"
    changed(root, EPISODES, lambda rows: [row | {key: begin} for row, begin in zip(rows, begins, strict=True)])
    assert "Every row needs its own." in refused(root, "video_frames").sentence


def test_row_58_pictures_may_lie_in_another_order_than_the_rows(root: Path) -> None:
    key = f"videos/{foreign.KEY}/from_timestamp"
    changed(root, EPISODES, lambda rows: [row | {key: begin} for row, begin in zip(rows, (0.9, 0.0), strict=True)])
    index = judged(root).episodes
    assert [episode.videos[foreign.KEY].first for episode in index] == [9, 0]


def test_row_58_pictures_at_another_rate_are_refused(root: Path) -> None:
    index = video_files.read_index(root / VIDEO, VIDEO)
    slow = root.parent / "slow.mp4"
    frames = video_files.pictures(index, 0, 21)
    foreign.encode(frames, slow, foreign.WIDTH, foreign.HEIGHT, foreign.Fraction(5), foreign.CODECS["av1"])
    shutil.copy(slow, root / VIDEO)
    refused(root, "video_times")


def test_row_55_two_columns_of_one_name_are_refused(root: Path) -> None:
    table = pq.read_table(root / DATA)
    pq.write_table(table.append_column("action", table["action"]), root / DATA)
    refused(root, "file_damaged")


@pytest.mark.parametrize("total", ["two", None, 1e400, [2]])
def test_row_56_a_count_that_is_no_number_is_refused_of_older_datasets(tmp_path: Path, total: object) -> None:
    root = foreign.v2(tmp_path / "old").root
    foreign.change_info(root, total_episodes=total)
    refused(root, "count_mismatch")


def test_row_55_an_episode_of_endless_length_is_refused(tmp_path: Path) -> None:
    root = foreign.v2(tmp_path / "old").root
    (root / "meta/episodes.jsonl").write_text('{"episode_index": 0, "length": 1e999}')
    refused(root, "file_damaged")


@pytest.mark.parametrize("version", ["v1.6", "v4.0", "", 3])
def test_a_version_that_is_not_known_is_refused(root: Path, version: object) -> None:
    foreign.change_info(root, codebase_version=version)
    refused(root, "upgrade_required")


@pytest.mark.parametrize("raw", [b"{}", b"not json", b'{"schema": 9}'])
def test_a_damaged_side_file_is_refused(root: Path, raw: bytes) -> None:
    (root / "meta/reins.json").write_bytes(raw)
    refused(root, "side_file")
