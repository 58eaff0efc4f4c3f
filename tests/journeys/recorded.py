"""Episodes that journeys stand on: driven in the cockpit, or by script, uploaded and checked, as a person would wait for them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from playwright.sync_api import Page, TimeoutError

from tests.demo_process import ROOT, DemoProcess
from tests.journeys.cockpit_page import CockpitPage, robot_id
from tests.robot_truth import RobotTruth, until

INSTRUCTION = "lift the arm a little"


def episodes(page: Page) -> list[dict[str, Any]]:
    """Those of the list, newest first."""
    return list(page.evaluate("fetch('/api/episodes?page_size=50').then(r => r.json()).then(a => a.items)"))


def record(demo: DemoProcess, page: Page) -> dict[str, Any]:
    """One more episode, driven and labelled a success by whoever is signed in; its row once it is checked."""
    truth = RobotTruth(demo.data / "robots" / "kestrel-1")
    before = {episode["id"] for episode in episodes(page)}
    cockpit = CockpitPage(page, demo.url, robot_id(page))
    cockpit.take()
    page.get_by_placeholder("What is shown, in a sentence").fill(INSTRUCTION)
    page.get_by_role("button", name="Record").first.click()
    cockpit.wait("recording", "recording")
    page.locator("robot-cockpit video").first.click()
    start = truth.tool()
    cockpit.drive_until("KeyR", reached=lambda: truth.tool()[2] > start[2] + 0.03)
    page.wait_for_timeout(1500)
    _succeed(cockpit)
    cockpit.wait("recording", "saved", "idle")
    page.goto(f"{demo.url}/episodes/")
    until(lambda: bool(_new(page, before)), 60, "the episode checked on the server")
    return _new(page, before)[0]


def _succeed(cockpit: CockpitPage) -> None:
    """A stalled machine costs the lease, rightly; then this takes control again, as a person would."""
    until(lambda: cockpit.says("recording") == "recording", 20, "still recording")
    for _ in range(10):
        if cockpit.says("lease") != "mine":
            cockpit.take()
        try:
            return cockpit.page.get_by_role("button", name="Success").first.click(timeout=2000)
        except TimeoutError:
            continue
    raise AssertionError(f"the episode could not be ended; {cockpit.everything()}")


def collecting(demo: DemoProcess, *words: str) -> subprocess.Popen[str]:
    """`manage.py collect_demos` beside the running demo."""
    environment = {k: v for k, v in os.environ.items() if k != "REDIS_URL"}
    environment |= {"REINS_MODE": "demo", "REINS_DEMO": "1", "REINS_DATA_DIR": str(demo.data)}
    command = [sys.executable, "manage.py", "collect_demos", *words]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def _new(page: Page, before: set[str]) -> list[dict[str, Any]]:
    return [one for one in episodes(page) if one["id"] not in before and one["status"] != "received"]
