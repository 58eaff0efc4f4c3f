"""What survives restarts: epochs never come twice (I4), the switch, the hold, one launcher at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from protocol.errors import Refused
from robot import state
from robot.launcher import LatchSync

COUNTING = """
import sys
from pathlib import Path
from robot.state import next_epoch
while True:
    print(next_epoch(Path(sys.argv[1])), flush=True)
"""


def test_an_epoch_is_never_used_twice_whenever_the_launcher_dies(tmp_path: Path) -> None:
    state.begin_epochs(tmp_path)
    seen: list[int] = []
    for _ in range(5):
        process = subprocess.Popen((sys.executable, "-c", COUNTING, str(tmp_path)), stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        seen += [int(process.stdout.readline()) for _ in range(10)]
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate()
        seen += map(int, rest.split())
    assert seen == sorted(set(seen))
    assert state.next_epoch(tmp_path) > seen[-1]
    state.begin_epochs(tmp_path)
    assert state.next_epoch(tmp_path) > seen[-1] + 1


@pytest.mark.parametrize("content", [None, b"", b"x", b"\xff"])
def test_an_unreadable_epoch_is_refused_and_not_guessed(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "epoch").write_bytes(content)
    with pytest.raises(Refused, match="epoch_unreadable"):
        state.next_epoch(tmp_path)


def test_the_switch_is_on_until_switched_off_and_off_when_unreadable(tmp_path: Path) -> None:
    assert state.remote_motion(tmp_path)
    state.set_remote_motion(tmp_path, False)
    assert not state.remote_motion(tmp_path)
    state.set_remote_motion(tmp_path, True)
    assert state.remote_motion(tmp_path)
    (tmp_path / "remote_motion").write_bytes(b"\xff\xfe")
    assert not state.remote_motion(tmp_path)


def test_a_hold_lasts_until_it_is_ended(tmp_path: Path) -> None:
    assert state.held(tmp_path) == ""
    state.set_held(tmp_path, "The key lives twice.")
    assert state.held(tmp_path) == "The key lives twice."
    state.set_held(tmp_path, "")
    state.set_held(tmp_path, "")
    assert state.held(tmp_path) == ""


def test_one_launcher_at_a_time(tmp_path: Path) -> None:
    assert not state.is_running(tmp_path)
    with state.only_one(tmp_path):
        assert state.is_running(tmp_path)
        with pytest.raises(Refused, match="already_running"), state.only_one(tmp_path):
            pass
    assert not state.is_running(tmp_path)


def test_the_run_is_found_again_or_not_at_all(tmp_path: Path) -> None:
    assert state.read_run(tmp_path) is None
    state.write_run(tmp_path, state.Run(os.getpid(), "/run/x"))
    assert state.read_run(tmp_path) == state.Run(os.getpid(), "/run/x")
    (tmp_path / "run.json").write_bytes(b"{")
    assert state.read_run(tmp_path) is None


def test_the_latch_is_synced_when_it_has_changed_and_only_then(tmp_path: Path) -> None:
    latch = LatchSync(tmp_path / "latch")
    latch.look()
    assert latch.syncs == 0
    (tmp_path / "latch").write_bytes(b"none")
    for _ in range(3):
        latch.look()
    assert latch.syncs == 1
    (tmp_path / "latch").write_bytes(b"ada!")
    latch.look()
    assert latch.syncs == 2
