"""Journey E up to the draft: a thing in a colour that nobody trained on, doubt, help, a takeover, a hand back, a lesson."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from tests.demo_process import DemoProcess
from tests.journeys.cockpit_page import CockpitPage
from tests.journeys.run_page import NewTask, RunPage, asked, scene
from tests.robot_truth import RobotTruth, until

SEED, DRAFT, SENTENCE = "73", "Lessons", "Go to the red cube"


def test_a_doubt_is_answered_by_hand_and_becomes_a_lesson(demo: DemoProcess, signed_in: Callable[..., Page]) -> None:
    page = signed_in("operator")
    asked(page, "POST", "/api/datasets", {"name": DRAFT})
    _unpainted_it_is_sure_of_itself(page, demo)
    scene(demo, "--scene", "cubes", "--seed", SEED, "--paint", "red cube=purple")
    new = NewTask(page, demo.url)
    new.say(SENTENCE)
    run = new.start()
    run.until("holding", within_s=60)
    _asks_with_what_it_saw(page, demo, run)
    cockpit = _taken_over_with_keys(page, demo)
    _handed_back_with_a_key(cockpit, run)
    _ended(page, demo, run)
    _in_the_draft(page)


def _unpainted_it_is_sure_of_itself(page: Page, demo: DemoProcess) -> None:
    """The same words in the same scene, in colours that it knows: what doubts whatever it sees never gets here."""
    scene(demo, "--scene", "cubes", "--seed", SEED)
    new = NewTask(page, demo.url)
    new.say(SENTENCE)
    run = new.start()
    run.until("moving", "holding", "ended", within_s=60)
    run.ended()
    doubts = run.doubts()
    assert len(doubts) >= 5 and sum(doubts) < len(doubts) / 2, doubts


def _asks_with_what_it_saw(page: Page, demo: DemoProcess, run: RunPage) -> None:
    until(lambda: run.row()["help"] != "", 60, "it asks")
    page.goto(f"{demo.url}/help/")
    expect(page.locator("[data-help-count]").first).to_have_text("1")
    expect(page.locator(".hp-row")).to_have_count(1)
    page.keyboard.press("Enter")
    page.wait_for_url("**/help/*/")
    expect(page.locator("[data-part=still]")).to_be_visible(timeout=10_000)
    request = asked(page, "GET", f"/api/help/{page.url.rstrip('/').rsplit('/', 1)[-1]}")
    assert request["reason"] == "doubt" and request["doubt"] >= request["limit"] and request["pictures"] > 0
    assert request["reasoning"]["target"]["name"]


def _taken_over_with_keys(page: Page, demo: DemoProcess) -> CockpitPage:
    """T on the request, Tab in the cockpit, then the arm goes up by hand and nothing jumped at the takeover."""
    truth = RobotTruth(demo.data / "robots" / "kestrel-1")
    page.keyboard.press("t")
    page.wait_for_url("**/teleop/**")
    cockpit = CockpitPage(page)
    cockpit.wait("run", "holding")
    expect(page.locator(".ck-run")).to_contain_text(SENTENCE)
    cockpit.wait("ready", "yes")
    before = truth.tool()
    page.locator("robot-cockpit video").first.click()
    page.keyboard.press("Tab")
    cockpit.wait("lease", "mine")
    cockpit.wait("run", "taken")
    assert abs(truth.tool() - before).max() < 0.01, "taking over moves nothing"
    cockpit.drive_until("KeyR", reached=lambda: truth.tool()[2] > before[2] + 0.03)
    return cockpit


def _handed_back_with_a_key(cockpit: CockpitPage, run: RunPage) -> None:
    """Tab again: the policy goes on.  It may doubt again at what is still strange; then who has looked says that it may."""
    if cockpit.says("lease") != "mine":  # a machine that stalls costs the lease, rightly
        cockpit.take()
        cockpit.wait("run", "taken")
    cockpit.page.keyboard.press("Tab")
    cockpit.wait("lease", "none")
    until(lambda: goes_on(run.row()), 15, "the policy looks again")
    if (row := run.row())["help"] and row["reason"] == "doubt":
        cockpit.page.goto(f"{cockpit.page.url.split('/teleop/')[0]}{row['help']}")
        cockpit.page.get_by_role("button", name="Go on").wait_for()
        cockpit.page.keyboard.press("g")
        until(lambda: run.row()["phase"] in ("moving", "ended"), 15, "it moves without asking")
    cockpit.page.wait_for_timeout(1500)


def goes_on(row: dict[str, Any]) -> bool:
    """Whether the policy has taken up what was handed back: it moves, or has looked and asks."""
    return row["phase"] in ("moving", "ended") or (row["reason"] == "doubt" and not row["order"])


def _ended(page: Page, demo: DemoProcess, run: RunPage) -> None:
    page.goto(f"{demo.url}/runs/{run.id}/")
    run.until("moving", "holding", "ended")
    if run.phase != "ended":  # unless the world was content meanwhile
        page.keyboard.press("x")
        run.until("ended", within_s=20)
    row = run.row()
    assert row["result"] in ("failure", "success") and row["judge"] in ("person", "world")


def _in_the_draft(page: Page) -> None:
    """Its one recording has rows of all three; one key puts it into the draft."""

    def frames(name: str) -> int:
        found = page.locator(f'[data-frames="{name}"]')
        return int(found.inner_text().split()[0]) if found.count() else 0

    until(lambda: frames("operator") > 0, 60, "the recording has come and was checked")
    counted: dict[str, Any] = {name: frames(name) for name in ("policy", "operator", "hold")}
    assert all(count >= 10 for count in counted.values()), counted
    page.get_by_role("button", name=f"Add to draft “{DRAFT}”").wait_for()
    page.keyboard.press("a")
    expect(page.get_by_text("In the draft of")).to_be_visible()
    dataset = next(one for one in asked(page, "GET", "/api/datasets") if one["name"] == DRAFT)
    draft = asked(page, "GET", f"/api/datasets/{dataset['id']}/draft")
    assert len(draft["items"]) == 1
