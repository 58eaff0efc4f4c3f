"""Journey C as far as the player: a demonstration is recorded, uploaded, verified and played back."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable
from pathlib import Path

import av
import pyarrow.parquet as pq
from playwright.sync_api import Page

from tests.demo_process import DemoProcess
from tests.journeys.recorded import INSTRUCTION, record


def test_a_demonstration_is_recorded_uploaded_and_played(demo: DemoProcess, signed_in: Callable[..., Page]) -> None:
    page = signed_in("operator")
    episode = record(demo, page)
    assert episode["playable"]
    assert episode["instruction"] == INSTRUCTION
    assert episode["outcome"] == "success"
    rows = _rows_and_frames(demo.data, str(episode["id"]))
    assert len(set(rows.values())) == 1, f"as many rows as frames of each camera: {rows}"
    _plays(page, demo, str(episode["id"]))


def _rows_and_frames(data: Path, episode: str) -> dict[str, int]:
    folder = next(
        path for path in (data / "media").rglob("frames.parquet") if episode.replace("-", "") in str(path).replace("-", "")
    )
    found = {"rows": pq.read_metadata(folder).num_rows}
    for video in (folder.parent / "video").glob("*.mp4"):
        with av.open(io.BytesIO(video.read_bytes())) as container:
            found[video.stem] = sum(1 for _ in container.decode(video=0))
    assert len(found) == 3
    return found


def _plays(page: Page, demo: DemoProcess, episode: str) -> None:
    page.goto(f"{demo.url}/episodes/{episode}/")
    page.wait_for_function(
        """() => [...document.querySelectorAll('episode-player video')]
        .filter(v => v.readyState >= 2 && v.videoWidth > 0).length === 2""",
        timeout=20_000,
    )
    page.keyboard.press("Space")
    page.wait_for_function(
        "() => [...document.querySelectorAll('episode-player video')].every(v => v.currentTime > 0.5)", timeout=20_000
    )


def test_the_audit_chain_is_whole_and_names_who_did_what(demo: DemoProcess) -> None:
    import os
    import sys

    environment = {**os.environ, "REINS_MODE": "demo", "REINS_DEMO": "1", "REINS_DATA_DIR": str(demo.data)}
    done = subprocess.run(
        [sys.executable, "manage.py", "verify_audit"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "chain is whole" in done.stdout
