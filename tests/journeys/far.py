"""A demo and a browser with a line between them that can be spoilt, and the robot's true output: for tests of faults."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, Page

from robot.config import read_config
from robot.world import wire
from tests.chromium import FLAGS, executable
from tests.demo_process import DemoProcess
from tests.journeys.cockpit_page import CockpitPage
from tests.robot_output import Output
from tests.robot_truth import RobotTruth, until
from tests.shaped_link import ROBOT, ShapedLink, inside, possible


@dataclass
class Far:
    """Everything a test of faults needs.  `page` is signed in as the operator."""

    link: ShapedLink
    demo: DemoProcess
    truth: RobotTruth
    output: Output
    page: Page
    robot: str

    def cockpit(self) -> CockpitPage:
        """Freshly loaded: what the page before it held is given back; no stop is latched."""
        self.link.clear()
        cockpit = CockpitPage(self.page, self.demo.url, self.robot)
        self.clear_stops(cockpit)
        return cockpit

    def clear_stops(self, cockpit: CockpitPage, tries: int = 8) -> None:
        """Again while the page finds its way back to the server, or a stop that was on its way there comes once more."""
        while self.truth.status().stops:
            assert tries > 0, f"the stop cannot be cleared; the kernel says {self.truth.status()}"
            tries -= 1
            cockpit.wait("connection", "live", within_s=30)
            cockpit.wait("mode", "ESTOP", within_s=30)
            cockpit.page.get_by_label("I have looked at the robot").check()
            cockpit.page.get_by_role("button", name="Clear").first.click()
            with contextlib.suppress(AssertionError):
                cockpit.wait("mode", "SAFE_HOLD", within_s=4)
            time.sleep(0.5)

    def drive(self, cockpit: CockpitPage, *, tries: int = 3) -> None:
        """Takes control and holds keys that move the arm, until its output says so."""
        key = "KeyF" if self.truth.tool()[2] > 0.2 else "KeyR"
        for last in (False,) * (tries - 1) + (True,):
            try:
                if cockpit.says("lease") != "mine":
                    cockpit.take()
                cockpit.hold("Space", key)
                until(lambda: self.output.moving_for(0.2), 6, "the arm moves")
                return
            except AssertionError as error:  # a busy machine: let go once, as a person would
                self.let_go(cockpit)
                if last:
                    raise AssertionError(f"{error}; the kernel says {self.truth.status()}") from error

    def let_go(self, cockpit: CockpitPage) -> None:
        cockpit.let_go("KeyR", "KeyF", "Space")

    def still_after(self, at_s: float, within_s: float) -> float:
        """Seconds from `at_s` to the first zero of the output, which must come within `within_s` and last."""
        until(lambda: self.output.zero_after(at_s) is not None, within_s + 2, "zero output")
        zero_s = self.output.zero_after(at_s)
        assert zero_s is not None
        assert zero_s - at_s <= within_s, f"the output was zero only after {1000 * (zero_s - at_s):.0f} ms"
        return zero_s - at_s

    def stays_still(self, seconds: float) -> bool:
        """Nothing but zero from now on."""
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            if self.output.moving_since_s is not None:
                return False
            time.sleep(0.01)
        return True

    def service(self, words: str) -> psutil.Process:
        """The demo's process whose command line has `words` in it."""
        for child in psutil.Process(self.demo.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.ZombieProcess, psutil.NoSuchProcess):
                if words in " ".join(child.cmdline()):
                    return child
        raise AssertionError(f"no process {words!r}")


@contextlib.contextmanager
def suspended(process: psutil.Process) -> Iterator[None]:
    process.suspend()
    try:
        yield
    finally:
        process.resume()


@contextlib.contextmanager
def far_demo(folder: Path, browser: Browser) -> Iterator[Far]:
    if problem := possible():
        pytest.skip(problem)
    demo = DemoProcess(folder, host=ROBOT)
    with ShapedLink() as link:
        try:
            with inside(link.robot):
                demo.start()
            truth = RobotTruth(demo.data / "robots" / "kestrel-1")
            command = truth.run_dir / wire.command_file(0)
            until(command.exists, 60, "the simulated arm")
            output = Output(truth.run_dir)
            with far_page(link, demo, browser) as page:
                yield Far(link, demo, truth, output, page, read_config(truth.folder).robot)
            output.close()
        finally:
            demo.stop()


@contextlib.contextmanager
def far_page(link: ShapedLink, demo: DemoProcess, browser: Browser) -> Iterator[Page]:
    """In a Chromium at the operator's end; the site's address there counts as secure, as https would."""
    program = link.script(demo.data / "chromium", link.operator, executable())
    arguments = [*FLAGS, f"--unsafely-treat-insecure-origin-as-secure={demo.url}"]
    there = browser.browser_type.launch(executable_path=str(program), headless=True, args=arguments)
    page = there.new_page(viewport={"width": 1280, "height": 800})
    email, password = demo.people["operator"]
    page.goto(f"{demo.url}/sign-in/")
    page.fill("input[name=username]", email)
    page.fill("input[name=password]", password)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(f"{demo.url}/")
    try:
        yield page
    finally:
        there.close()


def press_stop(cockpit: CockpitPage) -> float:
    """The monotonic second just before the key."""
    at_s = time.monotonic()
    cockpit.page.keyboard.press("Escape")
    return at_s
