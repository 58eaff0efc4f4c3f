"""The cockpit as a person uses it: keys and buttons, and what the element says of itself."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page


class CockpitPage:
    """An open `/teleop/<robot>/`."""

    def __init__(self, page: Page, url: str, robot: str) -> None:
        self.page = page
        page.goto(f"{url}/teleop/{robot}/")
        self.wait("connection", "live")

    def says(self, name: str) -> str:
        value = self.page.evaluate("name => document.querySelector('robot-cockpit').dataset[name] ?? ''", name)
        return str(value)

    def wait(self, name: str, *values: str, within_s: float = 20.0) -> None:
        script = "([name, values]) => values.includes(document.querySelector('robot-cockpit')?.dataset[name])"
        try:
            self.page.wait_for_function(script, arg=[name, list(values)], timeout=within_s * 1000)
        except Exception as error:
            state = self.page.evaluate("JSON.stringify(document.querySelector('robot-cockpit')?.dataset)")
            raise AssertionError(f"{name} did not become {values}; the cockpit says {state}") from error

    def take(self) -> None:
        self.wait("ready", "yes")
        self.page.get_by_role("button", name="Take control").click()
        self.wait("lease", "mine")

    def hold(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.down(key)

    def let_go(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.up(key)

    def drive_until(self, *keys: str, reached: Callable[[], bool], within_s: float = 10.0) -> None:
        """Holds Space and the keys until `reached`, then lets go."""
        from tests.robot_truth import until

        self.hold("Space", *keys)
        try:
            until(reached, within_s, f"the arm where {keys} lead")
        finally:
            self.let_go(*keys, "Space")


def robot_id(page: Page, name: str = "kestrel-1") -> str:
    """As the API knows it."""
    script = "name => fetch('/api/robots').then(r => r.json()).then(all => all.find(r => r.name === name).id)"
    return str(page.evaluate(script, name))
