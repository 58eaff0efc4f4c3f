"""The player as a reviewer uses it: keys, and what the page and the server say."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

CENTRE = """document.querySelector('[data-part="centre"]')"""


class PlayerPage:
    """An open player, worked with keys only.  What it shows and what the server keeps are asked, never changed."""

    def __init__(self, page: Page, url: str, episode: str) -> None:
        self.page, self.episode = page, episode
        page.goto(url)
        self.until(f"{CENTRE}?.dataset.plots === 'drawn'")

    def opened(self, episode: str) -> None:
        """Another episode is on the screen of the same page."""
        self.episode = episode
        self.until(f"document.querySelector('episode-player').dataset.episode === '{episode}'")

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
