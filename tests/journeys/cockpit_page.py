"""The cockpit as a person uses it: keys and buttons, and what the element says of itself."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page

from tests.robot_truth import RobotTruth, until


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
        self.hold("Space", *keys)
        try:
            until(reached, within_s, f"the arm where {keys} lead")
        finally:
            self.let_go(*keys, "Space")

    def take_and_lift(self, truth: RobotTruth, by_m: float = 0.02, tries: int = 3) -> None:
        """Control is really there: the arm goes up.

        A machine that is too busy for a moment costs the lease, or asks for all keys to be let go once; then as a person would.
        """
        start_m = truth.tool()[2]
        for last in (False,) * (tries - 1) + (True,):
            if self.says("lease") != "mine":
                self.take()
            self.hold("Space", "KeyR")
            try:
                until(lambda: truth.tool()[2] > start_m + by_m, 8, "the arm lifted")
                return
            except AssertionError as error:
                pill = self.page.locator('[data-ref="pill"]').inner_text()
                if last or (self.says("lease") == "mine" and "let go" not in pill):
                    state = self.page.evaluate("JSON.stringify(document.querySelector('robot-cockpit')?.dataset)")
                    raise AssertionError(f"{error}; the cockpit says {pill} {state}; the kernel {truth.status()}") from error
            finally:
                self.let_go("KeyR", "Space")


def robot_id(page: Page, name: str = "kestrel-1") -> str:
    """As the API knows it."""
    script = "name => fetch('/api/robots').then(r => r.json()).then(all => all.find(r => r.name === name).id)"
    return str(page.evaluate(script, name))
