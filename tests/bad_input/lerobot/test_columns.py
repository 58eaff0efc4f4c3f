"""Rows 60 and 61 of the bad inputs: datasets whose columns are of another kind or width, or whose statistics are no numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from episodes.data.lerobot import infer
from episodes.models import Episode
from episodes.services.imports import import_lerobot
from fleet.models import Robot
from protocol.errors import Refused
from tests.bad_input.lerobot.rig import DATA, changed, judged, refused
from tests.episodes import lerobot_foreign as foreign
from tests.episodes.rig import world


def test_row_60_an_action_of_another_width_is_refused(root: Path) -> None:
    def wider(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [row | {"action": [*row["action"], 0.0]} for row in rows]

    rows = wider(pq.read_table(root / DATA).to_pylist())
    table = pa.Table.from_pylist(rows)
    fixed = pa.array([row["action"] for row in rows], pa.list_(pa.float64(), 3))
    pq.write_table(table.set_column(table.column_names.index("action"), "action", fixed), root / DATA)
    refused(root, "action_shape")


def with_column(root: Path, key: str, column: Any) -> None:
    table = pq.read_table(root / DATA)
    pq.write_table(table.set_column(table.column_names.index(key), key, column), root / DATA)


ROWS = sum(foreign.LENGTHS)
ODD = {
    "a number where a vector was promised": ("action", pa.array(np.arange(float(ROWS))), "action_shape"),
    "a number where a state was promised": ("observation.state", pa.array(np.arange(float(ROWS))), "feature_shape"),
    "words in the state": ("observation.state", pa.array([["a", "b", "c"]] * ROWS), "file_damaged"),
    "a word for an action": ("action", pa.array(["left"] * ROWS), "file_damaged"),
    "an action of structs": ("action", pa.array([{"x": 1.0, "y": 2.0}] * ROWS), "file_damaged"),
    "no task": ("task_index", pa.nulls(ROWS, pa.int64()), "file_damaged"),
    "a task in words": ("task_index", pa.array(["pick"] * ROWS), "file_damaged"),
    "a task that is no whole number": ("task_index", pa.array([float("nan")] * ROWS), "file_damaged"),
    "episodes in words": ("episode_index", pa.array(["0"] * ROWS), "file_damaged"),
    "times in words": ("timestamp", pa.array([str(row) for row in range(ROWS)]), "file_damaged"),
    "times in lists": ("timestamp", pa.array([[float(row)] for row in range(ROWS)]), "file_damaged"),
}


@pytest.mark.django_db
@pytest.mark.parametrize("odd", ODD)
def test_row_60_columns_of_another_kind_are_refused_before_anything_is_made(
    root: Path, tmp_path: Path, settings: Any, odd: str
) -> None:
    settings.REINS_MEDIA_DIR = tmp_path / "media"
    key, column, code = ODD[odd]
    with_column(root, key, column)
    with pytest.raises(Refused, match=code):
        import_lerobot(root, world().site, "imported", "test")
    assert not Robot.objects.filter(program="import").exists()


def test_row_60_a_success_of_two_numbers_is_refused(root: Path) -> None:
    info = json.loads((root / "meta/info.json").read_text())
    info["features"]["next.success"] = {"dtype": "bool", "shape": [2], "names": None}
    foreign.change_info(root, features=info["features"])
    changed(root, DATA, lambda rows: [row | {"next.success": [True, False]} for row in rows])
    refused(root, "feature_shape")


def test_row_60_words_where_nobody_needs_a_number_stay_behind(root: Path) -> None:
    """Of a name that would mean something if it were a number."""
    info = json.loads((root / "meta/info.json").read_text())
    info["features"]["intervention"] = {"dtype": "string", "shape": [1], "names": None}
    foreign.change_info(root, features=info["features"])
    changed(root, DATA, lambda rows: [row | {"intervention": "by hand"} for row in rows])
    (left,) = judged(root).notes
    assert (left.code, "intervention" in left.sentence) == ("not_kept", True)


@pytest.mark.django_db
@pytest.mark.parametrize("values", [[0.0], [0.0, 0.0, 0.0], [], None])
def test_row_60_a_single_row_of_another_width_is_refused(root: Path, tmp_path: Path, settings: Any, values: Any) -> None:
    """In a column of lists whose type promises no width."""
    settings.REINS_MEDIA_DIR = tmp_path / "media"
    changed(root, DATA, lambda rows: [row | {"action": values} if number == 7 else row for number, row in enumerate(rows)])
    with pytest.raises(Refused, match="action_shape"):
        import_lerobot(root, world().site, "imported", "test")
    assert not Episode.objects.exists()


@pytest.mark.django_db
def test_row_60_an_action_that_is_not_the_robots_is_refused(root: Path, tmp_path: Path, settings: Any) -> None:
    settings.REINS_MEDIA_DIR = tmp_path / "media"
    here = world()
    with pytest.raises(Refused, match="embodiment_differs") as caught:
        import_lerobot(root, here.site, here.robot.name, "test")
    assert "10 rows a second, not 30" in caught.value.sentence
    assert not Episode.objects.exists()
    assert not Robot.objects.filter(program="import").exists()


def test_row_61_statistics_that_are_no_numbers_are_noted_and_counted_anew(root: Path) -> None:
    stats = {
        "action": {"mean": [float("nan"), 0.0], "std": [1.0, 1.0]},
        "observation.state": {"mean": [0.0] * 3, "std": [0.0, 1.0, 1.0]},
        "timestamp": {"mean": [None]},
    }
    (root / "meta/stats.json").write_text(json.dumps(stats))
    notes = {note.code: note.sentence for note in judged(root).notes}
    assert "counted anew" in notes["stats_not_finite"]
    assert "'observation.state'" in notes["stats_no_spread"]


def test_row_61_statistics_as_deep_or_large_as_json_allows_are_noted(root: Path) -> None:
    (root / "meta/stats.json").write_text('{"action": ' + "[" * 900 + "1" + "0" * 400 + "]" * 900 + "}")
    assert "stats_not_finite" in [note.code for note in judged(root).notes]


def test_row_61_a_number_that_never_changes_still_has_limits() -> None:
    span = infer.Span(2, 10.0)
    span.add(np.array([[1.0, np.nan], [1.0, np.nan]]))
    assert span.limits(0) == (0.0, 2.0)
    assert span.limits(1) == (-1.0, 1.0)
    assert span.slew(0) > 0
