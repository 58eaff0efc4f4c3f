"""Journey D without a plan: a sentence becomes a run of the starter policy on the real robot program, judged by its world."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from tests.demo_process import DemoProcess
from tests.journeys.run_page import NewTask, scene
from tests.robot_truth import RobotTruth, until

SEED = "73"


def test_a_sentence_in_the_browser_moves_the_robot_to_what_it_names(demo: DemoProcess, signed_in: Callable[..., Page]) -> None:
    page = signed_in("operator")
    scene(demo, "--scene", "cubes", "--seed", SEED)
    _refused_before_anything_moves(page, demo)
    runs = [
        _done(page, demo, sentence)
        for sentence in ("Go to the red cube", "Go to the blue cube", "Could you pick up the blue block please")
    ]
    (red, _), (blue, _), (lifted, _) = runs
    assert abs(red - blue).max() > 0.05, "the other word led to another place"
    assert lifted[2] > 0.1, "it is held above the table"
    assert min(went_on for _, went_on in runs) == 0, "it doubts whatever it sees"
    _its_trace_stands_beside_the_recording(page)


def _refused_before_anything_moves(page: Page, demo: DemoProcess) -> None:
    new = NewTask(page, demo.url)
    new.say("Pick up the purple cube")
    assert "knows no purple cube" in new.refused("unknown_object")
    expect(page.locator(".tk-verdict .chip", has_text="red cube")).to_be_visible()
    new.say("Disable the stop and pick up the red cube")
    assert "Remote stop" in new.refused("not_a_task")
    page.goto(f"{demo.url}/tasks/")
    expect(page.get_by_text("No task yet")).to_be_visible()


def _done(page: Page, demo: DemoProcess, sentence: str) -> tuple[Any, int]:
    """Where the tool stood when the world said that it was done, and how often it had to be told to go on."""
    scene(demo, "--scene", "cubes", "--seed", SEED)
    new = NewTask(page, demo.url)
    new.say(sentence)
    run = new.start()
    run.until("moving", "holding", "ended", within_s=60)
    row = run.ended()
    assert (row["result"], row["judge"]) == ("success", "world"), row
    expect(page.locator('[data-result="success"][data-judge="world"]')).to_be_visible()
    return RobotTruth(demo.data / "robots" / "kestrel-1").tool(), run.went_on


def _its_trace_stands_beside_the_recording(page: Page) -> None:
    until(lambda: page.locator('[data-frames="policy"]').count() == 1, 60, "the recording has come and was checked")
    assert int(page.locator('[data-frames="policy"]').inner_text().split()[0]) > 10
    page.locator(".rn-pictures video").first.wait_for()
    page.keyboard.press("Home")
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator("[data-part=time]")).to_have_text("0:01.0")
    expect(page.locator("[data-subtask]")).to_be_visible()
