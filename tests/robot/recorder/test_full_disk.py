"""F19: a real full disk (a small tmpfs) ends the take cleanly, keeps what is there, and says so."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol.episode_folder import check_folder
from protocol.errors import Refused
from robot.recorder.contents import TICK
from robot.recorder.episode_recorder import Limits
from robot.recorder.log import EpisodeLog, LogReader
from tests.robot.recorder.rig import START_NS, recorder, recover, ticks


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """2 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_record_that_does_not_fit_is_not_there_at_all(small_disk: Path) -> None:
    log = EpisodeLog(small_disk / "a.log", sync_s=0)
    with pytest.raises(Refused, match="No space left"):
        for _ in range(100):
            log.append(TICK, os.urandom(50_000))
    whole = log.records
    with pytest.raises(Refused, match="No space left"):
        log.append(TICK, b"small")
    log.close()
    reader = LogReader(small_disk / "a.log")
    assert len(list(reader)) == whole > 10
    assert reader.damage is None


def test_a_take_that_fills_the_disk_is_kept_as_a_log_and_saved_when_there_is_room(small_disk: Path) -> None:
    rec = recorder(small_disk, Limits(free_bytes=1024, floor_bytes=0))
    rec.start("a", START_NS)
    made = ticks(60)
    (small_disk / "others").write_bytes(bytes(1024 * 1024))
    written = 0
    with pytest.raises(Refused, match="No space left"):
        while True:
            for tick in made:
                rec.tick(tick)
                written += 1
    log = rec.end("success", cut=True, reason="full")
    with pytest.raises(Refused, match=r"disk|episode_damaged"):
        rec.save(log)
    assert rec.take.state == "failed"
    assert "kept" in rec.take.sentence
    assert rec.home.saved() == []
    (small_disk / "others").unlink()
    again = recorder(small_disk, Limits(free_bytes=1024, floor_bytes=0))
    meta = recover(again, again.left_over()[0])
    assert meta is not None
    assert meta.rows == written
    assert meta.cut
    check_folder(again.home.saved()[0])


def test_a_take_ends_while_finalising_it_still_finds_room(small_disk: Path) -> None:
    rec = recorder(small_disk, Limits(free_bytes=1024, floor_bytes=128 * 1024))
    rec.start("a", START_NS)
    made = ticks(60)
    written = 0
    while not rec.running_out():
        rec.tick(made[written % 60])
        written += 1
    meta = rec.save(rec.end("success"))
    assert meta is not None
    assert meta.rows == written
    with pytest.raises(Refused, match="disk_full"):
        recorder(small_disk, Limits(free_bytes=2 * 1024 * 1024)).start("b", START_NS)
