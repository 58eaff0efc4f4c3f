"""Journey B: a command reaches the arm, and everything that must stop it does."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Page

from robot.world.embodiments import TABLETOP
from tests.demo_process import DemoProcess
from tests.journeys.cockpit_page import CockpitPage, robot_id
from tests.robot_truth import RobotTruth, until

assert TABLETOP.workspace is not None
LOW_M = 0.10  # where a rise begins: more than a second of driving below the top
HIGH_M = TABLETOP.workspace.high[2] - 0.03


@pytest.fixture
def truth(demo: DemoProcess) -> RobotTruth:
    return RobotTruth(demo.data / "robots" / "kestrel-1")


@pytest.fixture
def cockpit(demo: DemoProcess, signed_in: Callable[..., Page]) -> CockpitPage:
    page = signed_in("operator")
    return CockpitPage(page, demo.url, robot_id(page))


def stands_still(truth: RobotTruth) -> bool:
    """Within a second: when the page knows of a stop the arm may still be on its last millimetres."""
    for _ in range(4):
        before = truth.tool()
        time.sleep(0.25)
        if np.linalg.norm(truth.tool() - before) < 0.002:
            return True
    return False


def drive_up(cockpit: CockpitPage, truth: RobotTruth) -> None:
    """Starts from below and leaves the keys held while the arm is really rising."""
    cockpit.drive_until("KeyF", reached=lambda: truth.tool()[2] < LOW_M)
    start = truth.tool()[2]
    cockpit.keep_driving("KeyR", reached=lambda: truth.tool()[2] > start + 0.02)


def assert_stopped_on_the_way(cockpit: CockpitPage, truth: RobotTruth, why: str) -> None:
    """It stands while the keys are still held, and not because it reached the end of its workspace."""
    until(lambda: stands_still(truth), 3, why)
    assert truth.tool()[2] < HIGH_M, "it drove on to the top"
    cockpit.let_go("KeyR", "Space")


def test_keys_move_the_gripper_where_they_say(cockpit: CockpitPage, truth: RobotTruth) -> None:
    cockpit.take()
    assert truth.status().mode == "TELEOP"
    start = truth.tool()
    cockpit.drive_until("KeyR", reached=lambda: truth.tool()[2] > start[2] + 0.03)
    assert abs(truth.tool()[1] - start[1]) < 0.01, "it went up, and only up"
    until(lambda: stands_still(truth), 5, "standstill after letting go")
    high = truth.tool()
    cockpit.drive_until("KeyF", reached=lambda: truth.tool()[2] < high[2] - 0.03)
    cockpit.drive_until("KeyG", reached=lambda: truth.sensed("gripper") > 0.5)


def test_without_the_deadman_nothing_moves(cockpit: CockpitPage, truth: RobotTruth) -> None:
    cockpit.take()
    before = truth.tool()
    cockpit.hold("KeyR")
    cockpit.page.wait_for_timeout(800)
    cockpit.let_go("KeyR")
    assert np.linalg.norm(truth.tool() - before) < 0.003


def test_remote_stop_latches_until_a_person_has_looked(cockpit: CockpitPage, truth: RobotTruth) -> None:
    cockpit.take()
    cockpit.hold("Space", "KeyR")
    cockpit.page.wait_for_timeout(300)
    cockpit.page.keyboard.press("Escape")
    cockpit.wait("stop", "stopped")
    cockpit.let_go("KeyR", "Space")
    assert truth.status().mode == "ESTOP"
    assert stands_still(truth)
    cockpit.wait("mode", "ESTOP")
    cockpit.page.get_by_label("I have looked at the robot").check()
    cockpit.page.get_by_role("button", name="Clear").first.click()
    cockpit.wait("mode", "SAFE_HOLD")
    assert stands_still(truth), "clearing starts nothing"


def test_a_frozen_page_ends_the_lease(cockpit: CockpitPage, truth: RobotTruth) -> None:
    """Its main thread stands still for a while, as in a frozen tab: no heartbeat, so no lease, and none comes back."""
    cockpit.take()
    drive_up(cockpit, truth)
    cockpit.page.evaluate("() => setTimeout(() => { const end = performance.now() + 1500; while (performance.now() < end); })")
    until(lambda: truth.status().mode == "SAFE_HOLD", 3, "hold after the page froze")
    assert_stopped_on_the_way(cockpit, truth, "standstill after the page froze")
    assert truth.status().lease is None, "coming back takes nothing"


def test_a_hidden_tab_ends_the_lease_with_its_reason(cockpit: CockpitPage, truth: RobotTruth) -> None:
    cockpit.take()
    cockpit.page.evaluate(
        """() => { Object.defineProperty(document, 'hidden', {value: true, configurable: true});
        Object.defineProperty(document, 'visibilityState', {value: 'hidden', configurable: true});
        document.dispatchEvent(new Event('visibilitychange')); }"""
    )
    until(lambda: truth.status().reason == "HIDDEN", 3, "the page's own word that it is hidden")


def test_leaving_the_page_ends_the_lease(cockpit: CockpitPage, truth: RobotTruth) -> None:
    cockpit.take()
    cockpit.page.goto("about:blank")
    until(lambda: truth.status().mode == "SAFE_HOLD", 3, "hold after the page was left")


def test_blur_lifts_the_deadman_and_keeps_the_lease(cockpit: CockpitPage, truth: RobotTruth) -> None:
    cockpit.take()
    drive_up(cockpit, truth)
    cockpit.page.evaluate("() => window.dispatchEvent(new Event('blur'))")
    assert_stopped_on_the_way(cockpit, truth, "standstill after blur")
    assert cockpit.says("lease") == "mine"


def test_frozen_video_stops_the_arm(cockpit: CockpitPage, truth: RobotTruth) -> None:
    cockpit.take()
    media = truth.process("media")
    drive_up(cockpit, truth)
    media.suspend()
    try:
        assert_stopped_on_the_way(cockpit, truth, "standstill without fresh pictures")
    finally:
        media.resume()
        cockpit.let_go("KeyR", "Space")


def test_a_killed_kernel_means_standstill_and_no_old_lease(cockpit: CockpitPage, truth: RobotTruth) -> None:
    cockpit.take()
    epoch = truth.status().epoch
    drive_up(cockpit, truth)
    truth.process("kernel").kill()
    assert_stopped_on_the_way(cockpit, truth, "standstill after the kernel was killed")
    until(lambda: truth.status().epoch > epoch, 10, "a new kernel with a new epoch")
    assert truth.status().mode == "SAFE_HOLD"
    until(lambda: cockpit.says("lease") != "mine", 5, "the page knows that the old lease is gone")


WATCH = """winner => { const page = document.querySelector('robot-cockpit');
window.seen = {leases: new Set(), told: false};
new MutationObserver(() => { window.seen.leases.add(page.dataset.lease);
window.seen.told ||= page.innerText.includes(winner); }).observe(page, {attributes: true, childList: true, subtree: true}); }"""
TAKE = "() => [...document.querySelectorAll('button')].find(b => b.textContent.includes('Take control')).click()"
SEEN = "() => ({leases: [...window.seen.leases], told: window.seen.told})"


def test_two_take_at_once_and_one_learns_who_won(demo: DemoProcess, signed_in: Callable[..., Page]) -> None:
    """Looks at everything the pages showed, since a busy machine may well lose the winner's lease a moment later."""
    pages = {"Mina Okafor": signed_in("operator"), "Priya Raman": signed_in("engineer")}
    names = list(pages)
    for name, page in pages.items():
        CockpitPage(page, demo.url, robot_id(page)).wait("ready", "yes")
        page.evaluate(WATCH, next(other for other in names if other != name))
    for page in pages.values():
        page.evaluate(TAKE)
    until(lambda: any("mine" in page.evaluate(SEEN)["leases"] for page in pages.values()), 10, "one of them has it")
    winners = [name for name, page in pages.items() if "mine" in page.evaluate(SEEN)["leases"]]
    assert len(winners) == 1
    loser = next(page for name, page in pages.items() if name != winners[0])
    until(lambda: loser.evaluate(SEEN)["told"], 5, f"the other page names {winners[0]}")
