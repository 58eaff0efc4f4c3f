"""How fast scripted demonstrations are made: `python bench/demos.py [--episodes 400] [--workers 2] [--tasks lift]`.

`manage.py collect_demos` with a database and a folder of its own: worlds in lock step, two cameras of 320x240, the real
recorder, upload in pieces with checksums, read back.  Starting the processes counts.  The first seeds that succeed are
taken; `success_pct` is of all attempts.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.common import ROOT, Pressure, report

_SUMMARY = re.compile(r"(\d+) made in \d+ s \((\d+) frames, ([\d.]+) MB each\)(?:, (\d+) attempts failed)?")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=400)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--tasks", default="lift", help="comma-separated")
    parser.add_argument("--randomise", action="store_true")
    options = parser.parse_args()
    pressure = Pressure()
    with tempfile.TemporaryDirectory(prefix="reins-bench-") as folder:
        environment = {**os.environ, "REINS_MODE": "demo", "REINS_DEMO": "1", "REINS_DATA_DIR": folder}
        for words in (["migrate", "--verbosity", "0"], ["seed_demo"]):
            manage(environment, *words)
        rows = [collected(environment, task, options) for task in options.tasks.split(",")]
    report("demos", rows, pressure)
    return 0


def collected(environment: dict[str, str], task: str, options: argparse.Namespace) -> dict[str, Any]:
    """One row of the table."""
    words = ["--task", task, "--episodes", str(options.episodes), "--workers", str(options.workers)]
    began_s = time.monotonic()
    said = manage(environment, "collect_demos", *words, *(["--randomise"] if options.randomise else []))
    spent_s = time.monotonic() - began_s
    found = _SUMMARY.search(said)
    assert found is not None, said
    made, frames, failed = int(found[1]), int(found[2]), int(found[4] or 0)
    return {
        "task": task,
        "episodes": made,
        "workers": options.workers,
        "seconds": spent_s,
        "episodes_per_s": made / spent_s,
        "frames_each": frames / made,
        "mb_each": float(found[3]),
        "success_pct": 100 * made / (made + failed),
    }


def manage(environment: dict[str, str], *words: str) -> str:
    """What `manage.py` said."""
    command = [sys.executable, "manage.py", *words]
    return subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(main())
