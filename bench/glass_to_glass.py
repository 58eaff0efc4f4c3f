"""Time from a picture being complete to its being shown in headless Chromium: ours beside stock aiortc.

    python bench/glass_to_glass.py [--seconds 10] [--rounds 3]

The three publishers take turns, so that a busy machine is unfair to all alike.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from playwright.sync_api import Page, sync_playwright

from bench.common import Pressure, median, percentile, report
from bench.publisher import Publisher
from tests.chromium import FLAGS

MODES = ("reins", "aiortc_vp8", "aiortc_h264")
FIRST_PICTURE_S = 60.0  # a busy machine takes long to start a publisher
WARM_S = 4.0  # until browsers' buffers have settled


def connected(page: Page) -> None:
    for _ in range(int(FIRST_PICTURE_S / 0.1)):
        if page.evaluate("seen.ms.length") > 5:
            return
        time.sleep(0.1)
    raise RuntimeError(f"no picture came: {page.evaluate('stats()')}")


def measure(page: Page, mode: str, seconds: float) -> dict[str, Any]:
    """One turn of one publisher: `ms` per picture, CPU share of one core, pictures a second."""
    page.goto(Path(__file__).with_name("watch.html").as_uri())
    with Publisher(mode) as publisher:
        page.evaluate("([sdp]) => accept(sdp)", [publisher.answer(mode, page.evaluate("offer()"))])
        connected(page)
        time.sleep(WARM_S)
        cpu_s, began_s = publisher.cpu_s(), time.monotonic()
        page.evaluate("begin()")
        time.sleep(seconds)
        result: dict[str, Any] = page.evaluate("result()")
        spent_s = time.monotonic() - began_s
        return {
            "ms": result["ms"],
            "bad": result["bad"],
            "fps": len(result["ms"]) / result["seconds"],
            "cpu_pct": 100 * (publisher.cpu_s() - cpu_s) / spent_s,
        }


def row(name: str, turns: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians over the turns."""
    return {
        "name": name,
        "p50_ms": round(median(median(turn["ms"]) for turn in turns), 1),
        "p95_ms": round(median(percentile(turn["ms"], 0.95) for turn in turns), 1),
        "cpu_pct": round(median(turn["cpu_pct"] for turn in turns), 1),
        "fps": round(median(turn["fps"] for turn in turns), 1),
        "pictures": sum(len(turn["ms"]) for turn in turns),
        "unreadable": sum(turn["bad"] for turn in turns),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--modes", nargs="+", default=list(MODES), choices=MODES)
    asked = parser.parse_args()
    pressure = Pressure()
    turns: dict[str, list[dict[str, Any]]] = {mode: [] for mode in asked.modes}
    chromium = os.environ.get("PLAYWRIGHT_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch_persistent_context(folder, executable_path=chromium, headless=True, args=FLAGS)
        page = browser.new_page()
        for _ in range(asked.rounds):
            for mode in asked.modes:
                turns[mode].append(measure(page, mode, asked.seconds))
        browser.close()
    report("glass_to_glass", [row(mode, turns[mode]) for mode in asked.modes], pressure)
    return 0


if __name__ == "__main__":
    sys.exit(main())
