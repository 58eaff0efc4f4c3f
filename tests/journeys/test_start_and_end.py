"""What a newcomer starts, and that nothing of it stays behind."""

from __future__ import annotations

import json
import signal
import urllib.request
from pathlib import Path

import psutil

from tests.demo_process import DemoProcess
from tests.robot_truth import until


def test_the_demo_is_ready_twice_and_leaves_no_process(tmp_path: Path) -> None:
    """First ended by Ctrl-C; then started anew in the same folder at another port, and killed."""
    for way in (signal.SIGINT, signal.SIGKILL):
        demo = DemoProcess(tmp_path, robots=1).start()
        assert any(line.startswith(f"Reins is ready: {demo.url}/") for line in demo.lines)
        assert {"operator", "viewer", "admin"} <= set(demo.people)
        with urllib.request.urlopen(f"{demo.url}/healthz", timeout=5) as answer:  # noqa: S310  # our own address
            assert answer.status == 200
            assert json.load(answer) == {"database": "ok", "redis": "ok", "robots": {"known": 1, "online": 1}}
        family = psutil.Process(demo.process.pid).children(recursive=True)
        assert len(family) >= 7, "redis, pages, launcher, world, kernel, media, link, recorder"
        demo.process.send_signal(way)
        demo.process.wait(40)
        until(lambda family=family: not any(map(alive, family)), 15, "all have ended")


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_port_in_use_is_said_with_the_way_out(demo: DemoProcess, tmp_path: Path) -> None:
    import subprocess
    import sys

    command = [sys.executable, "-m", "config.demo", "--port", str(demo.port), "--data", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 1
    assert f"make demo PORT={demo.port + 1}" in done.stderr
