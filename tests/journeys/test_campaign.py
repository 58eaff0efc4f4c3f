"""An operator works on a campaign without leaving the cockpit: two takes kept, one done again, all by keys."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page

from tests.demo_process import DemoProcess
from tests.journeys.cockpit_page import CockpitPage, robot_id
from tests.robot_truth import until

ASK = """async ([method, address, body]) => {
  const token = /csrftoken=([^;]+)/.exec(document.cookie)?.[1] ?? "";
  const headers = {"Content-Type": "application/json", "X-CSRFToken": token};
  const answer = await fetch("/api/" + address, {method, headers, body: body ? JSON.stringify(body) : undefined});
  return await answer.json();
}"""


def ask(page: Page, method: str, address: str, body: dict[str, Any] | None = None) -> Any:
    return page.evaluate(ASK, [method, address, body])


def planned(page: Page, robot: str) -> str:
    """An open campaign of two prompts, one take each."""
    site = int(ask(page, "GET", "campaigns")["sites"][0]["id"])
    prompts = [
        {"instruction": "Lift the red cube", "reset": "Put the cube on the mat", "goal": 1},
        {"instruction": "Push the bowl", "goal": 1},
    ]
    body = {"site": site, "name": "Lift by Friday", "robots": [robot], "prompts": prompts, "countdown_s": 1}
    campaign = ask(page, "POST", "campaigns", body)
    assert ask(page, "POST", f"campaigns/{campaign['id']}/state", {"version": 1, "state": "open"})["state"] == "open"
    return str(campaign["id"])


def press(cockpit: CockpitPage, key: str, reached: Callable[[], bool]) -> None:
    """Presses the key until it has done what it should; takes control again where a stalled machine lost it."""
    end_s = time.monotonic() + 60
    while time.monotonic() < end_s:
        if cockpit.says("lease") != "mine":
            cockpit.take()
        cockpit.page.keyboard.press(key)
        for _ in range(40):
            if reached():
                return
            cockpit.page.wait_for_timeout(50)
            if cockpit.says("lease") != "mine":
                break
    raise AssertionError(f"{key} did not do what it should; {cockpit.everything()}")


def at(cockpit: CockpitPage, *phases: str) -> Callable[[], bool]:
    return lambda: cockpit.says("campaign") in phases


def record(cockpit: CockpitPage, end: str) -> str:
    """One take, from Start to its end by a key; its prompt."""
    cockpit.wait("campaign", "armed")
    prompt = cockpit.page.locator(".ck-prompt").inner_text()
    press(cockpit, "Enter", at(cockpit, "recording"))
    cockpit.page.wait_for_timeout(300)
    press(cockpit, end, at(cockpit, "asking", "armed", "resting"))
    return prompt


def test_an_operators_takes_follow_one_another_in_the_cockpit(demo: DemoProcess, signed_in: Callable[..., Page]) -> None:
    engineer = signed_in("engineer")
    robot = robot_id(engineer)
    campaign = planned(engineer, robot)
    page = signed_in("operator")
    cockpit = CockpitPage(page, demo.url, robot)
    page.get_by_label("Campaign").select_option(label="Lift by Friday")
    cockpit.wait("campaign", "armed")
    assert page.get_by_text("Put the cube on the mat").is_visible()
    press(cockpit, "KeyO", page.get_by_text("The objects are back.").is_visible)
    press(cockpit, "Enter", page.locator('[data-ref="count"]').is_visible)
    press(cockpit, "Backspace", at(cockpit, "armed"))
    prompts = [record(cockpit, key) for key in ("Backspace", "KeyY", "KeyY")]
    assert prompts == ["Lift the red cube", "Lift the red cube", "Push the bowl"]
    page.locator(".ck-prompt", has_text="Every goal is reached").wait_for()
    until(lambda: ask(page, "GET", f"campaigns/{campaign}")["state"] == "done", 30, "both takes at the server")
    now = ask(page, "GET", f"campaigns/{campaign}")
    assert (now["have"], [prompt["have"] for prompt in now["prompts"]]) == (2, [1, 1])
    assert [(cell["person"]["name"], cell["have"]) for cell in now["cells"]] == [("Mina Okafor", 1), ("Mina Okafor", 1)]
    assert page.evaluate("(({scrollHeight, clientHeight}) => scrollHeight <= clientHeight)(document.querySelector('.side'))")
    assert "/teleop/" in page.url
