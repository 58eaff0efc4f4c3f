"""How long ten minutes of two cameras take to open: `python bench/player.py [--minutes 10] [--times 7]`.

From the navigation to the player's address, in a browser that has seen the site but not this episode, until a picture of
every camera is on the screen and the plots of all rows are drawn.  Then the plots' cost: the longest of the frames of the
browser while the time line is dragged across the whole episode.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page

from bench.common import Pressure, median, percentile, report
from bench.pages import HZ, Pages, embodiment, i420, pages, record, scenery
from tests.chromium import chromium

WIDTH, HEIGHT = 320, 240

#: milliseconds since the navigation began, once pictures and plots are there; null before
OPENED = """() => {
  const centre = document.querySelector('[data-part="centre"]');
  const {shown, plots} = centre?.dataset ?? {};
  const pictures = shown !== undefined && shown.split(' ').every(n => Number(n) >= 0);
  return pictures && plots === 'drawn' ? performance.now() : null;
}"""
#: longest and mean frame of the browser, ms, while the playhead is dragged over every row in 120 steps
DRAG = """async () => {
  const time = document.querySelector('[data-part="time"]'), box = time.getBoundingClientRect();
  time.setPointerCapture = () => undefined;
  time.hasPointerCapture = () => true;
  const x = (share) => box.left + 120 + (time.clientWidth - 120) * share;
  const at = (share) => ({clientX: x(share), clientY: box.top + 30, button: 0, pointerId: 1, bubbles: true});
  const frame = () => new Promise(done => requestAnimationFrame(done));
  time.dispatchEvent(new PointerEvent('pointerdown', at(0)));
  const spans = [];
  let before = await frame();
  for (let i = 1; i <= 120; i++) {
    time.dispatchEvent(new PointerEvent('pointermove', at(i / 121)));
    const now = await frame();
    spans.push(now - before);
    before = now;
  }
  return spans;
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--times", type=int, default=7)
    options = parser.parse_args()
    rows = round(options.minutes * 60 * HZ)
    with pages() as server, chromium() as browser:
        url = f"{server.url}/episodes/{long_episode(server, rows)}/"
        pressure = Pressure()
        spent_ms = [opened_ms(server, browser, url) for _ in range(options.times)]
        frames_ms = dragged_ms(server, browser, url)
        row = {
            "case": f"{options.minutes:g} minutes, two cameras",
            "rows": rows,
            "open_ms": round(median(spent_ms), 1),
            "open_max_ms": round(max(spent_ms), 1),
            "drag_frame_p95_ms": round(percentile(frames_ms, 0.95), 1),
        }
        report("player", [row], pressure)


def long_episode(server: Pages, rows: int) -> str:
    body, behind = embodiment(WIDTH, HEIGHT), scenery(WIDTH, HEIGHT)
    dot = np.full((24, 24), 235, np.uint8)

    def draw(row: int, camera: str) -> NDArray[np.uint8]:
        luma = behind.copy()
        x, y = (row * (2 if camera == "scene" else 3)) % (WIDTH - 24), (row // 7) % (HEIGHT - 24)
        luma[y : y + 24, x : x + 24] = dot
        return i420(luma)

    with tempfile.TemporaryDirectory() as folder:
        return server.bring(record(Path(folder), body, rows, draw), body)


def signed_in(server: Pages, browser: Browser) -> Page:
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    server.sign_in(page)
    page.goto(f"{server.url}/episodes/")
    page.wait_for_load_state("load")
    return page


def opened_ms(server: Pages, browser: Browser, url: str) -> float:
    page = signed_in(server, browser)
    page.goto(url, wait_until="commit")
    found = page.wait_for_function(OPENED, polling=10, timeout=60_000).json_value()
    page.context.close()
    return float(found)


def dragged_ms(server: Pages, browser: Browser, url: str) -> list[float]:
    page = signed_in(server, browser)
    page.goto(url)
    page.wait_for_function(OPENED, timeout=60_000)
    spans: list[float] = page.evaluate(DRAG)
    page.context.close()
    return spans


if __name__ == "__main__":
    main()
