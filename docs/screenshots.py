"""Takes the pictures in docs/images from a running demo: `make screenshots` (PORT as for `make demo`).

Signs in, drives the first robot's arm, records it, labels it, puts it in a dataset; needs the demo's own people.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from playwright.sync_api import Page, TimeoutError

from tests.chromium import chromium

IMAGES = Path(__file__).resolve().parent / "images"
DATASET = "Tabletop"
DRIVEN = "() => [...document.querySelectorAll('.ecard')].filter(card => card.textContent.includes('lift the red cube')).length"
CHECKED = "() => ![...document.querySelectorAll('.ecard')].some(card => card.textContent.includes('being checked'))"
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
        page.goto(f"{url}/episodes/")
        page.wait_for_timeout(3000)
        before = page.evaluate(DRIVEN)
        _drive_and_record(page, url)
        page.goto(f"{url}/episodes/")
        page.wait_for_function(f"before => ({DRIVEN})() > before && ({CHECKED})()", arg=before, timeout=60_000)
        _add_all_to_a_dataset(page)
        page.wait_for_timeout(2000)
        _take(page, "episodes")
        page.locator(".ecard", has_text="lift the red cube").first.click()
        page.wait_for_url(f"{url}/episodes/*/")
        page.wait_for_timeout(4000)
        page.keyboard.press("y")
        page.keyboard.press("4")
        for _ in range(9):
            page.keyboard.press("Shift+ArrowRight")
        page.wait_for_timeout(2000)
        _take(page, "player")
        page.goto(f"{url}/datasets/")
        page.get_by_role("link", name=DATASET).click()
        page.get_by_role("button", name="Statistics").click()
        page.get_by_text("Where the gripper went").wait_for(timeout=60_000)
        page.wait_for_timeout(1000)
        _take(page, "dataset")


def _add_all_to_a_dataset(page: Page) -> None:
    page.keyboard.press("a")
    page.get_by_text("selected").wait_for()
    page.keyboard.press("d")
    page.keyboard.type(DATASET)
    page.keyboard.press("Enter")
    page.get_by_text("in the draft of").wait_for()
    page.reload()  # without what is said of it


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
    _end(page)
    _wait(page, "recording", "saved", "idle")


def _end(page: Page) -> None:
    """Control is taken again where taking the picture has stalled the page for longer than the deadman allows."""
    for _ in range(10):
        _take_control(page)
        try:
            return page.get_by_role("button", name="Success").first.click(timeout=2000)
        except TimeoutError:
            continue
    raise RuntimeError("The machine is too slow to stay in control: end other programs and try again.")


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
