"""Journey F, the beginning: an administrator adds a robot in the browser; a person beside a robot switches remote motion."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.demo_process import ROOT, DemoProcess
from tests.journeys.cockpit_page import CockpitPage, robot_id
from tests.robot_truth import RobotTruth, until

REVOKE = """id => fetch(`/api/robots/${id}/revoke`, {method: 'POST',
  headers: {'X-CSRFToken': document.cookie.match(/csrftoken=([^;]+)/)[1]}}).then(answer => answer.status)"""


def typed(line: str, folder: Path) -> list[str]:
    """The shown line as typed beside the robot, with this Python and a folder of the test's."""
    words = shlex.split(line)
    assert words[:3] == ["python", "-m", "robot"]
    words[words.index("--dir") + 1] = str(folder)
    return [sys.executable, *words[1:]]


def run(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_an_administrator_adds_a_robot_and_sees_it_arrive(
    demo: DemoProcess, signed_in: Callable[..., Page], tmp_path: Path
) -> None:
    page = signed_in("admin")
    page.get_by_role("link", name="Add robot").click()
    page.get_by_label("Name").fill("heron-9")
    page.get_by_role("button", name="Make a code").click()
    enrol, start = (page.locator(f"#line-{n}").inner_text() for n in range(2))
    assert "--body simulated" in enrol
    state = page.locator("robot-enrolment")
    expect(state).to_have_attribute("data-state", "waiting")
    home = tmp_path / "robot"
    done = run(*typed(enrol, home))
    assert done.returncode == 0, done.stderr
    expect(state).to_have_attribute("data-state", "enrolled", timeout=10_000)
    again = run(*typed(enrol, tmp_path / "second"))
    assert again.returncode == 1
    assert "was used already" in again.stderr
    assert not (tmp_path / "second" / "robot.toml").exists()
    assert (home / "key").stat().st_mode & 0o77 == 0, "the key was made beside the robot, for its program alone"
    robot = subprocess.Popen(typed(start, home), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        expect(state).to_have_attribute("data-state", "online", timeout=40_000)
        page.get_by_role("link", name="Open heron-9").click()
        page.wait_for_function("() => document.querySelector('robot-cockpit')?.dataset.connection === 'live'", timeout=20_000)
        new = robot_id(page, "heron-9")
        page.goto(demo.url)
        card = page.locator(f'.card[data-robot="{new}"]')
        expect(card).to_contain_text("heron-9")
        assert page.evaluate(REVOKE, new) == 200
        expect(card).to_have_count(0, timeout=5_000)
    finally:
        robot.terminate()
        robot.wait(20)


def test_only_administrators_are_shown_how_to_add_a_robot(demo: DemoProcess, signed_in: Callable[..., Page]) -> None:
    page = signed_in("operator")
    assert page.get_by_role("link", name="Add robot").count() == 0
    answer = page.goto(f"{demo.url}/robots/new/")
    assert answer is not None and answer.status == 403


def test_the_local_switch_takes_the_lease_and_gives_it_to_nobody(demo: DemoProcess, signed_in: Callable[..., Page]) -> None:
    page = signed_in("operator")
    truth = RobotTruth(demo.data / "robots" / "kestrel-1")
    cockpit = CockpitPage(page, demo.url, robot_id(page))
    switch = (sys.executable, "-m", "robot", "remote-motion", "--dir", str(truth.folder))
    cockpit.take()
    cockpit.hold("Space", "KeyR")
    cockpit.wait("driving", "keys")
    try:
        assert run(*switch, "off").returncode == 0
        until(lambda: truth.status().lease is None, 2, "no lease while remote motion is off")
        assert truth.status().mode == "SAFE_HOLD"
        cockpit.wait("lease", "none", "lost")
        cockpit.let_go("KeyR", "Space")
        expect(page.locator('[data-ref="banner"]')).to_contain_text("switched off at the robot")
        cockpit.wait("ready", "no")
        expect(page.get_by_text("Remote motion is switched off at the robot. Switch it on there").first).to_be_visible()
        page.get_by_role("button", name="Take control").click(force=True)
        page.wait_for_timeout(300)
        assert truth.status().lease is None
    finally:
        assert run(*switch, "on").returncode == 0
    cockpit.wait("ready", "yes")
    page.wait_for_timeout(500)
    assert truth.status().lease is None, "switching on starts nothing"
    cockpit.take_and_lift(truth)
