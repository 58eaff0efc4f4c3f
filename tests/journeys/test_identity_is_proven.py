"""Who answers is proven: swapped fingerprints, wrong signatures, a changed key and another page's permit lead to no motion."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocketRoute

from tests.demo_process import DemoProcess
from tests.journeys.cockpit_page import CockpitPage, robot_id
from tests.robot_truth import RobotTruth

OTHER = ":".join(["AB"] * 32)  # a fingerprint of nobody here
FINGERPRINT = re.compile(r"(a=fingerprint:sha-256 )\S+")
Change = Callable[[dict[str, Any]], dict[str, Any] | None]


def as_it_is(message: dict[str, Any]) -> dict[str, Any] | None:
    return message


def stand_between(page: Page, to_page: Change = as_it_is, to_server: Change = as_it_is) -> None:
    """Everything between this page and the server goes through these two; None swallows a message."""

    def passed_on(change: Change, deliver: Callable[[str], None]) -> Callable[[str | bytes], None]:
        def deliver_changed(raw: str | bytes) -> None:
            changed = change(json.loads(raw))
            if changed is not None:
                deliver(json.dumps(changed))

        return deliver_changed

    def between(ours: WebSocketRoute) -> None:
        server = ours.connect_to_server()
        ours.on_message(passed_on(to_server, server.send))
        server.on_message(passed_on(to_page, ours.send))

    page.route_web_socket(re.compile("/ws/teleop/"), between)


def swap(message: dict[str, Any], kind: str, **fields: Any) -> dict[str, Any]:
    """The message with these fields of its kind replaced; `sdp` stands for the fingerprint in it."""
    if message["type"] != kind:
        return message
    if "sdp" in fields:
        fields = {**fields, "sdp": FINGERPRINT.sub(rf"\g<1>{fields['sdp']}", message["sdp"])}
    return {**message, **fields}


LIES: dict[str, tuple[Change, Change]] = {
    "another fingerprint in the answer": (lambda m: swap(m, "answer", sdp=OTHER), as_it_is),
    "another fingerprint, named as well": (lambda m: swap(m, "answer", sdp=OTHER, fingerprint=OTHER), as_it_is),
    "a signature of somebody else": (lambda m: swap(m, "answer", signature="A" * 86 + "=="), as_it_is),
    "a signature that is no signature": (lambda m: swap(m, "answer", signature="*"), as_it_is),
    "another fingerprint of the page in the offer": (as_it_is, lambda m: swap(m, "offer", sdp=OTHER)),
}


@pytest.fixture
def truth(demo: DemoProcess) -> RobotTruth:
    return RobotTruth(demo.data / "robots" / "kestrel-1")


def wait(page: Page, connection: str) -> None:
    script = "word => document.querySelector('robot-cockpit')?.dataset.connection === word"
    page.wait_for_function(script, arg=connection, timeout=20_000)


def test_what_a_relay_swaps_is_refused_and_said(demo: DemoProcess, signed_in: Callable[..., Page], truth: RobotTruth) -> None:
    page = signed_in("operator")
    address = f"{demo.url}/teleop/{robot_id(page)}/"
    told = [(as_it_is, as_it_is)]
    stand_between(page, lambda m: told[0][0](m), lambda m: told[0][1](m))
    for name in LIES:
        told[0] = LIES[name]
        page.goto(address)
        wait(page, "refused")
        banner = page.locator('[data-ref="banner"]').inner_text()
        assert "Connection refused" in banner and "administrator" in banner, f"{name}: {banner}"
        page.get_by_role("button", name="Take control").click(force=True)
        page.wait_for_timeout(300)
        assert page.locator("robot-cockpit").get_attribute("data-ready") == "no", name
        assert page.locator("robot-cockpit").get_attribute("data-lease") == "none", name
        assert truth.status().lease is None, name
    told[0] = (as_it_is, as_it_is)
    page.goto(address)
    wait(page, "live")


def test_a_changed_key_waits_for_the_persons_decision(demo: DemoProcess, signed_in: Callable[..., Page]) -> None:
    page = signed_in("operator")
    robot = robot_id(page)
    cockpit = CockpitPage(page, demo.url, robot)
    slot = f"reins.robot-key.{robot}"
    key = page.evaluate("slot => localStorage.getItem(slot)", slot)
    assert key, "the first key is kept"
    older = "A" * 43 + "="
    page.evaluate("([slot, key]) => localStorage.setItem(slot, key)", [slot, older])
    page.goto(f"{demo.url}/teleop/{robot}/")
    wait(page, "refused")
    dialog = page.get_by_role("dialog").filter(has_text="key changed")
    assert "Ask an administrator" in dialog.inner_text()
    for way in ("Escape", "reload"):
        page.reload() if way == "reload" else page.keyboard.press(way)
        wait(page, "refused")
        dialog.wait_for()
        assert page.evaluate("slot => localStorage.getItem(slot)", slot) == older, f"{way} is no decision"
    assert cockpit.says("ready") == "no"
    dialog.get_by_role("button", name="Leave").click()
    page.wait_for_url(f"{demo.url}/")
    page.goto(f"{demo.url}/teleop/{robot}/")
    dialog.get_by_role("button", name="Trust the new key").click()
    cockpit.wait("connection", "live")
    assert page.evaluate("slot => localStorage.getItem(slot)", slot) == key
    if cockpit.says("stop") != "rest":  # Escape is the remote stop from any focus, also in this dialog
        page.get_by_label("I have looked at the robot").check()
        page.get_by_role("button", name="Clear").first.click()
        cockpit.wait("stop", "rest")
    cockpit.take()


def test_the_kernel_refuses_a_permit_that_was_written_for_another_page(
    demo: DemoProcess, signed_in: Callable[..., Page], truth: RobotTruth
) -> None:
    stolen: list[Any] = []

    def keep(message: dict[str, Any]) -> dict[str, Any] | None:
        if message["type"] != "permitted":
            return message
        stolen.append(message["permit"])
        return None

    def give(message: dict[str, Any]) -> dict[str, Any]:
        return {**message, "permit": stolen[-1]} if message["type"] == "permitted" else message

    victim, thief = signed_in("operator"), signed_in("engineer")
    stand_between(victim, to_page=keep)
    stand_between(thief, to_page=give)
    cockpits = [CockpitPage(page, demo.url, robot_id(page)) for page in (victim, thief)]
    for cockpit in cockpits:
        cockpit.wait("ready", "yes")
    victim.bring_to_front()
    victim.get_by_role("button", name="Take control").click()
    for _ in range(50):
        if stolen:
            break
        victim.wait_for_timeout(100)
    assert stolen
    thief.get_by_role("button", name="Take control").click()
    thief.get_by_text("written for another connection").first.wait_for(timeout=10_000)
    assert cockpits[1].says("lease") != "mine"
    assert truth.status().lease is None
