"""The whole robot program with a simulated arm and a small real server: it starts, heals, stops, and leaves nothing."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol import robot_link
from protocol.errors import Refused
from protocol.state import RobotState
from robot import state
from robot.__main__ import describe, main
from robot.config import RobotConfig, write_config
from robot.identity import Identity
from robot.kernel.door import Status
from robot.launcher import status_of, sweep
from robot.mailbox import Mailbox
from robot.world.wire import SCENE, SceneState
from tests.robot.link.small_server import SmallServer, until

ROOT = Path(__file__).resolve().parents[2]
START_S = 30.0  # of waiting on a busy machine; what is promised is asserted where it is measured


class RunningRobot:
    """A launcher in a process of its own, in `folder`, and its server."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.identity = folder, Identity.create(folder)
        self.identity.adopt(folder)
        state.begin_epochs(folder)
        self.server = SmallServer(self.identity.public_key)
        self.server.acknowledges = True
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        key = base64.b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()
        body = {"kind": "simulated", "scene": "empty"}
        write_config(self.folder, RobotConfig(server=self.server.url, robot="cd" * 16, name="smoke", server_key=key, body=body))
        with open(self.folder / "output", "ab") as output:
            self.process = subprocess.Popen(
                (sys.executable, "-m", "robot", "run", "--dir", str(self.folder)),
                cwd=ROOT, stdout=output, stderr=output,
            )  # fmt: skip

    @property
    def state(self) -> RobotState | None:
        reports = self.server.of(robot_link.Report)
        return reports[-1].state if reports else None

    def says(self, mode: str) -> bool:
        return self.state is not None and self.state.mode == mode and self.state.reason != "KERNEL_AWAY"

    def logged(self) -> list[robot_link.LogEntry]:
        return [entry for log in self.server.of(robot_link.Log) for entry in log.entries]

    def status(self) -> Status | None:
        """The kernel's own word, while it is fresh."""
        try:
            status, age_s = status_of(self.folder)
        except Refused:
            return None
        return status if age_s < 0.5 else None

    def processes(self) -> dict[str, int]:
        """Pids by module name of everything that works in this robot's run folder."""
        run = state.read_run(self.folder)
        found = {}
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().decode().split("\0") if entry.name.isdigit() else []
                if run is not None and run.run_dir in words:
                    found[words[2].removeprefix("robot.").removesuffix(".process")] = int(entry.name)
        return found


@contextlib.asynccontextmanager
async def running(folder: Path) -> AsyncIterator[RunningRobot]:
    robot = RunningRobot(folder)
    async with robot.server.running():
        robot.start()
        assert robot.process is not None
        try:
            await until(lambda: robot.says("SAFE_HOLD"), START_S)
            yield robot
        finally:
            robot.process.kill()
            robot.process.wait()
            if (run := state.read_run(folder)) is not None:
                shutil.rmtree(run.run_dir, ignore_errors=True)


def there(path: str) -> bool:
    return os.path.exists(path)


async def command(*words: str) -> int:
    return await asyncio.to_thread(main, list(words))


async def test_it_holds_reports_and_leaves_no_process_when_the_launcher_is_killed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(tmp_path) as robot:
        assert robot.process is not None
        await until(lambda: robot.status() is not None)
        first = robot.status()
        assert first is not None and (first.mode, first.epoch) == ("SAFE_HOLD", 1)
        await until(lambda: robot.state is not None and robot.state.state and robot.state.nonce)
        assert robot.server.hellos[0].program == "0.1.0"
        await until(lambda: robot.server.of(robot_link.Log))
        pids = robot.processes()
        assert set(pids) == {"kernel", "media", "link", "recorder", "pilot", "world"}
        assert await command("run", "--dir", str(tmp_path)) == 1
        assert "already running" in capsys.readouterr().err
        robot.process.kill()
        await until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids.values()))
        assert await command("status", "--dir", str(tmp_path)) == 1
        assert "not running" in capsys.readouterr().err
        left_over = msgspec.json.decode((tmp_path / "run.json").read_bytes())["run_dir"]
        assert there(left_over)
        robot.server.heard.clear()
        robot.start()
        await until(lambda: robot.says("SAFE_HOLD"), START_S)
        assert not there(left_over)
        second = robot.status()
        assert second is not None and second.epoch == 2
        robot.process.terminate()
        assert await asyncio.to_thread(robot.process.wait, 20) == 0
        assert robot.processes() == {}


async def test_a_stop_is_acknowledged_and_survives_a_killed_kernel_with_a_new_epoch(tmp_path: Path) -> None:
    async with running(tmp_path) as robot:
        await until(lambda: robot.status() is not None)
        await robot.server.say(robot_link.StopNow(source="ada"))
        await until(lambda: robot.server.of(robot_link.StopAck))
        assert robot.server.of(robot_link.StopAck) == [robot_link.StopAck(source="ada")]
        await until(lambda: (status := robot.status()) is not None and status.mode == "ESTOP")  # a tick after the word
        before = robot.status()
        assert before is not None and before.stops == ("ada",)
        os.kill(robot.processes()["kernel"], signal.SIGKILL)
        await until(lambda: (now := robot.status()) is not None and now.epoch == before.epoch + 1)
        after = robot.status()
        assert after is not None
        assert (after.mode, after.stops, after.lease) == ("ESTOP", ("ada",), None)
        await until(lambda: robot.state is not None and robot.state.health.restarts.get("kernel") == 1)
        await until(lambda: any(e.after == "ESTOP" and e.actor == "ada" for e in robot.logged()))
        numbers = [entry.n for entry in robot.logged()]
        assert numbers == list(range(1, len(numbers) + 1))


async def test_killed_media_link_recorder_and_pilot_come_back_while_the_kernel_goes_on(tmp_path: Path) -> None:
    async with running(tmp_path) as robot:
        await until(lambda: robot.status() is not None)
        before, pids = robot.status(), robot.processes()
        assert before is not None
        for name in ("media", "recorder", "link", "pilot"):
            os.kill(pids[name], signal.SIGKILL)
        await until(lambda: len(robot.server.hellos) == 2, START_S)
        await until(lambda: _restarts(robot) == {"media": 1, "recorder": 1, "link": 1, "pilot": 1}, START_S)
        await until(lambda: set(robot.processes()) == set(pids))
        after = robot.status()
        assert after is not None
        assert (after.epoch, robot.processes()["kernel"]) == (before.epoch, pids["kernel"])


def _restarts(robot: RunningRobot) -> dict[str, int]:
    return robot.state.health.restarts if robot.state else {}


async def test_the_local_switch_acts_and_is_confirmed_by_the_kernel(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert await _no_robot_yet(tmp_path)
    async with running(tmp_path) as robot:
        await until(lambda: robot.status() is not None)
        for to in ("off", "on"):
            assert await command("remote-motion", to, "--dir", str(tmp_path)) == 0
            assert capsys.readouterr().out == f"Remote motion is {to}.\n"
            status = robot.status()
            assert status is not None and status.remote_motion is (to == "on")
        await robot.server.say(robot_link.Held(sentence="The key lives twice."))
        await until(lambda: (now := robot.status()) is not None and now.held)
        os.kill(robot.processes()["kernel"], signal.SIGKILL)
        await until(lambda: (now := robot.status()) is not None and now.epoch == 2)
        await until(lambda: (now := robot.status()) is not None and now.held)  # also the new one
        await robot.server.say(robot_link.Welcome(time_ns=time.time_ns() + 2 * 86_400 * 10**9, log_from=1))
        await until(lambda: (now := robot.status()) is not None and not now.held)
        # SAFETY row 50: a clock that is more than a day off is noted
        await until(lambda: robot.state is not None and any("clock" in note for note in robot.state.health.notes))
        assert await command("status", "--dir", str(tmp_path)) == 0
        assert "SAFE_HOLD" in capsys.readouterr().out


async def test_colours_and_scenes_are_changed_at_the_robot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = ("--dir", str(tmp_path))
    assert await command("scene", *folder, "--paint", "mat=red") == 1
    assert "not running" in capsys.readouterr().err
    async with running(tmp_path) as robot:
        await until(lambda: robot.state is not None and robot.state.state)  # the world is up
        assert await command("scene", *folder, "--seed", "7", "--scene", "cubes", "--paint", "red cube=purple") == 0
        assert capsys.readouterr().out == "The scene began anew with seed 7.\nred cube is purple now.\n"
        run = state.read_run(tmp_path)
        assert run is not None

        def shown() -> SceneState:
            newest = Mailbox.open(Path(run.run_dir) / SCENE).get()
            assert newest is not None
            return msgspec.msgpack.decode(newest[0], type=SceneState)

        await until(lambda: (shown().seed, shown().scene, set(shown().colours)) == (7, "cubes", {"red cube"}))
        for words, said in (
            (("--paint", "dog=red"), "cannot be painted"),
            (("--paint", "mat=blurple"), "no colour here"),
            (("--paint", "mat"), "says no colour"),
            (("--seed", "-1"), "whole number"),
            (("--scene", "jungle"), "no scene"),
        ):
            assert await command("scene", *folder, *words) == 1
            assert said in capsys.readouterr().err


async def _no_robot_yet(folder: Path) -> bool:
    return await command("status", "--dir", str(folder)) == 1


def test_run_folders_of_killed_launchers_are_swept_and_no_others(tmp_path: Path) -> None:
    for name in ("reins-alive", "reins-dead", "reins-unlocked", "other-dead"):
        (tmp_path / name).mkdir()
    for name in ("reins-dead", "other-dead"):
        (tmp_path / name / state.LOCK).touch()
    with state.only_one(tmp_path / "reins-alive"):
        sweep(tmp_path, time.time())
        assert len(list(tmp_path.iterdir())) == 4  # all young
        sweep(tmp_path, time.time() + 60.0)
    assert {path.name for path in tmp_path.iterdir()} == {"reins-alive", "reins-unlocked", "other-dead"}


def test_status_in_words(status: Callable[..., Status]) -> None:
    lines = describe(status(mode="ESTOP", reason="REMOTE_STOP", stops=("ada",), remote_motion=False, held=True), 2.0)
    assert lines[0] == "The kernel has been silent for 2.0 s; before that it said:"
    assert lines[1] == "ESTOP (REMOTE_STOP), epoch 3"
    assert "remote stop by ada" in lines
    assert "remote motion is off" in lines
    assert lines[-1].startswith("held:")


@pytest.fixture
def status() -> Callable[..., Status]:
    return make_status


def make_status(**changes: Any) -> Status:
    """A kernel's word at rest, with `changes`."""
    rest = Status(
        tick=1, mono_s=0.0, epoch=3, mode="SAFE_HOLD", reason="BOOT", actor="", since_mono_s=0.0, lease=None, stops=(),
        remote_motion=True, held=False, nonce="n", permitted="supervise", control_latency_ms=None, command_ms=None,
        apply_ms=None, asked=(), done=(), clamps=0, state=(), state_mono_s=None, tool_m=None, torque=(), refused={},
        last_refusal="", missed_ticks=0, loop_p99_ms=0.0, messages_dropped=0,
    )  # fmt: skip
    return msgspec.structs.replace(rest, **changes)
