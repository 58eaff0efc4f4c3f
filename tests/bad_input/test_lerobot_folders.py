"""Rows 51, 52 and 55 to 61 of the bad inputs: datasets that lead out, lie, or would fill memory or disk."""

from __future__ import annotations

import json
import os
import resource
import shutil
import socket
import struct
import threading
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from episodes.data.lerobot import infer, safe_files, video_files
from episodes.data.lerobot.dataset import DatasetRead
from episodes.data.lerobot.reader import check_all, open_dataset
from episodes.models import Episode
from episodes.services.imports import import_lerobot
from fleet.models import Robot
from protocol.errors import Refused
from tests.episodes import lerobot_foreign as foreign
from tests.episodes.rig import world

VIDEO = f"videos/{foreign.KEY}/chunk-000/file-000.mp4"
DATA = "data/chunk-000/file-000.parquet"
EPISODES = "meta/episodes/chunk-000/file-000.parquet"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return foreign.v3(tmp_path_factory.mktemp("good") / "dataset").root


@pytest.fixture
def root(good: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(good, tmp_path / "dataset"))


def judged(root: Path) -> DatasetRead:
    dataset = open_dataset(root)
    check_all(dataset)
    return dataset


def refused(root: Path, code: str) -> Refused:
    """With a sentence that ends and says more than the code."""
    with pytest.raises(Refused) as caught:
        judged(root)
    assert caught.value.code == code, caught.value.sentence
    assert caught.value.sentence.endswith(".")
    return caught.value


def changed(root: Path, path: str, change: Any) -> None:
    """The parquet file at `path` with `change(rows)` in place of its rows."""
    rows = pq.read_table(root / path).to_pylist()
    pq.write_table(pa.Table.from_pylist(change(rows)), root / path)


def test_the_dataset_itself_is_good(root: Path) -> None:
    assert len(judged(root).episodes) == 2


@pytest.mark.parametrize(
    "pattern",
    ["../secret.parquet", "/etc/passwd", "data/../../secret.parquet", "data//x", "./data", "data/chunk-000/..", "", "a\0b"],
)
def test_row_51_a_path_that_leads_out_is_refused(root: Path, pattern: str) -> None:
    (root.parent / "secret.parquet").write_bytes((root / DATA).read_bytes())
    foreign.change_info(root, data_path=pattern)
    refused(root, "path_outside")


@pytest.mark.parametrize(
    "pattern", ["{chunk_index.__class__}", "{chunk_index!r}", "{0}", "{}", "{unknown}", "{chunk_index:9999999999d}", 7, "x" * 400]
)
def test_row_51_a_pattern_is_no_program(root: Path, pattern: object) -> None:
    foreign.change_info(root, data_path=pattern)
    refused(root, "dataset_info")


def test_row_51_a_camera_whose_name_leads_out_is_refused(root: Path) -> None:
    info = json.loads((root / "meta/info.json").read_text())
    info["features"]["observation.images./../../../x"] = info["features"].pop(foreign.KEY)
    (root / "meta/info.json").write_text(json.dumps(info))
    named = {f"videos/{foreign.KEY}/": "videos/observation.images./../../../x/"}
    changed(root, EPISODES, lambda rows: [{k.replace(*next(iter(named.items()))): v for k, v in row.items()} for row in rows])
    refused(root, "path_outside")


@pytest.mark.parametrize("path", [DATA, VIDEO, EPISODES, "meta/info.json", "meta/tasks.parquet", "data/chunk-000"])
def test_row_51_a_link_is_refused(root: Path, path: str) -> None:
    """Also one in the middle of the path, and one to a file that is good."""
    aside = root.parent / "aside"
    (root / path).rename(aside)
    (root / path).symlink_to(aside)
    refused(root, "path_not_plain")


@pytest.mark.parametrize("path", [DATA, VIDEO])
def test_row_51_a_device_or_pipe_is_refused_without_being_opened(root: Path, path: str) -> None:
    (root / path).unlink()
    os.mkfifo(root / path)  # opening it would hang for ever
    refused(root, "path_not_plain")


def test_row_52_archives_are_not_unpacked(root: Path) -> None:
    archive = root.parent / "dataset.zip"
    shutil.make_archive(str(archive.with_suffix("")), "zip", root)
    assert "Unpack" in refused(archive, "not_a_folder").sentence
    refused(root.parent / "nothing", "not_a_folder")


def test_row_52_what_unpacks_to_too_much_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A parquet file is packed too: its own account of its size is looked at before it is read."""
    pq.write_table(pa.table({"episode_index": np.zeros(2_000_000, np.int64)}), root / DATA)
    monkeypatch.setattr(safe_files, "MOST_TABLE", 1000)
    refused(root, "file_too_large")
    monkeypatch.setattr(safe_files, "MOST_JSON", 10)
    refused(root, "file_too_large")


def test_row_52_what_a_file_says_of_its_size_is_not_believed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal numbers are counted, not repeated, in a file: 32 MB out of some hundred bytes."""
    rows = 2_000_000
    columns = {"episode_index": np.zeros(rows, np.int64), "timestamp": np.zeros(rows), "task_index": np.zeros(rows, np.int64)}
    for key, width in (("observation.state", 3), ("action", 2)):
        columns[key] = pa.FixedSizeListArray.from_arrays(np.zeros(rows * width), width)
    pq.write_table(pa.table(columns), root / "huge.parquet", compression="zstd")
    assert (root / "huge.parquet").stat().st_size < 100_000
    monkeypatch.setattr(safe_files, "MOST_TABLE", 30_000_000)
    safe_files.parquet(root, "huge.parquet")  # by its own account it is small
    with pytest.raises(Refused, match="file_too_large"):
        safe_files.table(root, "huge.parquet", ["episode_index", "timestamp"])
    assert safe_files.table(root, "huge.parquet", ["episode_index"]).num_rows == rows


@pytest.mark.parametrize("kind", [pa.string(), pa.dictionary(pa.int32(), pa.string()), pa.list_(pa.string())])
def test_row_52_one_long_text_in_every_row_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch, kind: pa.DataType) -> None:
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 400, pa.int32()), pa.array(["x" * 100_000]))
    if pa.types.is_list(kind):
        column = pa.ListArray.from_arrays(pa.array(range(0, 401, 400), pa.int32()), texts.cast(pa.string()))
    else:
        column = texts.cast(kind)
    table = pa.table({"task": column, "task_index": np.arange(len(column))})
    pq.write_table(table, root / "meta/tasks.parquet", compression="zstd", dictionary_pagesize_limit=1 << 30)
    assert (root / "meta/tasks.parquet").stat().st_size < 20_000
    monkeypatch.setattr(safe_files, "MOST_TABLE", 10_000_000)
    refused(root, "file_too_large" if kind == pa.string() else "file_damaged")


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


def test_row_59_a_giant_picture_is_refused_before_it_is_decoded(root: Path) -> None:
    wide = np.zeros((16, 16_384, 3), np.uint8)
    frames = [av.VideoFrame.from_ndarray(wide, format="rgb24") for _ in range(21)]
    foreign.encode(frames, root / VIDEO, 16_384, 16, foreign.Fraction(foreign.FPS), foreign.CODECS["h264"])
    assert refused(root, "video_size").detail["path"] == VIDEO


def test_row_59_a_header_of_65535_pixels_a_side_asks_for_no_memory(root: Path) -> None:
    """The container claims it; the pictures themselves know better, and only they are believed."""
    raw = bytearray((root / VIDEO).read_bytes())
    at = raw.rindex(b"av01") + 4 + 24  # the last one is the sample, not the brand
    assert raw[at : at + 4] == struct.pack(">HH", foreign.WIDTH, foreign.HEIGHT)
    raw[at : at + 4] = struct.pack(">HH", 65_535, 65_535)
    (root / VIDEO).write_bytes(raw)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    judged(root)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB; such a picture has 12 GB


@pytest.mark.parametrize("size", [[65_535, 65_535, 3], [48, 66, 3], [1 << 40, 8, 3]])
def test_row_59_a_size_that_is_not_the_videos_is_refused(root: Path, size: list[int]) -> None:
    info = json.loads((root / "meta/info.json").read_text())
    info["features"][foreign.KEY]["shape"] = size
    (root / "meta/info.json").write_text(json.dumps(info))
    with pytest.raises(Refused) as caught:
        judged(root)
    assert caught.value.code in ("video_size", "dataset_info")


def test_row_59_a_playlist_fetches_nothing(root: Path) -> None:
    """An HLS playlist and a list for the concat demuxer, both named .mp4, that point at a listening socket."""
    calls: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.2)
        port = listening.getsockname()[1]

        def listen() -> None:
            try:
                calls.append(listening.accept())
            except TimeoutError:
                return

        thread = threading.Thread(target=listen)
        thread.start()
        for playlist in (
            f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:{port}/a.ts\n#EXT-X-ENDLIST\n",
            f"ffconcat version 1.0\nfile http://127.0.0.1:{port}/a.mp4\n",
        ):
            (root / VIDEO).write_text(playlist)
            refused(root, "video_damaged")
        thread.join()
    assert calls == []


def test_row_59_a_list_of_good_files_is_not_followed(root: Path) -> None:
    """A list for the concat demuxer that names the very file that was there."""
    (root / VIDEO).rename((root / VIDEO).with_name("good.mp4"))
    (root / VIDEO).write_text("ffconcat version 1.0\nfile good.mp4\n")
    refused(root, "video_damaged")


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


@pytest.mark.parametrize("version", ["v1.6", "v4.0", "", 3])
def test_a_version_that_is_not_known_is_refused(root: Path, version: object) -> None:
    foreign.change_info(root, codebase_version=version)
    refused(root, "upgrade_required")


@pytest.mark.parametrize("raw", [b"{}", b"not json", b'{"schema": 9}'])
def test_a_damaged_side_file_is_refused(root: Path, raw: bytes) -> None:
    (root / "meta/reins.json").write_bytes(raw)
    refused(root, "side_file")
