"""Journey C goes on: an episode recorded in the cockpit is reviewed with keys alone, and looked at a second time blind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page

from tests.demo_process import DemoProcess
from tests.journeys.player_page import CENTRE, PlayerPage


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
