"""The cockpit as a person uses it: keys and buttons, and what the element says of itself."""

from __future__ import annotations

import time
from collections.abc import Callable

from playwright.sync_api import Page

from tests.robot_truth import RobotTruth


class CockpitPage:
    """An open `/teleop/<robot>/`."""

    def __init__(self, page: Page, url: str = "", robot: str = "") -> None:
        """Opens the robot's; without one the page stands at a cockpit already."""
        self.page = page
        if robot:
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

    def drive_until(self, *keys: str, reached: Callable[[], bool], within_s: float = 30.0) -> None:
        """Holds Space and the keys until `reached`, then lets go."""
        try:
            self.keep_driving(*keys, reached=reached, within_s=within_s)
        finally:
            self.let_go(*keys, "Space")

    def keep_driving(self, *keys: str, reached: Callable[[], bool], within_s: float = 30.0) -> None:
        """Leaves the keys held.

        A machine that stalls the page for a quarter of a second costs it the lease, rightly, or asks for all keys to be let
        go once; then this does as a person would.
        """
        end_s = time.monotonic() + within_s
        self.hold("Space", *keys)
        while not reached():
            assert time.monotonic() < end_s, f"the arm never came where {keys} lead; {self.everything()}"
            if self.says("lease") != "mine" or "let go of all keys" in self.pill():
                self.let_go(*keys, "Space")
                if self.says("lease") != "mine":
                    self.take()
                self.page.wait_for_timeout(100)
                self.hold("Space", *keys)
            self.page.wait_for_timeout(20)

    def take_and_lift(self, truth: RobotTruth, by_m: float = 0.02) -> None:
        """Control is really there: the arm goes up."""
        start_m = truth.tool()[2]
        if self.says("lease") != "mine":
            self.take()
        self.drive_until("KeyR", reached=lambda: truth.tool()[2] > start_m + by_m)

    def pill(self) -> str:
        """What the pill in the picture says."""
        return self.page.locator('[data-ref="pill"]').inner_text()

    def everything(self) -> str:
        state = self.page.evaluate("() => JSON.stringify(document.querySelector('robot-cockpit')?.dataset)")
        return f"the cockpit says {self.pill()} {state}"


def robot_id(page: Page, name: str = "kestrel-1") -> str:
    """As the API knows it."""
    script = "name => fetch('/api/robots').then(r => r.json()).then(all => all.find(r => r.name === name).id)"
    return str(page.evaluate(script, name))
