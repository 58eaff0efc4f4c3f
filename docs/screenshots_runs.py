"""Takes the pictures of tasks, runs, help, takeover, a training and a policy from a running demo that has episodes.

`python docs/screenshots_runs.py [--port N] [--data FOLDER]`; sets the scene before its first robot.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from playwright.sync_api import Browser, Page

from tests.chromium import chromium

ROOT = Path(__file__).resolve().parent.parent
IMAGES = Path(__file__).resolve().parent / "images"
PASSWORD = "reins-demo"  # noqa: S105  # of the demo's people
SEED = "73"
#: freezes a version of all episodes; its address
FROZEN = """async () => {
  const token = document.cookie.match(/csrftoken=([^;]+)/)[1];
  const send = (url, body) => fetch(url, {method: "POST", body: JSON.stringify(body),
    headers: {"Content-Type": "application/json", "X-CSRFToken": token}}).then((answer) => answer.json());
  const made = await send("/api/datasets", {name: `all ${Date.now()}`, follows: true});
  await send(`/api/datasets/${made.id}/versions`, {version: made.version, reason: "to learn from"});
  return `/datasets/${made.id}/?version=1`;
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--data", type=Path, default=ROOT / ".reins")
    options = parser.parse_args()
    url, robot = f"http://127.0.0.1:{options.port}", options.data / "robots" / "kestrel-1"
    with chromium() as browser:
        _learning(_signed_in(browser, url, "engineer"), url)
        page = _signed_in(browser, url, "operator")
        _scene(robot)
        _start(page, url, "Pick up the red cube", "task")
        _phase(page, "moving")
        page.wait_for_timeout(1500)
        _take(page, "run")
        _phase(page, "ended", "holding")
        if page.evaluate("() => document.querySelector('run-page').dataset.phase") == "holding":
            page.keyboard.press("x")
            _phase(page, "ended")
        _scene(robot, "--paint", "red cube=purple")
        _start(page, url, "Pick up the red cube")
        _phase(page, "holding")
        _help(page, url)


def _signed_in(browser: Browser, url: str, role: str) -> Page:
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.goto(f"{url}/sign-in/")
    page.fill("input[name=username]", f"{role}@demo.example")
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(f"{url}/")
    return page


def _learning(page: Page, url: str) -> None:
    """A training on everything there is, while it learns; the policy that the demo brought."""
    page.goto(url + str(page.evaluate(FROZEN)))
    page.get_by_role("link", name="Train on it").click()
    page.get_by_label("Name of the policy").fill("tabletop")
    page.get_by_label("Steps").fill("2000")
    page.get_by_role("button", name="Train", exact=True).click()
    page.wait_for_url("**/trainings/*/")
    page.locator(".sample .cam img").first.wait_for(timeout=180_000)
    page.wait_for_timeout(60_000)
    _take(page, "training")
    page.keyboard.press("x")
    page.wait_for_timeout(3000)
    page.goto(f"{url}/policies/")
    page.get_by_role("link", name="starter").first.click()
    page.wait_for_url("**/policies/*/")
    page.wait_for_timeout(2000)
    _take(page, "policy")


def _help(page: Page, url: str) -> None:
    page.goto(f"{url}/help/")
    page.locator(".hp-row").first.wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url("**/help/*/")
    page.locator("[data-part=still]").wait_for()
    page.wait_for_timeout(2500)
    _take(page, "help")
    page.keyboard.press("t")
    page.wait_for_url("**/teleop/**")
    _cockpit(page, "ready", "yes")
    page.locator("robot-cockpit video").first.click()
    page.keyboard.press("Tab")
    _cockpit(page, "run", "taken")
    page.keyboard.down("Space")
    page.keyboard.down("KeyR")
    page.wait_for_timeout(900)
    _take(page, "takeover")
    page.keyboard.up("KeyR")
    page.keyboard.up("Space")
    page.get_by_role("button", name="End: failure").click()
    _cockpit(page, "run", "")


def _start(page: Page, url: str, sentence: str, picture: str = "") -> None:
    page.goto(f"{url}/tasks/new/")
    page.wait_for_function("() => document.querySelector('input[name=robot]:checked')", timeout=60_000)
    page.get_by_role("textbox", name="Sentence").fill(sentence)
    page.locator(".tk-verdict .chip.ok").wait_for()
    page.wait_for_timeout(2500)
    if picture:
        _take(page, picture)
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs/*/")


def _phase(page: Page, *phases: str) -> None:
    script = "phases => phases.includes(document.querySelector('run-page')?.dataset.phase)"
    page.wait_for_function(script, arg=list(phases), timeout=90_000)


def _cockpit(page: Page, name: str, value: str) -> None:
    script = "([name, value]) => document.querySelector('robot-cockpit')?.dataset[name] === value"
    page.wait_for_function(script, arg=[name, value], timeout=30_000)


def _scene(robot: Path, *words: str) -> None:
    command = [sys.executable, "-m", "robot", "scene", "--dir", str(robot), "--scene", "cubes", "--seed", SEED, *words]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def _take(page: Page, name: str) -> None:
    page.screenshot(path=IMAGES / f"{name}.png")
    sys.stdout.write(f"docs/images/{name}.png\n")


if __name__ == "__main__":
    main()
