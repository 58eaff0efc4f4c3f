"""Journeys A and B where robot and operator cannot reach each other: picture and commands go through the real coturn."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.chromium import FLAGS, executable
from tests.demo_process import ROOT, DemoProcess
from tests.journeys.cockpit_page import CockpitPage, robot_id
from tests.robot_truth import RobotTruth, until
from tests.shaped_link import inside
from tests.teleop.turn_server import TurnServer
from tests.three_places import ROBOT, SERVER, ThreePlaces

SECRET = "shared-by-site-and-relay"

# keeps the connections where the test can ask for their statistics
KEEP = """
window.connections = [];
const Usual = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Usual {
  constructor(...words) { super(...words); window.connections.push(this); }
};
"""
PATH = """async () => {
  const all = [...(await window.connections.at(-1).getStats()).values()];
  const transport = all.find(one => one.type === 'transport');
  const pair = all.find(one => one.id === transport.selectedCandidatePairId);
  return [pair.localCandidateId, pair.remoteCandidateId]
    .map(id => all.find(one => one.id === id)).map(one => [one.candidateType, one.address ?? one.ip]);
}"""


@dataclass
class Apart:
    """A site in the middle with its relay, a robot behind one line and a person behind another."""

    places: ThreePlaces
    relay: TurnServer
    demo: DemoProcess
    page: Page
    truth: RobotTruth
    robot: str


def sign_in(page: Page, demo: DemoProcess, role: str) -> None:
    email, password = demo.people[role]
    page.goto(f"{demo.url}/sign-in/")
    page.fill("input[name=username]", email)
    page.fill("input[name=password]", password)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(f"{demo.url}/")


def new_code(page: Page, name: str) -> str:
    """As the page for adding robots asks for it."""
    page.goto(page.url + "robots/new/")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Make a code").click()
    line = page.locator("#line-0").inner_text()
    return line.split("--code ")[1].split()[0]


@pytest.fixture(scope="module")
def apart(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apart]:
    folder: Path = tmp_path_factory.mktemp("apart")
    demo = DemoProcess(folder / "site", robots=0, host=SERVER)
    with ThreePlaces() as places, TurnServer(SERVER, 3478, SECRET, popen=places.popen(places.server)) as relay:
        with inside(places.server), pytest.MonkeyPatch.context() as environment:
            environment.setenv("REINS_ICE_SERVERS", relay.url)
            environment.setenv("REINS_TURN_SECRET", SECRET)
            demo.start()
        secure = f"--unsafely-treat-insecure-origin-as-secure={demo.url}"  # stands for the https of a real site
        program = places.script(folder / "chromium", places.operator, executable())
        theirs = browser.browser_type.launch(executable_path=str(program), headless=True, args=[*FLAGS, secure])
        page = theirs.new_page(viewport={"width": 1440, "height": 900})
        page.add_init_script(KEEP)
        sign_in(page, demo, "admin")
        home = folder / "robot"
        command = [sys.executable, "-m", "robot"]
        words = ["enrol", "--server", demo.url, "--code", new_code(page, "far-1"), "--dir", str(home), "--body", "simulated"]
        quiet = {"cwd": ROOT, "stdout": subprocess.DEVNULL, "env": {**os.environ}}
        assert places.popen(places.robot)([*command, *words], **quiet).wait(60) == 0
        robot = places.popen(places.robot)([*command, "run", "--dir", str(home)], **quiet)
        try:
            page.wait_for_function("() => document.querySelector('robot-enrolment').dataset.state === 'online'", timeout=60_000)
            yield Apart(places, relay, demo, page, RobotTruth(home), robot_id(page, "far-1"))
        finally:
            theirs.close()
            robot.terminate()
            robot.wait(20)
            demo.stop()


def test_picture_and_commands_go_through_the_relay(apart: Apart) -> None:
    cockpit = CockpitPage(apart.page, apart.demo.url, apart.robot)
    cockpit.take()
    cockpit.take_and_lift(apart.truth)
    near, far = apart.page.evaluate(PATH)
    assert "relay" in (near[0], far[0]), f"{near} to {far}"
    assert SERVER in (near[1], far[1])
    answer = apart.page.evaluate("() => window.connections.at(-1).remoteDescription.sdp")
    relayed = [line for line in answer.splitlines() if line.startswith("a=candidate") and " typ relay " in line]
    assert relayed, "the robot itself was given a relay"
    assert all(f" {SERVER} " in line and f"raddr {ROBOT} " in line for line in relayed)
    assert " typ srflx " not in answer, "no other server was asked"
    cockpit.page.goto("about:blank")


def test_f36_the_arm_holds_when_the_relay_dies_and_the_page_comes_back_with_it(apart: Apart) -> None:
    cockpit = CockpitPage(apart.page, apart.demo.url, apart.robot)
    cockpit.take()
    cockpit.hold("Space", "KeyR")
    cockpit.wait("driving", "keys")
    apart.relay.kill()
    until(lambda: apart.truth.status().mode == "SAFE_HOLD", 3, "hold after the relay died")
    cockpit.let_go("KeyR", "Space")
    cockpit.wait("lease", "none", "lost", within_s=5)
    apart.relay.start()
    cockpit.wait("connection", "live", within_s=40)
    assert cockpit.says("lease") != "mine", "taken again only by the person"
    cockpit.take_and_lift(apart.truth)
    cockpit.page.goto("about:blank")


def test_a_robot_that_comes_back_while_its_old_connection_still_hangs_is_no_copy(apart: Apart) -> None:
    link = apart.truth.process("link")
    apart.places.cut("robot")
    link.kill()  # the server hears nothing of it: its end of the connection stays open
    link.wait(5)
    apart.places.mend("robot")
    cockpit = CockpitPage(apart.page, apart.demo.url, apart.robot)
    cockpit.take_and_lift(apart.truth)
    apart.page.wait_for_timeout(4000)  # a copy would have been found out by now
    assert not apart.truth.status().held
