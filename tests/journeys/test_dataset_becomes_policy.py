"""A frozen version becomes a policy: an engineer presses Train, watches it learn on a real worker, opens what came of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.demo_process import DemoProcess

MINUTE = 60_000


def frozen(page: Page, episode: str) -> str:
    """The address of a version that holds one episode."""
    return str(
        page.evaluate(
            """async (episode) => {
              const token = document.cookie.match(/csrftoken=([^;]+)/)[1];
              const send = (url, body) => fetch(url, {method: "POST", body: JSON.stringify(body),
                headers: {"Content-Type": "application/json", "X-CSRFToken": token}}).then((answer) => answer.json());
              const made = await send("/api/datasets", {name: `to learn from ${Date.now()}`});
              await send(`/api/datasets/${made.id}/picks`, {picks: {[episode]: "added"}});
              await send(`/api/datasets/${made.id}/versions`, {version: made.version, reason: "to learn from"});
              return `/datasets/${made.id}/?version=1`;
            }""",
            episode,
        )
    )


def test_train_is_pressed_and_a_candidate_comes_of_it(
    demo: DemoProcess, signed_in: Callable[..., Page], episode: dict[str, Any], tmp_path: Path
) -> None:
    page = signed_in("engineer")
    page.goto(demo.url + frozen(page, episode["id"]))
    page.get_by_role("link", name="Train on it").click()
    page.get_by_label("Name of the policy").fill("cubes")
    page.get_by_label("Steps").fill("60")
    page.get_by_label("Batch").fill("8")
    page.get_by_role("button", name="Train", exact=True).click()

    page.wait_for_url("**/trainings/*/")
    expect(page.locator("training-page h1")).to_have_text("cubes")
    expect(page.locator('[data-chart="loss"] canvas')).to_be_visible(timeout=2 * MINUTE)
    expect(page.locator(".sample .cam img").first).to_be_visible(timeout=2 * MINUTE)
    page.get_by_role("link", name="Open cubes 1").click(timeout=2 * MINUTE)

    expect(page.locator("policy-page h1")).to_have_text("cubes 1")
    expect(page.locator(".lin")).to_contain_text("Training cubes")
    expect(page.locator(".lin")).to_contain_text("to learn from")
    with page.expect_download() as begun:
        page.get_by_role("link", name="Export").click()
    begun.value.save_as(tmp_path / "cubes-1.tar")

    page.goto(f"{demo.url}/policies/")
    page.keyboard.press("i")
    page.locator("input[name=tar]").set_input_files(tmp_path / "cubes-1.tar")
    page.locator("dialog").get_by_role("button", name="Import", exact=True).click()
    expect(page.locator("policy-page h1")).to_have_text("cubes 1", timeout=MINUTE)  # the same content is there once
    page.get_by_role("button", name="Production").click()
    expect(page.locator(".stage[aria-current]")).to_contain_text("Production, now")
