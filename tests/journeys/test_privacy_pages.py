"""An administrator blacks out a part of a camera, sets how long episodes are kept, and sees what deleting a person would take."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from tests.demo_process import DemoProcess
from tests.journeys.cockpit_page import robot_id
from tests.journeys.recorded import episodes

# brightness, 0 to 255, of the left and of the right half of the newest picture
HALVES = """() => {
  const image = document.querySelector('img.newest');
  const canvas = Object.assign(document.createElement('canvas'), {width: 40, height: 30});
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0, 40, 30);
  const mean = (x, width) => {
    const {data} = context.getImageData(x, 0, width, 30);
    return data.reduce((sum, value, i) => sum + (i % 4 < 3 ? value : 0), 0) / (data.length * 0.75);
  };
  return [mean(2, 16), mean(22, 16)];
}"""


def test_a_mask_that_is_drawn_turns_the_robots_own_picture_black(demo: DemoProcess, signed_in: Callable[..., Page]) -> None:
    page = signed_in("admin")
    page.goto(f"{demo.url}/robots/{robot_id(page)}/masks/")
    page.locator("img.newest").wait_for(state="visible", timeout=20_000)
    left, right = page.evaluate(HALVES)
    assert left > 20 and right > 20
    box = page.locator("svg.regions").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + box["height"] - 2, steps=4)
    page.mouse.up()
    page.get_by_role("button", name="Save masks").click()
    in_force = page.get_by_text("In force on the robot")
    in_force.wait_for(timeout=20_000)
    page.wait_for_function(f"() => {{ const [left, right] = ({HALVES})(); return left < 8 && right > 20; }}", timeout=20_000)
    page.locator('[data-do="remove"]').click()
    page.get_by_role("button", name="Save masks").click()
    page.wait_for_function(f"() => ({HALVES})()[0] > 20", timeout=20_000)


def test_rules_are_kept_and_deleting_a_person_is_looked_at_first(
    demo: DemoProcess, signed_in: Callable[..., Page], episode: dict[str, Any]
) -> None:
    page = signed_in("admin")
    page.goto(f"{demo.url}/privacy/")
    days, save = page.locator('[name="days.removed"]'), page.get_by_role("button", name="Save rules")
    expect(save).to_be_disabled()
    days.fill("3650")
    expect(page.locator('[data-forecast="removed"]')).to_have_text("0 episodes")
    save.click()
    expect(page.get_by_text("Rules saved.").first).to_be_visible()
    page.reload()
    expect(days).to_have_value("3650")
    days.fill("")
    save.click()
    expect(save).to_be_disabled()
    driver = episode["people"][0]
    page.locator("select[name=person]").select_option(driver["id"])
    warning = page.locator('[data-part="preview"] .banner')
    expect(warning).to_have_text(re.compile(rf"episodes? of {driver['name']} would go for good"))
    page.get_by_role("button", name="Delete for good").click()  # the number was not typed
    assert episode["id"] in {one["id"] for one in episodes(page)}
