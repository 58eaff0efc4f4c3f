"""Runs every benchmark, one after the other, and repeats their last lines: `make bench`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAMES = (
    "glass_to_glass",
    "fanout",
    "stop",
    "loop",
    "recorder",
    "seek",
    "player",
    "demos",
    "library",
    "export",
    "checks",
    "serving",
    "policy",
    "doubt",
    "delay",
    "bodies",
)


def main() -> int:
    results, failed = [], []
    for name in NAMES:
        print(f"\n== {name}", flush=True)
        done = subprocess.run(
            [sys.executable, str(HERE / f"{name}.py")], cwd=HERE.parent, stdout=subprocess.PIPE, text=True, check=False
        )
        print(done.stdout, end="", flush=True)
        last = done.stdout.strip().rsplit("\n", 1)[-1]
        if done.returncode or not last.startswith("{"):
            failed.append(name)
        else:
            results.append(json.loads(last))
    print("\n== all")
    for result in results:
        print(json.dumps(result))
    if failed:
        print(f"Failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
