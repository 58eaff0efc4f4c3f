"""The worker that serves a policy is killed in the middle of a run: the robot stands within one chunk, and goes on by itself."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any

import psutil
import pytest

from bench.rig import sign_in
from robot.world import wire
from tests.demo_process import ROOT, DemoProcess
from tests.robot_output import Output
from tests.robot_truth import RobotTruth, until

CHUNK_S = 0.8  # eight actions, 0.1 s apart
RECOVERED_S = 10.0
READY_S = 60.0


class Person:
    """Somebody at the API."""

    def __init__(self, demo: DemoProcess, role: str) -> None:
        self._url, self._cookies = demo.url, sign_in(demo.url, *demo.people[role])
        token = dict(part.split("=", 1) for part in self._cookies.split("; "))["csrftoken"]
        self._headers = {"Cookie": self._cookies, "X-CSRFToken": token, "Content-Type": "application/json", "Origin": demo.url}

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(f"{self._url}{path}", data, self._headers, method=method)  # noqa: S310  # our own server
        with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310
            return json.load(answer)

    def start(self, sentence: str) -> str:
        """The run's id; tried again while the robot is not ready yet."""
        choices = self.ask("GET", "/api/tasks/choices")
        starter = next(policy for policy in choices["policies"] if policy["name"].startswith("starter"))
        ids = {"robot": choices["robots"][0]["id"], "policy": starter["id"]}
        end_s = time.monotonic() + READY_S
        while True:
            try:
                return str(self.ask("POST", "/api/tasks", {"sentence": sentence, **ids})["id"])
            except urllib.error.HTTPError as error:
                said = error.read().decode()
                assert time.monotonic() < end_s, said
                time.sleep(0.5)


def worker(demo: DemoProcess) -> psutil.Process:
    """The Celery worker that serves policies."""
    return next(
        child for child in psutil.Process(demo.process.pid).children() if {"--queues", "inference"} <= set(child.cmdline())
    )


@pytest.fixture
def output(demo: DemoProcess) -> Any:
    run_dir = RobotTruth(demo.data / "robots" / "kestrel-1").run_dir
    until((run_dir / wire.command_file(0)).exists, 60, "the simulated arm is there")
    found = Output(run_dir)
    yield found
    found.close()


def test_the_robot_stands_within_one_chunk_and_goes_on_within_ten_seconds(demo: DemoProcess, output: Output) -> None:
    scene = [sys.executable, "-m", "robot", "scene", "--dir", str(demo.data / "robots" / "kestrel-1")]
    subprocess.run([*scene, "--scene", "cubes", "--seed", "73"], cwd=ROOT, check=True, capture_output=True, timeout=60)
    person = Person(demo, "operator")
    run = person.start("Pick up the red cube")
    until(lambda: output.moving_for(0.2), 60, "the policy moves the robot")
    killed_s = time.monotonic()
    worker(demo).kill()
    until(lambda: output.zero_after(killed_s) is not None, 10, "the robot stands")
    stood_s = output.zero_after(killed_s)
    assert stood_s is not None and stood_s - killed_s < CHUNK_S + 0.3, "it followed nothing that was too old"
    held = person.ask("GET", f"/api/runs/{run}")
    until(lambda: output.moving_since_s is not None, 30, "the policy moves it again")
    assert time.monotonic() - killed_s < RECOVERED_S
    until(lambda: person.ask("GET", f"/api/runs/{run}")["phase"] == "ended", 60, "the run ends")
    row = person.ask("GET", f"/api/runs/{run}")
    assert (row["result"], row["judge"]) == ("success", "world"), (held, row)
