"""Whether a seek shows the frame whose row is highlighted: `python bench/seek.py [--seeks 200]`.

Every picture of two cameras carries its row's number as black and white blocks.  In a real browser the player is sent to
random rows by the address, by keys and by the time line; then the pictures on the screen are read back from their pixels.
`exact`: seeks after which the row that was asked for, the row that the page names and the numbers in both pictures are one.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page

from bench.common import Pressure, report
from bench.pages import START_NS, Pages, embodiment, i420, pages, record, scenery
from protocol.stamp import read_stamp, write_stamp
from tests.chromium import chromium

WIDTH, HEIGHT = 640, 480

#: stands on a row as a person gets there: by the time line, by keys, or by the address
GO = """([row, way]) => {
  const player = document.querySelector('episode-player'), head = player.viewer.head;
  if (way === 'link') { location.hash = '#f=' + row; window.dispatchEvent(new PopStateEvent('popstate')); }
  else if (way === 'keys') {
    head.seek(row);
    for (const key of ['ArrowRight', 'ArrowLeft'])
      document.body.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true}));
  } else {
    const time = document.querySelector('[data-part="time"]'), box = time.getBoundingClientRect();
    const x = box.left + 120 + (time.clientWidth - 120) * (row + 0.5) / head.rows;
    const at = {clientX: x, clientY: box.top + 30, button: 0, pointerId: 1, bubbles: true};
    time.setPointerCapture = () => undefined;
    time.dispatchEvent(new PointerEvent('pointerdown', at));
  }
  return Number(player.querySelector('[data-part="centre"]').dataset.frame);
}"""
SETTLED = """() => {
  const centre = document.querySelector('[data-part="centre"]'), {frame, shown} = centre.dataset;
  const still = [...centre.querySelectorAll('video')].every(v => !v.seeking && v.readyState >= 2);
  return still && shown !== undefined && shown.split(' ').every(n => n === frame);
}"""
READ = """() => {
  const centre = document.querySelector('[data-part="centre"]');
  const pictures = [...centre.querySelectorAll('video')].map(video => {
    const canvas = new OffscreenCanvas(512, 32), pen = canvas.getContext('2d');
    pen.drawImage(video, 0, 0, 512, 32, 0, 0, 512, 32);
    const rgba = pen.getImageData(0, 0, 512, 32).data;
    return Array.from({length: 512 * 32}, (_, i) => rgba[4 * i + 1]);
  });
  return {row: Number(centre.dataset.frame), named: centre.querySelector('[data-hud="0"]').textContent, pictures};
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeks", type=int, default=200)
    parser.add_argument("--rows", type=int, default=900)
    options = parser.parse_args()
    pressure = Pressure()
    with pages() as server, chromium() as browser:
        episode = stamped(server, options.rows)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        server.sign_in(page)
        page.goto(f"{server.url}/episodes/{episode}/")
        page.wait_for_function("() => document.querySelector('[data-part=\"centre\"]')?.dataset.plots === 'drawn'")
        exact = sum(seek(page, number, options.rows) for number in range(options.seeks))
    report("seek", [{"case": "random seeks", "seeks": options.seeks, "exact": exact}], pressure)


def stamped(server: Pages, rows: int) -> str:
    """An episode on the server whose pictures carry their row's number."""
    body, behind = embodiment(WIDTH, HEIGHT), scenery(WIDTH, HEIGHT)

    def draw(row: int, camera: str) -> NDArray[np.uint8]:
        luma = np.roll(behind, (3 if camera == "scene" else 5) * row, axis=1)
        write_stamp(luma, START_NS, row)
        return i420(luma)

    with tempfile.TemporaryDirectory() as folder:
        return server.bring(record(Path(folder), body, rows, draw), body)


def seek(page: Page, number: int, rows: int) -> bool:
    """Whether the next random seek was exact."""
    chance = random.Random(number)
    row, way = chance.randrange(1, rows - 1), ("link", "keys", "pointer")[number % 3]
    asked = page.evaluate(GO, [row, way])
    page.wait_for_function(SETTLED, timeout=20_000)
    found = page.evaluate(READ)
    numbers = [_number(picture) for picture in found["pictures"]]
    expected = row if way != "pointer" else asked  # a pixel of the time line may be more than one row wide
    good = found["row"] == expected and numbers == [expected, expected] and f"frame {expected} of" in found["named"]
    if not good:
        print(f"{way}: asked for {expected}, the page says {found['row']}, the pictures {numbers}", file=sys.stderr)
    return bool(good)


def _number(picture: list[int]) -> int:
    stamp = read_stamp(np.array(picture, np.uint8).reshape(32, 512))
    return -1 if stamp is None else stamp[1]


if __name__ == "__main__":
    main()
