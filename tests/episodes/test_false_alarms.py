"""What a good episode may do without being named, beside what is just beyond it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from episodes.data.examine import examine
from episodes.data.faults.copy import Copy, open_copy, write_copy
from protocol.embodiment import Quantity
from tests.episodes.moving import HZ, moving


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return moving(tmp_path_factory.mktemp("good"))


def codes(copy: Copy, parent: Path) -> list[str]:
    parent.mkdir(exist_ok=True)
    folder = write_copy(copy, parent)
    return [finding.code for finding in examine(folder, parent / "poster.jpg", parent / "columns.f32").findings]


@pytest.mark.parametrize(
    ("unit", "rows", "beyond", "found"),
    [("N", 1, 0.05, []), ("N", 2, 0.05, ["limit"]), ("N", 1, 0.2, ["limit"]), ("1", 1, 0.05, ["limit"])],
)
def test_a_force_may_peak_for_a_row_and_a_place_may_not(
    good: Path, tmp_path: Path, unit: str, rows: int, beyond: float, found: list[str]
) -> None:
    copy = open_copy(good)
    state = (*copy.embodiment.state[:2], Quantity("grip", unit, 0.0, 1.0))
    copy.embodiment = msgspec.structs.replace(copy.embodiment, state=state)
    copy.columns["state"][:, 2] = 1.0
    copy.columns["state"][40 : 40 + rows, 2] = 1.0 + beyond
    assert codes(copy, tmp_path / "made") == found


def test_an_arm_faster_than_its_limit_does_not_jump_and_one_carried_against_its_motion_does(good: Path, tmp_path: Path) -> None:
    copy = open_copy(good)
    x = copy.columns["state"][:, 0].copy()
    copy.columns["state"][:, 0] = x[0] + 2.0 * (x - x[0])
    steps = np.diff(copy.columns["state"][:, 0]) * HZ / 0.35
    assert np.abs(steps).max() > 1.65
    assert codes(copy, tmp_path / "fast") == []
    copy = open_copy(good)
    row = int(np.abs(np.diff(x)).argmax()) + 1
    copy.columns["state"][row:, 0] -= np.sign(x[row] - x[row - 1]) * 3.0 * 0.35 / HZ
    assert codes(copy, tmp_path / "carried") == ["jump"]


def test_a_late_picture_as_the_arm_sets_off_is_no_frozen_camera(tmp_path: Path) -> None:
    copy = open_copy(moving(tmp_path / "paused", pauses=((1.0, 3.0),)))
    moves = np.flatnonzero(np.abs(np.diff(copy.columns["state"][:, 0])) > 1e-4)
    row = int(moves[moves > 60][0]) + 1
    for camera in copy.meta.cameras:
        pictures = copy.pictures(camera)
        for late in (row, row + 1):
            pictures[late] = pictures[row - 1]
            copy.columns[f"repeated.{camera}"][late] = True
            copy.columns[f"capture_ns.{camera}"][late] = copy.columns[f"capture_ns.{camera}"][row - 1]
    assert codes(copy, tmp_path / "late") == []


def test_what_closing_fingers_change_in_a_picture_is_not_expected_of_an_arm_that_creeps(tmp_path: Path) -> None:
    """The arm creeps while the fingers close and fill both pictures, and later as far again, too little to be seen."""
    copy = open_copy(moving(tmp_path / "grasp", rows=150, pauses=((1.5, 4.0),)))
    row = np.arange(150)
    creeps = ((row >= 50) & (row < 74)) | ((row >= 100) & (row < 104))
    copy.columns["state"][:, 0] += np.cumsum(np.where(creeps, 0.05 * 0.35 / HZ, 0.0))
    closed = np.clip((row - 50) / 24, 0.0, 1.0)
    copy.columns["state"][:, 2] = 0.5 + 0.4 * closed
    for camera in copy.meta.cameras:
        for at, picture in enumerate(copy.pictures(camera)):
            picture[90:118, : round(96 * closed[at])] = 30
    assert codes(copy, tmp_path / "closed") == []


def test_a_camera_that_stands_while_the_arm_creeps_far_is_named_all_the_same(tmp_path: Path) -> None:
    copy = open_copy(moving(tmp_path / "paused", rows=180, pauses=((1.5, 4.5),)))
    row = np.arange(180)
    copy.columns["state"][:, 0] += np.cumsum(np.where((row >= 48) & (row < 134), 0.03 * 0.35 / HZ, 0.0))
    assert set(codes(copy, tmp_path / "creeps")) == {"frozen"}
