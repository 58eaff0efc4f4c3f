"""Tasks, runs and help as a person uses them: a sentence typed, a run watched, a request answered."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

from playwright.sync_api import Page, expect

from dispatch.services.reports import LOST
from tests.demo_process import ROOT, DemoProcess


def scene(demo: DemoProcess, *words: str) -> None:
    """What `python -m robot scene` does before the demo's first robot."""
    command = [sys.executable, "-m", "robot", "scene", "--dir", str(demo.data / "robots" / "kestrel-1"), *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def asked(page: Page, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """An answer of the API to whoever is signed in."""
    script = """([method, path, body]) => fetch(path, {method, body: body && JSON.stringify(body), headers: {
        "Content-Type": "application/json", "X-CSRFToken": /csrftoken=([^;]+)/.exec(document.cookie)?.[1] ?? ""
    }}).then(answer => answer.json())"""
    return page.evaluate(script, [method, path, body])


class NewTask:
    """The page `/tasks/new/`."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        page.goto(f"{url}/tasks/new/")
        page.wait_for_function("() => document.querySelector('input[name=policy]:checked')", timeout=20_000)

    def say(self, sentence: str) -> None:
        self.page.get_by_role("textbox", name="Sentence").fill(sentence)

    def refused(self, code: str) -> str:
        """The reason that stands under the sentence; Start is out of reach."""
        found = self.page.locator(f'[data-refused="{code}"]')
        expect(found).to_be_visible()
        expect(self.page.get_by_role("button", name="Start")).to_be_disabled()
        return found.inner_text()

    def start(self) -> RunPage:
        expect(self.page.get_by_role("button", name="Start")).to_be_enabled(timeout=20_000)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url("**/runs/*/")
        return RunPage(self.page)


class RunPage:
    """The page of one run, open."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.id = page.url.rstrip("/").rsplit("/", 1)[-1]
        self.went_on = 0  # how often somebody had to say so

    @property
    def phase(self) -> str:
        return str(self.page.evaluate("() => document.querySelector('run-page')?.dataset.phase ?? ''"))

    def row(self) -> dict[str, Any]:
        return dict(asked(self.page, "GET", f"/api/runs/{self.id}"))

    def doubts(self) -> list[bool]:
        """Of each chunk so far whose doubt was measured: whether it was over its limit."""
        script = "id => fetch(`/api/runs/${id}/trace`, {credentials: 'same-origin'}).then(answer => answer.text())"
        lines = [json.loads(line) for line in self.page.evaluate(script, self.id).splitlines()]
        return [line["doubt"] >= line["limit"] for line in lines if "doubt" in line and "limit" in line]

    def until(self, *phases: str, within_s: float = 60.0) -> str:
        script = "phases => phases.includes(document.querySelector('run-page')?.dataset.phase)"
        try:
            self.page.wait_for_function(script, arg=list(phases), timeout=within_s * 1000)
        except Exception as error:
            row = self.row()
            told = {name: row[name] for name in ("phase", "reason", "explanation", "waits", "order", "seconds", "newest")}
            raise AssertionError(f"the run did not become {phases}: {told}") from error
        return self.phase

    def ended(self, within_s: float = 90.0) -> dict[str, Any]:
        """Its end.  A doubt may be a false alarm, as rarely as was promised: then this lets it go on, and counts it; also what a
        stalling machine took the lease from."""
        end_s = time.monotonic() + within_s
        while self.until("ended", "holding", within_s=max(1.0, end_s - time.monotonic())) != "ended":
            row = self.row()
            if row["help"] and row["reason"] in ("doubt", "no_progress", *LOST) and not row["order"]:
                request = asked(self.page, "GET", f"/api/help/{row['help'].split('/')[2]}")
                answer = {"version": request["version"], "answer": "go_on", "doubt_off_s": 20}
                asked(self.page, "POST", f"/api/help/{request['id']}/answer", answer)
                self.went_on += row["reason"] not in LOST
            self.page.wait_for_timeout(300)
        return self.row()
