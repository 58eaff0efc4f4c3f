"""The real recorder process, fed through the rings by another process."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.recorder import Recorder, feeder, kill_while_recording, prepare
from protocol.episode_folder import check_folder
from robot.layout import load_setup
from robot.recorder import door
from robot.recorder.finalise import Home


@pytest.fixture
def run_dir(tmp_path: Path) -> Iterator[Path]:
    folder = prepare(tmp_path)
    with feeder(folder):
        yield folder


def home(run_dir: Path) -> Home:
    return Home(Path(load_setup(run_dir).state_dir) / "recordings")


def until(recorder: Recorder, frames: int) -> None:
    """Waits for so many frames of the take, as the process reports them."""
    while recorder.recording is None or recorder.recording.frames < frames:
        recorder.hear()


def test_a_take_and_a_pre_roll_become_episodes(run_dir: Path) -> None:
    recorder = Recorder(run_dir)
    recorder.ask(door.Start(id="1", instruction="Wipe the mat", person="p", name="P"))
    recorder.wait("recording")
    until(recorder, 20)
    recorder.ask(door.Stop(id="2", outcome="success"))
    recorder.wait("saved")
    recorder.ask(door.Live(live=True))
    while recorder.recording is None or recorder.recording.preroll_s < 1.0:
        recorder.hear()
    recorder.ask(door.SaveLast(id="3", seconds=30.0))
    while len(recorder.saved) < 2:
        recorder.hear()
    recorder.end()
    take, past = (check_folder(home(run_dir).episodes / episode) for episode in recorder.saved)
    assert (take.instruction, take.outcome, take.cut) == ("Wipe the mat", "success", False)
    assert take.rows >= 20
    assert [person.id for person in take.people] == ["p"]
    assert past.rows >= 15
    assert all(repeated < take.rows for repeated in take.frames_repeated.values())


def test_a_killed_recorder_finishes_the_episode_when_it_starts_again(run_dir: Path) -> None:
    _, loss = kill_while_recording(run_dir, 0.5)
    assert loss.problem == ""
    (folder,) = home(run_dir).saved()
    assert check_folder(folder).cut


def test_ending_the_robot_program_keeps_the_take(run_dir: Path) -> None:
    recorder = Recorder(run_dir)
    recorder.ask(door.Start(instruction="a"))
    recorder.wait("recording")
    until(recorder, 5)
    recorder.process.send_signal(signal.SIGTERM)
    assert recorder.process.wait(20) == 0
    (folder,) = home(run_dir).saved()
    meta = check_folder(folder)
    assert meta.cut
    assert "ended" in meta.cut_reason
