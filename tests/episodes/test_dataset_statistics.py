"""Statistics of columns: distributions between limits, where the gripper went."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from episodes.data.statistics import BINS, Kept, coverage, joints, read_columns

NAMES = ("tool_x", "tool_y", "tool_z", "gripper")


def kept(path: list[tuple[float, float, float]], gripper: list[float] | None = None) -> Kept:
    described: list[dict[str, Any]] = [{"kind": "state", "name": name, "unit": "m", "low": -1.0, "high": 1.0} for name in NAMES]
    fingers = gripper or [0.0] * len(path)
    return Kept(described, np.array([*zip(*path, strict=True), fingers], np.float32))


def line(n: int, off: float = 0.0) -> list[tuple[float, float, float]]:
    return [(i / n, off, 0.2) for i in range(n)]


def test_a_distribution_counts_between_the_limits_and_leaves_out_what_is_no_number() -> None:
    episode = kept([(-1.0, 0.0, 0.0), (1.0, 0.0, 0.0), (float("nan"), 0.0, 0.0), (5.0, 0.0, 0.0)])
    x, y, *_ = joints([episode])
    assert (x["counts"][0], x["counts"][BINS - 1], sum(x["counts"])) == (1, 2, 3)
    assert (x["min"], x["max"], y["mean"], y["sd"]) == (-1.0, 5.0, 0.0, 0.0)


def test_coverage_counts_each_episode_once_a_cell_and_marks_where_a_gripper_closed() -> None:
    found = coverage([kept(line(200), [0.0] * 100 + [1.0] * 100), kept(line(200))])
    assert found is not None
    assert np.max(found["cells"]) == 2
    assert found["closings"] == [[0.5, 0.0]]
    assert (found["low"][0], found["episodes"]) == (pytest.approx(-0.02), 2)
    assert coverage([Kept([], np.zeros((0, 5), np.float32))]) is None


def test_columns_are_read_between_the_rows_kept_or_not_at_all(tmp_path: Path) -> None:
    described = [{"kind": "state", "name": "q", "unit": "", "low": 0.0, "high": 1.0}] * 2
    path = tmp_path / "columns.f32"
    np.arange(20, dtype="<f4").tofile(path)
    found = read_columns(path, described, 10, 2, 4)
    assert found is not None and found.values.tolist() == [[2, 3, 4], [12, 13, 14]]
    assert read_columns(path, described, 9, 0, 3) is None
    assert read_columns(tmp_path / "none", described, 10, 0, 3) is None
