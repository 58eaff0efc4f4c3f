"""kill -9 while recording: nothing that was acknowledged is lost, every file opens, earlier episodes stay untouched."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

import av
import pytest

from protocol.episode_folder import check_folder, hash_file
from robot.recorder.contents import Tick
from tests.robot.recorder.rig import START_NS, recorder, recover, ticks

KILLS = 20


@pytest.fixture(scope="module")
def made() -> list[Tick]:
    return ticks(60)


def record_until_killed(folder: Path, made: list[Tick], kill_after: int) -> int:
    """Records in a process of its own, which says each tick that it has written; killed after it said `kill_after`."""
    said, say = os.pipe()
    child = os.fork()
    if child == 0:
        rec = recorder(folder)
        rec.start("killed", START_NS)
        while True:
            for tick in made:
                rec.tick(tick)
                os.write(say, b".")
    os.close(say)
    acknowledged = 0
    while acknowledged < kill_after:
        acknowledged += len(os.read(said, 1))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while left := os.read(said, 4096):
        acknowledged += len(left)
    os.close(said)
    return acknowledged


def test_twenty_random_kills_lose_no_acknowledged_tick(tmp_path: Path, made: list[Tick]) -> None:
    chance = random.Random(7)
    earlier: dict[Path, str] = {}
    for _ in range(KILLS):
        acknowledged = record_until_killed(tmp_path, made, chance.randint(1, 90))
        again = recorder(tmp_path)
        (log,) = again.left_over()
        meta = recover(again, log)
        assert meta is not None
        assert meta.cut
        assert acknowledged <= meta.rows <= acknowledged + 1
        folder = again.home.episodes / meta.id
        for name in ("scene", "wrist"):
            with av.open(str(folder / "video" / f"{name}.mp4")) as container:
                assert sum(1 for _ in container.decode(video=0)) == meta.rows
        for path, sha256 in earlier.items():
            assert hash_file(path).sha256 == sha256
        earlier[folder / "episode.json"] = hash_file(folder / "episode.json").sha256
    for path in earlier:
        check_folder(path.parent)
    assert len(earlier) == KILLS
