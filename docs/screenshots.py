"""Takes the pictures in docs/images from a running demo: `make screenshots` (PORT as for `make demo`).

Signs in, drives the first robot's arm, records it, plays it back; needs the demo's own people.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from playwright.sync_api import Page

from tests.chromium import chromium

IMAGES = Path(__file__).resolve().parent / "images"
PASSWORD = "reins-demo"  # noqa: S105  # of the demo's people


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8000)
    url = f"http://127.0.0.1:{parser.parse_args().port}"
    IMAGES.mkdir(exist_ok=True)
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{url}/sign-in/")
        _take(page, "sign-in")
        _sign_in(page, url)
        page.wait_for_function("() => [...document.querySelectorAll('robot-fleet img')].some(i => i.naturalWidth > 0)")
        page.wait_for_timeout(2000)
        _take(page, "fleet")
        _drive_and_record(page, url)
        page.goto(f"{url}/episodes/")
        page.get_by_text("lift the red cube").first.wait_for(timeout=60_000)
        page.wait_for_timeout(2000)
        _take(page, "episodes")
        page.get_by_text("lift the red cube").first.click()
        page.wait_for_url(f"{url}/episodes/*/")
        page.wait_for_timeout(4000)
        for _ in range(9):
            page.keyboard.press("Shift+ArrowRight")
        page.wait_for_timeout(2000)
        _take(page, "player")


def _sign_in(page: Page, url: str) -> None:
    page.fill("input[name=username]", "operator@demo.example")
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(f"{url}/")


def _drive_and_record(page: Page, url: str) -> None:
    robot = page.evaluate("() => fetch('/api/robots').then(r => r.json()).then(all => all[0].id)")
    page.goto(f"{url}/teleop/{robot}/")
    _take_control(page)
    page.get_by_placeholder("What is shown, in a sentence").fill("lift the red cube")
    page.get_by_role("button", name="Record").first.click()
    _wait(page, "recording", "recording")
    page.locator("robot-cockpit video").first.click()
    for key, milliseconds in (("KeyW", 900), ("KeyF", 1200), ("KeyG", 600), ("KeyR", 1500), ("KeyA", 1200)):
        _hold(page, key, milliseconds)
    page.keyboard.down("Space")
    page.keyboard.down("KeyD")
    page.wait_for_timeout(900)
    _take(page, "cockpit")
    page.keyboard.up("KeyD")
    page.keyboard.up("Space")
    _take_control(page)  # again, should taking the picture have stalled the page for longer than the deadman allows
    page.get_by_role("button", name="Success").first.click()
    _wait(page, "recording", "saved", "idle")


def _take_control(page: Page) -> None:
    if page.evaluate("() => document.querySelector('robot-cockpit').dataset.lease") == "mine":
        return
    _wait(page, "ready", "yes")
    page.get_by_role("button", name="Take control").click()
    _wait(page, "lease", "mine")


def _hold(page: Page, key: str, milliseconds: int) -> None:
    page.keyboard.down("Space")
    page.keyboard.down(key)
    page.wait_for_timeout(milliseconds)
    page.keyboard.up(key)
    page.keyboard.up("Space")


def _wait(page: Page, name: str, *values: str) -> None:
    script = "([name, values]) => values.includes(document.querySelector('robot-cockpit')?.dataset[name])"
    page.wait_for_function(script, arg=[name, list(values)], timeout=30_000)


def _take(page: Page, name: str) -> None:
    page.screenshot(path=IMAGES / f"{name}.png")
    sys.stdout.write(f"docs/images/{name}.png\n")


if __name__ == "__main__":
    main()
