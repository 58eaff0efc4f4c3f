"""Journey A: a frame reaches the operator, straight from the robot."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page

from tests.demo_process import DemoProcess
from tests.journeys.cockpit_page import CockpitPage, robot_id


def test_the_fleet_page_shows_the_robot_with_a_picture(demo: DemoProcess, signed_in: Callable[..., Page]) -> None:
    page = signed_in("viewer")
    page.get_by_text("kestrel-1").first.wait_for()
    page.wait_for_function(
        "() => [...document.querySelectorAll('robot-fleet img')].some(i => i.naturalWidth > 0)", timeout=15_000
    )


def test_live_video_reaches_the_page_and_its_age_is_known(demo: DemoProcess, signed_in: Callable[..., Page]) -> None:
    page = signed_in("operator")
    cockpit = CockpitPage(page, demo.url, robot_id(page))
    page.wait_for_function("() => Number(document.querySelector('robot-cockpit').dataset.g2gMs) > 0", timeout=20_000)
    frames = "(() => document.querySelector('robot-cockpit video').getVideoPlaybackQuality().totalVideoFrames)()"
    before = page.evaluate(frames)
    page.wait_for_timeout(2000)
    assert page.evaluate(frames) - before >= 20, "fewer than 10 pictures a second reached the page"
    assert float(cockpit.says("g2gMs")) < 1000


def test_a_viewer_watches_and_may_not_take(demo: DemoProcess, signed_in: Callable[..., Page]) -> None:
    page = signed_in("viewer")
    cockpit = CockpitPage(page, demo.url, robot_id(page))
    assert cockpit.says("ready") == "no"
    page.get_by_text("Your role lets you watch").first.wait_for()
