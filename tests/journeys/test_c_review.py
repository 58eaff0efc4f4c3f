"""Journey C goes on: an episode recorded in the cockpit is reviewed with keys alone, and looked at a second time blind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.demo_process import DemoProcess
from tests.journeys.recorded import episodes, record

CENTRE = """document.querySelector('[data-part="centre"]')"""


class PlayerPage:
    """An open player, worked with keys only.  What it shows and what the server keeps are asked, never changed."""

    def __init__(self, page: Page, url: str, episode: str) -> None:
        self.page, self.episode = page, episode
        page.goto(url)
        self.until(f"{CENTRE}?.dataset.plots === 'drawn'")

    def until(self, condition: str) -> None:
        try:
            self.page.wait_for_function(f"() => {condition}", timeout=20_000)
        except Exception as error:
            state = self.page.evaluate("JSON.stringify([document.querySelector('episode-player')?.dataset, document.title])")
            raise AssertionError(f"{condition} did not come true; the player says {state}") from error

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def write(self, key: str, words: str) -> None:
        """Opens the form of `key`, writes, keeps."""
        self.press(key)
        self.page.wait_for_function("() => document.activeElement.matches('input, textarea')")
        self.page.keyboard.type(words)
        self.press("Enter")

    def kept(self, **wanted: Any) -> dict[str, Any]:
        """Waits until the server keeps exactly these labels; the whole episode."""
        found: dict[str, Any] = {}
        for _ in range(100):
            found = self.page.evaluate("id => fetch(`/api/episodes/${id}`).then(r => r.json())", self.episode)
            if all(found[name] == value for name, value in wanted.items()):
                return found
            self.page.wait_for_timeout(50)
        raise AssertionError(f"wanted {wanted}, the server keeps { ({name: found.get(name) for name in wanted}) }")

    def shows(self, row: int) -> None:
        """Every camera really shows this row, and the page names it."""
        self.until(f"{CENTRE}.dataset.frame === '{row}' && {CENTRE}.dataset.shown === '{row} {row}'")


@pytest.fixture
def episode(demo: DemoProcess, signed_in: Callable[..., Page]) -> dict[str, Any]:
    page = signed_in("operator")
    there = [one for one in episodes(page) if one["playable"] and not one["reviewed"] and one["outcome"] == "success"]
    return there[0] if there else record(demo, page)


def test_an_episode_is_reviewed_with_keys_only_and_looked_at_again_blind(
    demo: DemoProcess, signed_in: Callable[..., Page], episode: dict[str, Any]
) -> None:
    url = f"{demo.url}/episodes/{episode['id']}/"
    first = PlayerPage(signed_in("operator"), f"{url}?frame=7", episode["id"])
    _moves(first)
    _labels(first, episode["rows"])
    _second_look(first, PlayerPage(signed_in("engineer"), url, episode["id"]))


def _moves(player: PlayerPage) -> None:
    player.shows(7)
    player.press("ArrowRight", "Shift+ArrowRight", "Control+ArrowLeft")
    player.shows(13)
    player.until("location.hash === '#f=13'")
    player.press("Space")
    player.until(f"Number({CENTRE}.dataset.frame) > 20")
    player.press("Space", "Home")
    player.shows(0)


def _labels(player: PlayerPage, rows: int) -> None:
    player.press("x", "2", "4")
    player.kept(outcome="failure", failure="dropped", quality=4, reviewed=True)
    player.press("Control+z", "Control+z", "Control+z")
    player.kept(outcome="success", failure="", quality=None, reviewed=False)
    player.press("y", "5")
    player.write("t", "bench A")
    player.write("c", "Clean lift.")
    player.press("Shift+ArrowRight", "i", "End", "Shift+ArrowLeft", "o")
    player.kept(
        outcome="success", quality=5, tags=["bench A"], comment="Clean lift.", trim_first=10, trim_last=rows - 11, reviewed=True
    )
    player.press("m", "ArrowLeft", "Control+Shift+ArrowRight", "Control+Shift+ArrowDown", "Enter")
    player.page.wait_for_function("() => document.activeElement.matches('.naming input')")
    player.page.keyboard.type("gripper")
    player.press("Enter")
    player.until("document.querySelector('[data-part=\"marks\"]').textContent.includes('gripper')")
    player.press("Delete")
    player.kept(removed=True)
    player.press("u")
    player.kept(removed=False)
    player.press("f")
    player.kept(flagged=True)


def _second_look(first: PlayerPage, second: PlayerPage) -> None:
    """The second reviewer sees no label before giving one; then both see how far they agree."""
    second.kept(second_look=True, outcome="unlabelled", quality=None, comment="")
    second.press("y", "3", "Enter")
    second.kept(second_look=False, outcome="success", quality=5, flagged=False)
    second.until("/agree in 1 of 1/.test(document.querySelector('[data-part=\"second\"]').textContent)")
    first.press("r", "Enter")  # one after the other: the next that nobody has reviewed, or none
    done = "[...document.querySelectorAll('.toast')].some(one => one.textContent.includes('Nothing is left'))"
    first.until(f"{done} || document.querySelector('episode-player').dataset.episode !== '{first.episode}'")
