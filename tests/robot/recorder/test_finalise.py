"""A log becomes an episode: whole or not at all, whatever happens in between."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pyarrow.parquet as pq
import pytest

from protocol.episode import Masked
from protocol.episode_folder import check_folder
from protocol.errors import Refused
from robot.frame_ring import BLIND
from robot.recorder.finalise import Home, finalise
from robot.recorder.ticks import NewPicture, TickMaker
from tests.robot.recorder.rig import SMALL, START_NS, log_of, picture, recorder, recover, row, ticks


def test_an_episode_has_as_many_rows_as_frames_of_each_camera(tmp_path: Path) -> None:
    rec = recorder(tmp_path)
    rec.start("Put the cube in the tray", START_NS, "Mina")
    for tick in ticks(47):
        rec.tick(tick)
    folder = rec.stop("success")
    meta = check_folder(folder)
    assert (meta.rows, meta.outcome, meta.cut) == (47, "success", False)
    assert meta.instruction == "Put the cube in the tray"
    assert meta.seconds == pytest.approx(47 / 30)
    assert [(p.id, p.name, p.frames) for p in meta.people] == [("p1", "Mina", 47)]
    assert meta.frames_repeated == {"scene": 0, "wrist": 4}
    for name in ("scene", "wrist"):
        with av.open(str(folder / "video" / f"{name}.mp4")) as container:
            frames = list(container.decode(video=0))
            assert len(frames) == 47
            assert [frame.pts for frame in frames] == [i * frames[1].pts for i in range(47)]
            assert not any(frame.pict_type == av.video.frame.PictureType.B for frame in frames)


def test_the_pictures_and_the_rows_are_those_that_were_given(tmp_path: Path) -> None:
    rec = recorder(tmp_path)
    rec.start("", START_NS)
    for tick in ticks(30):
        rec.tick(tick)
    folder = rec.stop()
    table = pq.read_table(folder / "frames.parquet").to_pydict()
    assert table["index"] == list(range(30))
    assert table["pilot"] == ["operator"] * 30
    assert table["lease_epoch"] == [4] * 30
    assert table["state"][7][2] == pytest.approx(0.007)
    assert table["action"][5] != table["action_done"][5]
    assert [i for i, repeated in enumerate(table["repeated.wrist"]) if repeated] == [9, 19, 29]
    assert table["capture_ns.wrist"][8] == table["capture_ns.wrist"][9] == START_NS + 8
    with av.open(str(folder / "video" / "scene.mp4")) as container:
        for number, frame in enumerate(container.decode(video=0)):
            shown = frame.to_ndarray(format="yuv420p")[:48]
            assert np.abs(shown.astype(int) - picture(number)[:48]).mean() < 6


def test_keys_come_every_fifteen_frames_and_the_index_stands_in_front(tmp_path: Path) -> None:
    rec = recorder(tmp_path)
    folder = rec.home.episodes / finalised(rec).id
    raw = (folder / "video" / "scene.mp4").read_bytes()
    assert raw.index(b"moov") < raw.index(b"mdat")
    with av.open(str(folder / "video" / "scene.mp4")) as container:
        keys = [i for i, packet in enumerate(p for p in container.demux(video=0) if p.size) if packet.is_keyframe]
    assert keys == [0, 15]


def finalised(rec, step=lambda _: None):  # type: ignore[no-untyped-def]
    meta = rec.save(log_of(rec), step)
    assert meta is not None
    return meta


STEPS = ("read", "hashed", "written", "read_back", "renamed", "log_removed")
CRASH = """
import os, sys
from pathlib import Path
from robot.recorder.finalise import Home, finalise
finalise(Home(Path(sys.argv[1])), Path(sys.argv[2]), lambda step: os._exit(9) if step == sys.argv[3] else None)
"""


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_between_any_two_steps_leaves_one_whole_episode_in_the_end(tmp_path: Path, step: str) -> None:
    rec = recorder(tmp_path)
    log = log_of(rec)
    died = subprocess.run([sys.executable, "-c", CRASH, str(tmp_path), str(log), step], check=False)
    assert died.returncode == 9
    for folder in rec.home.saved():  # whatever bears an episode's name is whole, even now
        check_folder(folder)
    again = recorder(tmp_path)
    for left in again.left_over():
        recover(again, left)
        assert again.take.state == "saved"
    (folder,) = again.home.saved()
    assert check_folder(folder).rows == 20
    assert not check_folder(folder).cut
    assert os.listdir(again.home.logs) == []
    assert [name for name in os.listdir(again.home.episodes) if name.startswith(".")] == []


def test_an_episode_cut_by_a_crash_is_kept_and_marked(tmp_path: Path) -> None:
    rec = recorder(tmp_path)
    rec.start("Wipe the mat", START_NS)
    for tick in ticks(33):
        rec.tick(tick)
    log = rec.home.log(rec.take.episode)
    log.write_bytes(log.read_bytes()[:-100])  # as if killed inside the last write
    again = recorder(tmp_path)
    meta = recover(again, again.left_over()[0])
    assert meta is not None
    assert (meta.rows, meta.cut, meta.outcome) == (32, True, "unlabelled")
    assert "byte" in meta.cut_reason
    check_folder(again.home.saved()[0])


def test_a_flipped_byte_in_a_log_is_quarantined_and_what_came_before_it_is_saved(tmp_path: Path) -> None:
    rec = recorder(tmp_path)
    log = log_of(rec, 40)
    raw = bytearray(log.read_bytes())
    raw[len(raw) // 2] ^= 1
    log.write_bytes(raw)
    meta = rec.save(log)
    assert meta is not None
    assert meta.cut
    assert 0 < meta.rows < 40
    assert "checksum" in meta.cut_reason
    (kept,) = list(rec.home.quarantine.iterdir())
    assert kept.read_bytes() == bytes(raw)


def test_bytes_that_differ_when_read_back_are_never_called_saved(tmp_path: Path) -> None:
    rec = recorder(tmp_path)
    log = log_of(rec)

    def spoil(step: str) -> None:
        if step == "written":
            path = rec.home.episodes / f".new-{log.stem}" / "video" / "wrist.mp4"
            raw = bytearray(path.read_bytes())
            raw[-20] ^= 4
            path.write_bytes(raw)

    with pytest.raises(Refused, match=r"video/wrist\.mp4"):
        rec.save(log, spoil)
    assert rec.take.state == "failed"
    assert log.exists()
    assert rec.home.saved() == []
    assert recover(rec, log) is not None  # and the next try, from the log, succeeds
    assert rec.take.state == "saved"


def test_a_damaged_episode_beside_its_log_is_made_again(tmp_path: Path) -> None:
    rec = recorder(tmp_path)
    log = log_of(rec)
    copy = log.read_bytes()
    rec.save(log)
    (folder,) = rec.home.saved()
    (folder / "events.jsonl").write_bytes(b"changed")
    log.write_bytes(copy)
    assert finalise(Home(tmp_path), log) is not None
    check_folder(folder)
    assert len(list(rec.home.quarantine.iterdir())) == 1


def test_a_log_without_a_tick_leaves_no_episode(tmp_path: Path) -> None:
    rec = recorder(tmp_path)
    rec.start("", START_NS)
    assert rec.save(rec.end("unlabelled")) is None
    assert rec.take.state == "idle"
    assert rec.home.saved() == []
    assert os.listdir(rec.home.logs) == []


def test_a_log_killed_before_its_first_record_is_put_away(tmp_path: Path) -> None:
    rec = recorder(tmp_path)
    (rec.home.logs / f"{'0' * 32}.log").write_bytes(b"REI")
    assert recover(rec, rec.left_over()[0]) is None
    assert rec.left_over() == []


def test_an_episode_says_which_pictures_were_masked(tmp_path: Path) -> None:
    rec, maker = recorder(tmp_path), TickMaker(SMALL)
    rec.start("Put the cube in the tray", START_NS)
    for i, masks in enumerate((0, 0, 7, 7, BLIND)):
        mono_s = 100.0 + i / 30
        new = {"scene": NewPicture(picture(i), START_NS + i, masks), "wrist": NewPicture(picture(i), START_NS + i)}
        rec.tick(maker.make(mono_s, START_NS + i, row(i, mono_s), new, key=i == 0))
    assert check_folder(rec.stop()).masked == {"scene": Masked((0, 7), 1)}
