"""The starter policy through everything, from a sentence to the robot program and a worker: `python bench/live.py [--runs 10]`.

Starts the real demo, sets scenes of seeds that were used for nothing else before its robot, and lets its world judge.  A run
that holds counts as a failure.  `delay_ms` is from a picture's capture to its chunk's arrival, the median of each run's last.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import msgspec

from bench.common import Pressure, report
from bench.policy import TEST_SEED, wilson
from bench.rig import sign_in
from robot.mailbox import Mailbox
from robot.world import wire
from robot.world.door import ask_world
from tests.demo_process import DemoProcess
from tests.robot_truth import RobotTruth

SENTENCES = {"reach": "Hover above the {thing}", "lift": "Pick up the {thing}"}
SCENE = "three"
RUN_S = 90.0  # of the wall, on a busy machine
SCENE_S = 10.0
LOAD_S = 120.0  # the first run waits for a worker that loads the policy


class Site:
    """The demo as somebody who dispatches sees it."""

    def __init__(self, demo: DemoProcess) -> None:
        self.url = demo.url
        self._cookies = sign_in(demo.url, *demo.people["operator"])
        self._token = dict(pair.split("=", 1) for pair in self._cookies.split("; "))["csrftoken"]

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        headers = {"Cookie": self._cookies, "X-CSRFToken": self._token, "Content-Type": "application/json", "Referer": self.url}
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(f"{self.url}{path}", data, headers, method=method)  # noqa: S310  # our own server
        with urllib.request.urlopen(asked, timeout=20) as answer:  # noqa: S310
            return json.load(answer)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10, help="of each task")
    options = parser.parse_args()
    pressure = Pressure()
    report("live", live(options.runs), pressure)
    return 0


def live(runs: int) -> list[dict[str, Any]]:
    """A row for each task."""
    with tempfile.TemporaryDirectory() as folder:
        demo = DemoProcess(Path(folder) / "demo").start()
        try:
            site = Site(demo)
            ready(site)
            robot = RobotTruth(demo.data / "robots" / "kestrel-1")
            return [task(site, robot, name, runs) for name in SENTENCES]
        finally:
            demo.stop()


def ready(site: Site) -> None:
    """Waits for the starter policy to be in the registry."""
    end_s = time.monotonic() + LOAD_S
    while not site.ask("GET", "/api/tasks/choices")["policies"]:
        if time.monotonic() > end_s:
            raise RuntimeError("The demo has no policy.")
        time.sleep(0.5)


def task(site: Site, robot: RobotTruth, name: str, runs: int) -> dict[str, Any]:
    ended = []
    for scene in range(TEST_SEED, TEST_SEED + runs):
        ask_world(robot.run_dir, wire.Reset(seed=scene, scene=SCENE))
        ended.append(run(site, SENTENCES[name].format(thing=things(robot, scene)[scene % 3])))
    hits = sum(one["result"] == "success" and one["judge"] == "world" for one in ended)
    low, high = wilson(hits, runs)
    delays = [one["delay_ms"] for one in ended if one["delay_ms"] is not None]
    return {
        "row": f"live/{name}",
        "n": runs,
        "success": round(hits / runs, 3),
        "low": round(low, 3),
        "high": round(high, 3),
        "seconds": round(statistics.median(one["seconds"] for one in ended), 1),
        "delay_ms": round(statistics.median(delays), 1) if delays else None,
    }


def things(robot: RobotTruth, seed: int) -> list[str]:
    """What can be moved in the scene of this seed, as soon as that is what its world shows."""
    end_s = time.monotonic() + SCENE_S
    while time.monotonic() < end_s:
        found = Mailbox.open(robot.run_dir / wire.SCENE).get()
        scene = msgspec.msgpack.decode(found[0], type=wire.SceneState) if found is not None else None
        if scene is not None and (scene.seed, scene.scene) == (seed, SCENE):
            return sorted(thing.name for thing in scene.objects if thing.name not in ("tray", "bowl"))
        time.sleep(0.02)
    raise RuntimeError(f"The world does not show scene {seed}.")


def started(site: Site, order: dict[str, Any]) -> dict[str, Any]:
    """The run; asked for again while the robot is not ready for it."""
    end_s = time.monotonic() + LOAD_S
    while True:
        try:
            row: dict[str, Any] = site.ask("POST", "/api/tasks", order)
            return row
        except urllib.error.HTTPError as error:
            said = error.read().decode()
            if time.monotonic() > end_s:
                raise RuntimeError(f"No run begins: {said}") from error
            time.sleep(0.5)


def run(site: Site, sentence: str) -> dict[str, Any]:
    """Its end, or how it stood when it held."""
    choices = site.ask("GET", "/api/tasks/choices")
    order = {"sentence": sentence, "robot": choices["robots"][0]["id"], "policy": choices["policies"][0]["id"]}
    row, delay_ms = started(site, order), None
    end_s = time.monotonic() + RUN_S
    while row["phase"] != "ended" and time.monotonic() < end_s:
        if row["phase"] == "holding" and row["reason"] in ("doubt", "no_progress"):
            break
        time.sleep(0.3)
        row = site.ask("GET", f"/api/runs/{row['id']}")
        delay_ms = (row["newest"] or {}).get("delay_ms", delay_ms)
    if row["phase"] != "ended":
        print(sentence, row["phase"], row["reason"], file=sys.stderr, flush=True)
        row = site.ask("POST", f"/api/runs/{row['id']}/end", {"result": "failure"})
        while row["phase"] != "ended":
            time.sleep(0.3)
            row = site.ask("GET", f"/api/runs/{row['id']}")
    return {**row, "delay_ms": delay_ms}


if __name__ == "__main__":
    sys.exit(main())
