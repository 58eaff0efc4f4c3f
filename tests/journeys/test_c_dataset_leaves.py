"""Journey C to its end: episodes driven and scripted are reviewed with keys alone, put in a dataset, frozen, and handed on."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Page, expect

from tests.demo_process import DemoProcess
from tests.journeys.player_page import PlayerPage
from tests.journeys.recorded import collecting, episodes
from tests.robot_truth import until

SCRIPTED, NAME = 3, "Lifts to learn from"


@pytest.fixture
def scripted(demo: DemoProcess, signed_in: Callable[..., Page]) -> list[dict[str, Any]]:
    """Recorded by a scripted expert, uploaded over HTTP, checked by the demo's own worker; newest first."""
    page = signed_in("operator")
    words = ("--task", "lift", "--robot", "collector-lift", "--episodes", str(SCRIPTED), "--server", demo.url)
    said, _ = (process := collecting(demo, *words)).communicate(timeout=120)
    assert process.returncode == 0, said

    def there() -> list[dict[str, Any]]:
        return [one for one in episodes(page) if one["robot"]["name"] == "collector-lift"]

    until(lambda: [one["status"] in ("ready", "warned") for one in there()] == [True] * SCRIPTED, 60, "all checked")
    return there()


def test_episodes_become_a_dataset_that_leaves(
    demo: DemoProcess, signed_in: Callable[..., Page], episode: dict[str, Any], scripted: list[dict[str, Any]], tmp_path: Path
) -> None:
    page = signed_in("operator")
    dataset = _made_with_keys(page, demo.url)
    _reviewed_one_after_the_other(page, demo.url, scripted)
    _driven_one_added(page, demo.url, episode)
    page.goto(dataset)
    expect(page.locator("tr", has_text="picked by hand")).to_have_count(SCRIPTED + 1)
    _frozen_with_keys(page)
    _export_is_cancelled(page)
    archive = _exported(page, tmp_path)
    _is_a_lerobot_dataset(archive, [episode, *scripted])


def _made_with_keys(page: Page, url: str) -> str:
    page.goto(f"{url}/datasets/")
    expect(page.get_by_role("button", name="New dataset")).to_be_visible()
    page.keyboard.press("n")
    page.keyboard.type(NAME)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{url}/datasets/*/")
    return page.url


def _reviewed_one_after_the_other(page: Page, url: str, scripted: list[dict[str, Any]]) -> None:
    """One is a failure by its kind, one is trimmed; each is added, Enter opens the next."""
    first, second, third = scripted
    robot = first["robot"]["id"]
    player = PlayerPage(page, f"{url}/episodes/{first['id']}/?robot={robot}&review=1", first["id"])
    player.press("y", "5", "a", "Enter")
    player.opened(second["id"])
    player.press("x", "1", "2", "a", "Enter")
    player.opened(third["id"])
    player.press("Control+ArrowRight", "i", "y", "4", "a")
    player.kept(outcome="success", quality=4, reviewed=True, trim_first=5)
    player.press("Enter")
    player.until("[...document.querySelectorAll('.toast')].some(one => one.textContent.includes('Nothing is left'))")
    for one, outcome, quality in ((first, "success", 5), (second, "failure", 2)):
        player.episode = one["id"]
        player.kept(outcome=outcome, quality=quality, reviewed=True)
    player.press("r")


def _driven_one_added(page: Page, url: str, episode: dict[str, Any]) -> None:
    player = PlayerPage(page, f"{url}/episodes/{episode['id']}/", episode["id"])
    player.press("a")
    player.until(f"""document.querySelector('[data-part="datasets"]').textContent.includes('Take out of “{NAME}”')""")
    player.press("a")
    player.until(f"""document.querySelector('[data-part="datasets"]').textContent.includes('Add to draft “{NAME}”')""")
    player.press("u")
    player.until(f"""document.querySelector('[data-part="datasets"]').textContent.includes('Take out of “{NAME}”')""")


def _frozen_with_keys(page: Page) -> None:
    page.keyboard.press("f")
    page.keyboard.type("driven and scripted")
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"Version 1 is frozen: {SCRIPTED + 1} episodes")).to_be_visible()


def _export_is_cancelled(page: Page) -> None:
    page.get_by_role("button", name="Export for LeRobot").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator('[data-part="jobs"]')).to_contain_text("cancelled by", timeout=30_000)
    expect(page.get_by_role("progressbar")).to_have_count(0)


def _exported(page: Page, folder: Path) -> Path:
    """A worker of the demo makes it while the page tells how far it is."""
    page.get_by_role("button", name="Export for LeRobot").click()
    expect(page.get_by_role("progressbar")).to_have_count(1)
    link = page.locator('[data-part="jobs"] a[download]')
    link.wait_for(timeout=60_000)
    with page.expect_download() as download:
        link.click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def _is_a_lerobot_dataset(archive: Path, chosen: list[dict[str, Any]]) -> None:
    with tarfile.open(archive) as tar:
        files = {"/".join(one.name.split("/")[1:]): tar.extractfile(one).read() for one in tar.getmembers()}  # type: ignore[union-attr]
    assert archive.name.startswith("lifts-to-learn-from-v1-")
    rows = sum(one["rows"] for one in chosen) - 5  # the trim
    info = json.loads(files["meta/info.json"])
    assert (info["codebase_version"], info["total_episodes"], info["total_frames"]) == ("v3.0", len(chosen), rows)
    tables = [pq.read_table(io.BytesIO(raw)) for name, raw in files.items() if name.startswith("data/")]
    assert sum(table.num_rows for table in tables) == rows
    for camera in ("scene", "wrist"):
        key = f"observation.images.{camera}"
        assert info["features"][key]["shape"] == [240, 320, 3]  # the driven one has a larger scene
        videos = [raw for name, raw in files.items() if name.startswith(f"videos/{key}/")]
        assert sum(_pictures(raw) for raw in videos) == rows
    kept = json.loads(files["meta/reins.json"])["episodes"]
    assert sorted(one["kept"]["outcome"] for one in kept) == ["failure"] + ["success"] * (len(chosen) - 1)


def _pictures(video: bytes) -> int:
    with av.open(io.BytesIO(video)) as container:
        return sum(1 for _ in container.decode(video=0))
