"""How soon the arm's output is zero: after a person pressed Remote stop, after the line was cut; and that nothing else
stops it.

    python bench/stop.py [--stops 1000] [--browser-stops 20] [--cuts 100] [--minutes 10] [--rows loopback deadman ...]

The real server, kernel and link; the page is bench/page.py (its messages and ways are those of the cockpit), and beside
it a smaller number of stops by key in the real cockpit in headless Chromium.  Root only: the line is made of network
namespaces.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.common import Pressure, percentile, report
from bench.rig import PageProcess, Rig, rig, until
from robot.kernel import door
from robot.rings import Ring
from tests.chromium import chromium, executable
from tests.journeys.cockpit_page import CockpitPage
from tests.shaped_link import Way, possible

STOPS = {"loopback": Way(), "50ms_10pct": Way(delay_s=0.025, loss=0.10)}
ROWS = ("loopback", "50ms_10pct", "deadman", "false_stops")
FALSE_STOPS = Way(delay_s=0.025, loss=0.05)
LIMIT_MS = 300.0
MOVING_S = 0.1  # of motion before it is stopped
GIVE_UP_S = 2.0
LET_GO_S = 3.0
STRAY_S = 0.5
MOST_PAGES = 10
Row = dict[str, Any]
T = TypeVar("T")


def stops(rig: Rig, name: str, count: int) -> Row:
    """`count` stops, each while the arm moves: from the press to the first zero the body got."""
    rig.link.both(STOPS[name])
    network = rig.link.robot if name == "loopback" else rig.link.operator
    taken, reconnects = repeated(rig, network, count, one_stop, clear_all)
    rig.link.clear()
    zero_ms, answer_ms = ([pair[i] for pair in taken] for i in (0, 1))
    answer = {"answer_p99_ms": round(percentile(answer_ms, 0.99), 1)}
    return {**figures(name, zero_ms), **answer, "reconnects": reconnects}


def repeated(
    rig: Rig,
    network: int,
    count: int,
    once: Callable[[Rig, PageProcess], T],
    at_last: Callable[[PageProcess], None] = lambda page: None,
) -> tuple[list[T], int]:
    """`count` results of `once`, and how often a page that got stuck had to be replaced (what it says goes to stderr)."""
    results: list[T] = []
    for replaced in range(MOST_PAGES):
        with rig.page(network) as page:
            try:
                while len(results) < count:
                    results.append(once(rig, page))
                at_last(page)
                return results, replaced
            except RuntimeError as stuck:
                print(f"after {len(results)} of {count}: {stuck}", file=sys.stderr)
    raise RuntimeError(f"{MOST_PAGES} pages got stuck")


def clear_all(page: PageProcess) -> None:
    page.tell("clear")
    page.wait("cleared")


def figures(name: str, ms: list[float]) -> Row:
    row = {"name": name, "p50_ms": percentile(ms, 0.5), "p99_ms": percentile(ms, 0.99), "max_ms": max(ms)}
    return {**{k: round(v, 1) if isinstance(v, float) else v for k, v in row.items()}, "stops": len(ms)}


def one_stop(rig: Rig, page: PageProcess) -> tuple[float, float]:
    """(press to zero, press to the robot's answer at the page) in ms."""
    while True:
        drive(rig, page)
        page.tell("stop")
        answered = page.wait("answered_s")
        pressed_s = float(answered["pressed_s"])
        zero_s = rig.output.zero_after(pressed_s)
        if zero_s is not None:  # else the arm happened to stand at the press: that would flatter us
            return 1000 * (zero_s - pressed_s), 1000 * (answered["answered_s"] - pressed_s)


def drive(rig: Rig, page: PageProcess) -> None:
    """Until the arm moves; anew when a late repetition of the stop before, or a busy machine, took the lease again."""
    for _ in range(10):
        page.tell("drive")
        page.wait("driving")
        if until_moving(rig):
            return
    raise RuntimeError(f"the lease was lost again and again; the kernel says: {word(rig)}")


def until_moving(rig: Rig) -> bool:
    """False when the lease is lost before."""
    try:
        until(lambda: rig.output.moving_for(MOVING_S) or rig.truth.status().lease is None, 20, "the arm moves")
    except RuntimeError as error:
        raise RuntimeError(f"{error}; the kernel says: {word(rig)}") from error
    return rig.truth.status().lease is not None


def word(rig: Rig) -> str:
    status = rig.truth.status()
    return f"{status.mode} {status.reason}, {status.permitted} at {status.control_latency_ms} ms, {status.last_refusal}"


# -- in the real cockpit -----------------------------------------------------------------------------------------------

NOTE_THE_KEY = """addEventListener('keydown', e => {
  if (e.code === 'Escape') window.pressedMs = performance.timeOrigin + e.timeStamp; }, {capture: true})"""


def browser_stops(rig: Rig, name: str, count: int) -> Row:
    """By the key Escape, while R or F is held: from the browser's own time of the key to the first zero."""
    rig.link.both(STOPS[name])
    network = rig.link.robot if name == "loopback" else rig.link.operator
    with cockpit(rig, network) as page:
        ms = [one_key_stop(rig, page, "KeyR" if i % 2 else "KeyF") for i in range(count)]
    rig.link.clear()
    return figures(f"{name}_chromium", ms)


def one_key_stop(rig: Rig, cockpit: CockpitPage, key: str) -> float:
    while True:
        if cockpit.says("lease") != "mine":
            take(cockpit)
        cockpit.hold("Space", key)
        moves = rig.moves_within(LET_GO_S, MOVING_S)
        if moves:
            cockpit.page.keyboard.press("Escape")
            cockpit.wait("stop", "stopped")
        cockpit.let_go(key, "Space")
        if not moves:  # a busy machine: the page fell silent or its picture was old
            continue
        pressed_s = float(cockpit.page.evaluate("window.pressedMs")) / 1000 - (time.time() - time.monotonic())
        zero_s = rig.output.zero_after(pressed_s)
        clear(rig, cockpit)
        if zero_s is not None:  # else the arm happened to stand at the press
            return 1000 * (zero_s - pressed_s)


def clear(rig: Rig, cockpit: CockpitPage) -> None:
    """Once the stop's way through the server has come to its end: no person is quicker."""
    time.sleep(STRAY_S)
    while rig.truth.status().stops:
        cockpit.page.get_by_label("I have looked at the robot").check()
        cockpit.page.get_by_role("button", name="Clear").first.click()
        cockpit.wait("mode", "SAFE_HOLD")
        time.sleep(STRAY_S)


def take(cockpit: CockpitPage) -> None:
    """Again when refused: quicker than any person, the key may be pressed before the server knows of the clearing."""
    for _ in range(5):
        cockpit.wait("ready", "yes")
        cockpit.page.get_by_role("button", name="Take control").click()
        try:
            cockpit.wait("lease", "mine", within_s=2)
            return
        except AssertionError:
            continue
    cockpit.take()


@contextmanager
def cockpit(rig: Rig, network: int) -> Iterator[CockpitPage]:
    """The real page in a Chromium that lives in that network; its address counts as secure, as https would."""
    program = rig.link.script(rig.demo.data / f"chromium-{network}", network, executable())
    with chromium(f"--unsafely-treat-insecure-origin-as-secure={rig.demo.url}", program=str(program)) as browser:
        page = browser.new_page()
        page.add_init_script(NOTE_THE_KEY)  # before the page's own listeners
        email, password = rig.demo.people["operator"]
        page.goto(f"{rig.demo.url}/sign-in/")
        page.fill("input[name=username]", email)
        page.fill("input[name=password]", password)
        page.press("input[name=password]", "Enter")
        page.wait_for_url(f"{rig.demo.url}/")
        yield CockpitPage(page, rig.demo.url, rig.robot)


# -- the line ------------------------------------------------------------------------------------------------------------


def deadman(rig: Rig, cuts: int) -> Row:
    """The line goes dead both ways while the arm moves: from the cut to the first zero."""
    ms, reconnects = repeated(rig, rig.link.operator, cuts, one_cut)
    late = sum(took > LIMIT_MS for took in ms)
    worst_ms, p50_ms = round(max(ms), 1), round(percentile(ms, 0.5), 1)
    return {"name": "deadman", "worst_ms": worst_ms, "cuts": cuts, "p50_ms": p50_ms, "late": late, "reconnects": reconnects}


def one_cut(rig: Rig, page: PageProcess) -> float:
    while True:
        drive(rig, page)
        time.sleep(time.monotonic() % 0.02)  # at any moment of the turn
        cut_s = rig.link.both(Way(cut=True))
        try:
            until(lambda: rig.truth.status().mode == "SAFE_HOLD", GIVE_UP_S, "the lease is lost after the cut")
            zero_s = rig.output.zero_after(cut_s)
        finally:
            rig.link.clear()
        if zero_s is not None:
            return 1000 * (zero_s - cut_s)


def false_stops(rig: Rig, minutes: float) -> Row:
    """Drives all the time over a line that loses packets.  `count` leases were lost; `halts`: moments without motion."""
    rig.link.both(FALSE_STOPS)
    with rig.page(rig.link.operator) as page:
        drive(rig, page)
        events = Ring.open(rig.truth.run_dir / "events").reader()
        began_s = time.monotonic()
        lost = pauses = 0
        while time.monotonic() - began_s < minutes * 60:
            time.sleep(0.2)
            for record in events.read()[0]:
                happened = door.decode_event(record)
                pauses += happened.event == "paused"
                if happened.event in ("lost", "released", "revoked"):
                    lost += 1
                    drive(rig, page)
        halts = rig.output.halts(began_s)
    rig.link.clear()
    return {"name": "false_stops", "minutes": minutes, "count": lost, "video_pauses": pauses, "halts": halts}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stops", type=int, default=1000)
    parser.add_argument("--browser-stops", type=int, default=20)
    parser.add_argument("--cuts", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=ROWS)
    asked = parser.parse_args()
    if problem := possible():
        print(problem, file=sys.stderr)
        return 1
    pressure = Pressure()
    rows: list[Row] = []
    with rig() as ready:
        for work in plan(ready, asked):
            rows.append(work())
            print(rows[-1], file=sys.stderr)
    report("stop", rows, pressure)
    return 0


def plan(rig: Rig, asked: argparse.Namespace) -> list[Callable[[], Row]]:
    work: list[Callable[[], Row]] = []
    for name in asked.rows:
        if name in STOPS:
            work.append(partial(stops, rig, name, asked.stops))
            if asked.browser_stops:
                work.append(partial(browser_stops, rig, name, asked.browser_stops))
    if "deadman" in asked.rows:
        work.append(partial(deadman, rig, asked.cuts))
    if "false_stops" in asked.rows:
        work.append(partial(false_stops, rig, asked.minutes))
    return work


if __name__ == "__main__":
    sys.exit(main())
