"""Rows 51, 52 and 59 of the bad inputs: datasets that lead out of their folder, or would fill memory or disk."""

from __future__ import annotations

import json
import os
import resource
import shutil
import socket
import struct
import threading
from pathlib import Path

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from episodes.data.lerobot import safe_files
from protocol.errors import Refused
from tests.bad_input.lerobot.rig import DATA, EPISODES, VIDEO, changed, judged, refused
from tests.episodes import lerobot_foreign as foreign


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
