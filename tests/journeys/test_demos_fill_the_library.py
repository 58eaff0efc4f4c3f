"""Scripted demonstrations beside a running demo: over HTTP, broken off, gone on with, and seen in the library."""

from __future__ import annotations

import re
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing

from playwright.sync_api import Page, expect

from tests.demo_process import DemoProcess
from tests.journeys.recorded import collecting
from tests.robot_truth import until

REACH = ("--task", "reach", "--size", "64x64", "--robot", "collector-reach")


def seeds(demo: DemoProcess) -> list[int]:
    """Of the demonstrations that the server has."""
    query = (
        "select json_extract(e.meta, '$.world.seed') from episodes_episode e join fleet_robot r on r.id = e.robot_id "
        "where r.name = 'collector-reach' and e.outcome = 'success' order by 1"
    )
    with closing(sqlite3.connect(f"file:{demo.data / 'reins.sqlite3'}?mode=ro", uri=True, timeout=10)) as database:
        return [int(seed) for (seed,) in database.execute(query)]


def test_demonstrations_are_broken_off_gone_on_with_and_seen(demo: DemoProcess, signed_in: Callable[..., Page]) -> None:
    first = collecting(demo, *REACH, "--episodes", "200", "--workers", "1", "--server", demo.url)
    until(lambda: len(seeds(demo)) >= 1 or first.poll() is not None, 90, "the first demonstration")
    first.send_signal(signal.SIGINT)
    said, _ = first.communicate(timeout=60)
    kept = seeds(demo)
    assert first.returncode == 0 and 1 <= len(kept) < 200, said
    assert kept == list(range(len(kept)))
    wanted = len(kept) + 2
    second = collecting(demo, *REACH, "--episodes", str(wanted), "--check")
    said, _ = second.communicate(timeout=120)
    assert second.returncode == 0 and re.search(rf"{wanted} of {wanted} demonstrations .* 2 made", said), said
    assert seeds(demo) == list(range(wanted))
    page = signed_in("operator")
    page.goto(f"{demo.url}/episodes/")
    expect(page.locator("article.ecard", has_text="collector-reach").first).to_be_visible()
    page.goto(f"{demo.url}/")
    expect(page.get_by_text("kestrel-1").first).to_be_visible()
    expect(page.get_by_text("collector-reach")).to_have_count(0)
