"""Journey F, the copied key: two programs with one key are both held until an administrator has looked."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.demo_process import ROOT, DemoProcess
from tests.journeys.cockpit_page import CockpitPage, robot_id
from tests.robot_truth import RobotTruth, until


@contextmanager
def running(folder: Path) -> Iterator[RobotTruth]:
    """The robot program on this folder, as somebody who copied it would start it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "robot", "run", "--dir", str(folder)],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield RobotTruth(folder)
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def truth(demo: DemoProcess) -> RobotTruth:
    return RobotTruth(demo.data / "robots" / "kestrel-1")


def held(truth: RobotTruth) -> bool:
    try:
        return truth.status().held
    except (AssertionError, FileNotFoundError):  # it is still starting
        return False


def test_a_copy_and_its_original_are_both_held_until_an_administrator_releases_one(
    demo: DemoProcess, signed_in: Callable[..., Page], truth: RobotTruth, tmp_path: Path
) -> None:
    driver, admin = signed_in("operator"), signed_in("admin")
    robot = robot_id(driver)
    cockpit = CockpitPage(driver, demo.url, robot)
    cockpit.take()
    card = admin.locator(f'.card[data-robot="{robot}"]')
    expect(card.get_by_role("button", name="Release hold")).to_have_count(0)
    copy = Path(shutil.copytree(truth.folder, tmp_path / "copy"))
    (copy / "run.json").unlink(missing_ok=True)
    with running(copy) as twin:
        until(lambda: held(truth) and held(twin), 40, "both programs are held")
        for one in (truth, twin):
            assert (one.status().mode, one.status().reason, one.status().lease) == ("SAFE_HOLD", "KEY_HELD", None)
        cockpit.wait("lease", "none", "lost")
        expect(card).to_contain_text("key is in use twice")
        assert "needs" in str(card.get_attribute("class"))
        driver.goto(f"{demo.url}/teleop/{robot}/")
        expect(driver.locator('[data-ref="banner"]')).to_contain_text("key is in use twice", timeout=15_000)
        assert cockpit.says("ready") == "no"
        driver.goto(demo.url)
        ours = driver.locator(f'.card[data-robot="{robot}"]')
        expect(ours).to_contain_text("key is in use twice")
        expect(ours.get_by_role("button", name="Release hold")).to_have_count(0)
    card.get_by_role("button", name="Release hold").click()
    question = admin.get_by_role("dialog", name="Release the hold")
    question.get_by_role("button", name="Keep holding").click()
    admin.wait_for_timeout(300)
    assert held(truth), "no decision, no release"
    card.get_by_role("button", name="Release hold").click()
    question.get_by_role("button", name="Release hold").click()
    until(lambda: not held(truth), 10, "the hold is over")
    expect(card).not_to_contain_text("key is in use twice")
    cockpit = CockpitPage(driver, demo.url, robot)
    cockpit.take_and_lift(truth)


def test_a_robot_whose_link_died_and_came_back_is_no_copy(
    demo: DemoProcess, signed_in: Callable[..., Page], truth: RobotTruth
) -> None:
    page = signed_in("admin")
    robot = robot_id(page)
    for _ in range(2):
        before = truth.process("link").pid
        truth.process("link").kill()
        until(lambda: linked(truth) not in (0, before), 10, "a new link process")  # noqa: B023  # used at once
    CockpitPage(page, demo.url, robot).wait("ready", "yes")
    page.wait_for_timeout(4000)  # a copy would have been found out by now
    assert not held(truth)


def linked(truth: RobotTruth) -> int:
    try:
        return int(truth.process("link").pid)
    except AssertionError:
        return 0
