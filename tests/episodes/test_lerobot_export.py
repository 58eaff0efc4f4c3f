"""An export has LeRobot's layout, the recorded numbers and pictures, and survives being killed, cancelled and out of room."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command

from episodes.data.lerobot import pieces
from episodes.data.lerobot.export import export
from episodes.data.lerobot.stats import Column, Pictures, of_vectors
from episodes.data.lerobot.work import Options
from episodes.data.manifest import Manifest
from episodes.services import datasets
from fleet.models import AuditEntry
from protocol.episode_folder import EVENTS, FRAMES, META, check_folder, hash_file, video_path
from protocol.errors import Refused
from tests.episodes import lerobot_rig as rig
from tests.episodes.rig import received, recorded, world

Version = tuple[Manifest, Callable[[str], Path]]


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Version:
    return rig.version(tmp_path_factory.mktemp("recorded"))


@pytest.fixture(scope="module")
def exported(three: Version, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(*three, tmp_path_factory.mktemp("out") / "dataset").folder


def test_every_count_agrees_and_nothing_else_is_left(exported: Path) -> None:
    info = rig.info(exported)
    assert (info["codebase_version"], info["fps"], info["splits"]) == ("v3.0", 30, {"train": "0:3"})
    assert (info["total_episodes"], info["total_frames"], info["total_tasks"]) == (3, 98, 2)
    assert set(rig.rows(exported).column_names) == {key for key, f in info["features"].items() if f["dtype"] != "video"}
    assert [path.name for path in exported.parent.iterdir()] == ["dataset"]
    assert pq.ParquetFile(exported / "data/chunk-000/file-000.parquet").num_row_groups == 3


def test_rows_are_the_recorded_ones(three: Version, exported: Path) -> None:
    rows, at = rig.rows(exported), 0
    tasks = pq.read_table(exported / "meta/tasks.parquet")["task"].to_pylist()
    for number, episode in enumerate(three[0].episodes):
        ours = pq.read_table(three[1](episode.id) / FRAMES)
        theirs = rows.slice(at, episode.rows)
        for mine, key in (("state", "observation.state"), ("action", "action"), ("action_done", "reins.action_done")):
            assert theirs[key].to_pylist() == ours[mine].to_pylist()
        for mine in ("time_ns", "mono_s", "lease_epoch", "lease_seq", "fence", "clamps", "chunk"):
            assert theirs[f"reins.{mine}"].to_pylist() == ours[mine].to_pylist()
        assert theirs["frame_index"].to_pylist() == list(range(episode.rows))
        assert theirs["index"].to_pylist() == list(range(at, at + episode.rows))
        assert set(theirs["episode_index"].to_pylist()) == {number}
        assert [tasks[i] for i in set(theirs["task_index"].to_pylist())] == [episode.instruction]
        at += episode.rows


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1"])
def test_every_picture_is_within_two_grey_levels(three: Version, tmp_path: Path, codec: str) -> None:
    root = export(*three, tmp_path / "dataset", Options(codec=codec)).folder
    for episode, row in zip(three[0].episodes, rig.episodes(root), strict=True):
        for camera in rig.CAMERAS:
            ours = rig.shown(three[1](episode.id) / video_path(camera)).astype(float)
            theirs = rig.pictures(root, row, camera)
            assert theirs.shape == ours.shape
            assert np.abs(theirs - ours).mean(axis=(1, 2, 3)).max() < 2


def test_copied_pictures_are_bit_equal_and_made_without_encoding(
    three: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "encode", None)
    done = export(*three, tmp_path / "dataset", Options(copy=True))
    assert done.copied == 6
    for episode, row in zip(three[0].episodes, rig.episodes(done.folder), strict=True):
        for camera in rig.CAMERAS:
            ours = rig.shown(three[1](episode.id) / video_path(camera))
            assert np.array_equal(rig.pictures(done.folder, row, camera), ours)


@pytest.mark.parametrize("copy", [False, True])
def test_a_trim_leaves_the_rows_and_pictures_between(tmp_path: Path, copy: bool) -> None:
    """One trim begins at a key frame, so it can be copied; the other is encoded anew and lies in the same file."""
    folders = [recorded(tmp_path / str(n), "robot1", 40) for n in range(2)]
    kept = [rig.kept(folders[0], 15, 30), rig.kept(folders[1], 7, 20)]
    version = rig.manifest(kept, folders[0])
    by_id = {folder.name: folder for folder in folders}
    done = export(version, by_id.__getitem__, tmp_path / "dataset", Options(copy=copy))
    assert (done.rows, done.copied) == (30, 2 if copy else 0)
    for episode, row in zip(version.episodes, rig.episodes(done.folder), strict=True):
        ours = rig.shown(by_id[episode.id] / video_path("scene")).astype(float)[episode.first : episode.last + 1]
        assert np.abs(rig.pictures(done.folder, row, "scene") - ours).mean() < 2
        rows = rig.rows(done.folder).slice(row["dataset_from_index"], row["length"])
        table = pq.read_table(by_id[episode.id] / FRAMES).slice(episode.first, episode.rows)
        assert rows["reins.mono_s"].to_pylist() == table["mono_s"].to_pylist()
        assert rows["timestamp"][0].as_py() == 0.0


def test_validation_episodes_come_last_or_alone(three: Version, tmp_path: Path) -> None:
    episodes = [msgspec.structs.replace(three[0].episodes[0], split="validation"), *three[0].episodes[1:]]
    version = msgspec.structs.replace(three[0], episodes=tuple(episodes))
    whole = export(version, three[1], tmp_path / "whole", Options(copy=True)).folder
    assert [episode["kept"]["split"] for episode in rig.side(whole)["episodes"]] == ["train", "train", "validation"]
    part = export(version, three[1], tmp_path / "part", Options(copy=True, split="validation"))
    assert (part.episodes, part.rows) == (1, episodes[0].rows)


def test_the_side_file_knows_the_rest_but_no_names(three: Version, exported: Path, tmp_path: Path) -> None:
    side = rig.side(exported)
    assert (side["manifest"], side["embodiment_hash"]) == (three[0].digest, three[0].embodiment_hash)
    assert side["pilots"] == ["operator", "policy", "primitive", "script", "hold"]
    assert side["episodes"][0]["meta"]["people"][0]["name"] == ""
    assert b"Mina" not in (exported / "meta/reins.json").read_bytes()
    named = export(*three, tmp_path / "named", Options(copy=True, names=True)).folder
    assert rig.side(named)["episodes"][0]["meta"]["people"][0]["name"] == "Mina"


def test_statistics_are_those_of_the_values_and_pictures(three: Version, exported: Path) -> None:
    stats = json.loads((exported / "meta/stats.json").read_text())
    states = np.array(rig.rows(exported)["observation.state"].to_pylist())
    assert stats["observation.state"]["mean"] == pytest.approx(states.mean(axis=0))
    assert stats["observation.state"]["std"] == pytest.approx(states.std(axis=0))
    assert stats["observation.state"]["q99"] == pytest.approx(np.quantile(states, 0.99, axis=0))
    seen = np.concatenate([rig.shown(three[1](e.id) / video_path("scene")) for e in three[0].episodes]) / 255
    scene = stats["observation.images.scene"]
    assert np.array(scene["mean"]).shape == (3, 1, 1)
    assert np.ravel(scene["std"]) == pytest.approx(seen.std(axis=(0, 1, 2)), abs=1e-6)
    assert np.ravel(scene["q50"]) == pytest.approx(np.quantile(seen, 0.5, axis=(0, 1, 2)), abs=1 / 255)


def test_statistics_leave_out_what_is_no_number() -> None:
    found = of_vectors(np.array([[1.0, np.nan, np.nan], [3.0, np.inf, np.nan]]))
    assert (found["mean"], found["max"], found["count"]) == ([2.0, 0.0, 0.0], [3.0, 0.0, 0.0], [2])


def test_statistics_of_very_many_rows_stay_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("episodes.data.lerobot.stats.MOST_ROWS", 100)
    column = Column()
    for start in range(0, 1000, 30):
        column.add(np.arange(start, min(1000, start + 30), dtype=float))
    found = column.stats()
    assert found["count"] == [1000]
    assert found["q50"][0] == pytest.approx(500, abs=15)


def test_picture_statistics_do_not_overflow() -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint8)[None, :, None], (4, 1, 3))
    seen = Pictures()
    seen.add(ramp)
    assert np.ravel(seen.stats()["std"]) == pytest.approx(np.arange(256).std() / 255)


def test_a_cancelled_export_goes_on_where_it_was(three: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, int]] = []
    encoded: list[Path] = []
    asked = threading.Event()
    real = pieces.encode

    def encode(frames: Any, path: Path, *rest: Any) -> None:
        encoded.append(path)
        if len(encoded) > 2:  # both cameras of the first episode are done: now somebody cancels
            assert asked.wait(60)
        real(frames, path, *rest)

    def cancelled() -> bool:
        if len(encoded) > 2 and not asked.is_set():
            asked.set()
            return True
        return False

    monkeypatch.setattr(pieces, "encode", encode)
    monkeypatch.setattr(pieces, "TELL_S", 0.01)
    with pytest.raises(Refused, match="cancelled"):
        export(*three, tmp_path / "dataset", Options(workers=1), lambda *at: told.append(at), cancelled)
    assert not (tmp_path / "dataset").exists()
    encoded.clear()
    root = export(*three, tmp_path / "dataset", Options(workers=1), lambda *at: told.append(at)).folder
    assert 0 < len(encoded) < 6
    assert told[-1] == (196, 196)
    assert rig.info(root)["total_frames"] == 98
    assert [path.name for path in tmp_path.iterdir()] == ["dataset"]


def test_progress_is_told_by_the_thread_that_asked(three: Version, tmp_path: Path) -> None:
    """A listener may then write to a database."""
    threads = set()
    export(*three, tmp_path / "dataset", Options(workers=2), lambda done, total: threads.add(threading.get_ident()))
    assert threads == {threading.get_ident()}


def test_no_two_files_go_to_the_disk_without_a_word_between(
    three: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow disk takes seconds for each; whoever watches takes longer silence for death."""
    heard: list[str] = []
    flush = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (heard.append("disk"), flush(fd)))
    export(*three, tmp_path / "dataset", Options(copy=True), lambda done, total: heard.append("told"))
    flushed = [number for number, what in enumerate(heard) if what == "disk"]
    assert len(flushed) > 5
    assert all(heard[number + 1] == "told" for number in flushed[:-1])


def test_other_settings_begin_anew(three: Version, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cancelled"):
        export(*three, tmp_path / "dataset", Options(workers=1), cancelled=iter([False, True]).__next__)
    done = export(*three, tmp_path / "dataset", Options(copy=True))
    assert done.copied == 6


def test_two_exports_to_one_folder_are_told_apart(three: Version, tmp_path: Path) -> None:
    def again(done: int, total: int) -> None:
        with pytest.raises(Refused, match="export_running"):
            export(*three, tmp_path / "dataset")

    root = export(*three, tmp_path / "dataset", Options(copy=True), again).folder
    with pytest.raises(Refused, match="folder_exists"):
        export(*three, root)


def test_a_changed_byte_is_named_before_anything_is_made(tmp_path: Path) -> None:
    version, folder = rig.version(tmp_path / "recorded", (20,))
    damaged = folder(version.episodes[0].id) / video_path("wrist")
    raw = bytearray(damaged.read_bytes())
    raw[-5] ^= 1
    damaged.write_bytes(raw)
    with pytest.raises(Refused, match="episode_changed") as refused:
        export(version, folder, tmp_path / "dataset")
    assert refused.value.detail["path"] == "video/wrist.mp4"
    assert not (tmp_path / "dataset").exists()


def test_lines_that_are_no_events_stay_behind(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Their hashes are right, so that an episode that came with them may be in a version: it can still be exported."""
    version, folder_of = rig.version(tmp_path / "recorded", (20,))
    folder = folder_of(version.episodes[0].id)
    whole = (folder / EVENTS).read_bytes()
    odd = b"\n".join(
        [b"", b"not json", b"[1]", b"\xff\xfe", b"[" * 5000, b'{"time_ns": "now"}', b'{"time_ns": null}', b'{"time_ns": 1.5}']
    )
    (folder / EVENTS).write_bytes(whole + odd + b"\n" + b'{"time_ns": 5, "event": "said", "episode_index": 7}\n')
    meta = rig.meta_of(folder)
    meta = msgspec.structs.replace(meta, files={**meta.files, EVENTS: hash_file(folder / EVENTS)})
    (folder / META).write_bytes(msgspec.json.encode(meta))
    check_folder(folder)
    root = export(rig.manifest([rig.kept(folder)], folder), folder_of, tmp_path / "dataset", Options(copy=True)).folder
    lines = [json.loads(line) for line in (root / "meta/reins_events.jsonl").read_bytes().splitlines()]
    assert [line["event"] for line in lines] == [json.loads(line)["event"] for line in whole.splitlines()] + ["said"]
    assert {line["episode_index"] for line in lines} == {0}
    assert f"episode {folder.name}: 8 lines" in caplog.text


def test_a_rate_that_lerobot_cannot_say_is_refused(three: Version, tmp_path: Path) -> None:
    version = msgspec.structs.replace(three[0], embodiment=three[0].embodiment | {"record_hz": 29.97})
    with pytest.raises(Refused, match="rate_not_whole"):
        export(version, three[1], tmp_path / "dataset")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    (disk := tmp_path / "disk").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(disk)], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_is_said_and_the_export_goes_on_with_room(three: Version, small_disk: Path) -> None:
    with pytest.raises(Refused, match="storage_full"):
        export(*three, small_disk / "dataset")
    assert not (small_disk / "dataset").exists()
    subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)
    assert rig.info(export(*three, small_disk / "dataset").folder)["total_frames"] == 98


@pytest.mark.django_db
def test_the_command_takes_a_manifest_too(
    three: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("episodes.storage.folder", three[1])
    (tmp_path / "version.json").write_bytes(three[0].encode())
    call_command("export_lerobot", str(tmp_path / "version.json"), str(tmp_path / "dataset"), "--copy")
    assert "3 episodes, 98 rows, 196 pictures, 6 videos copied" in capsys.readouterr().out
    with pytest.raises(CommandError, match="exists already"):
        call_command("export_lerobot", str(tmp_path / "version.json"), str(tmp_path / "dataset"))
    with pytest.raises(CommandError, match="no frozen version"):
        call_command("export_lerobot", "nothing:1", str(tmp_path / "other"))


@pytest.mark.django_db
def test_the_command_exports_a_frozen_version_by_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = world()
    for number in range(2):
        received(recorded(tmp_path / str(number), here.robot.pk, 20), here.robot)
    dataset = datasets.make(here.mina, here.site.organisation, None, "tabletop", follows=True)
    version = datasets.freeze(dataset, "to start with", here.mina)
    call_command("export_lerobot", "tabletop:1", str(tmp_path / "out"), "--copy")
    assert "2 episodes, 40 rows" in capsys.readouterr().out
    assert rig.side(tmp_path / "out")["manifest"] == version.digest
    assert AuditEntry.objects.filter(act="dataset_exported").exists()
    version.withdraw("a person's data had to go")
    with pytest.raises(CommandError, match="withdrawn"):
        call_command("export_lerobot", "tabletop", str(tmp_path / "again"))
