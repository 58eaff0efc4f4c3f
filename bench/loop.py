"""How evenly the kernel's 50 Hz loop runs: a bare loop that only sleeps, the robot idle, the robot with two cameras
streaming to a page.

    python bench/loop.py [--seconds 30] [--rounds 3]

The error of a period is its distance from 20 ms, from the times the kernel writes into its rows.  The rows take turns.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.common import Pressure, median, percentile, report
from bench.rig import Rig, rig
from robot.kernel import door
from robot.kernel.process import prefer_this_process
from robot.rings import Ring
from tests.shaped_link import possible

PERIOD_S = 0.02
SETTLE_S = 3.0
Turn = dict[str, float]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each row in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bare", type=float, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.bare is not None:
        return bare(asked.bare)
    if problem := possible():
        print(problem, file=sys.stderr)
        return 1
    pressure = Pressure()
    turns: dict[str, list[Turn]] = {"bare": [], "idle": [], "video": []}
    with rig() as ready:
        for _ in range(asked.rounds):
            turns["bare"].append(bare_turn(asked.seconds))
            turns["idle"].append(robot_turn(ready, asked.seconds))
            turns["video"].append(video_turn(ready, asked.seconds))
    report("loop", [row(name, taken) for name, taken in turns.items()], pressure)
    return 0


def row(name: str, turns: list[Turn]) -> dict[str, Any]:
    """Medians over the rounds; the worst of all."""
    keys = [key for key in turns[0] if key != "max_error_ms"]
    medians = {key: round(median(turn[key] for turn in turns), 2) for key in keys}
    return {"name": name, **medians, "max_error_ms": round(max(turn["max_error_ms"] for turn in turns), 2)}


def errors(times_s: list[float]) -> Turn:
    ms = [abs(after - before - PERIOD_S) * 1000 for before, after in pairwise(times_s)]
    return {"p50_error_ms": median(ms), "p99_error_ms": percentile(ms, 0.99), "max_error_ms": max(ms)}


# -- bare ----------------------------------------------------------------------------------------------------------------


def bare(seconds: float) -> int:
    """Sleeps to each 20 ms mark, as the kernel does and with its priority, and prints when it woke."""
    prefer_this_process()
    due_s = time.monotonic()
    end_s, woke_s = due_s + seconds, []
    while due_s < end_s:
        time.sleep(max(0.0, due_s - time.monotonic()))
        woke_s.append(time.monotonic())
        due_s = max(due_s + PERIOD_S, time.monotonic())
    print("\n".join(map(repr, woke_s)))
    return 0


def bare_turn(seconds: float) -> Turn:
    argv = [sys.executable, str(Path(__file__).resolve()), "--bare", str(seconds)]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True)
    return errors([float(line) for line in done.stdout.split()])


# -- the robot -----------------------------------------------------------------------------------------------------------


def robot_turn(rig: Rig, seconds: float) -> Turn:
    rows = Ring.open(rig.truth.run_dir / "rows").reader()
    times_s: list[float] = []
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        time.sleep(0.5)
        times_s += [door.decode_row(record).mono_s for record in rows.read()[0]]
    return errors(times_s)


def video_turn(rig: Rig, seconds: float) -> Turn:
    """With a page that is sent both cameras; `fps` is what came of the one of which fewer came."""
    with rig.page(rig.link.robot) as page:
        time.sleep(SETTLE_S)
        page.tell("count")
        before = page.wait("pictures")
        turn = robot_turn(rig, seconds)
        page.tell("count")
        after = page.wait("pictures")
    spent_s = after["at_s"] - before["at_s"]
    fps = min(b - a for a, b in zip(before["pictures"], after["pictures"], strict=True)) / spent_s
    return {**turn, "fps": fps}


if __name__ == "__main__":
    sys.exit(main())
