"""What more viewers of one camera cost the robot: ours (encode once) beside a stock aiortc relay (encode for each).

python bench/fanout.py [--seconds 8] [--rows reins_1 reins_16 ...]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any, cast

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.common import Pressure, report
from bench.publisher import Publisher

ROWS = ("reins_1", "reins_4", "reins_16", "reins_32", "relay_1", "relay_4")
MODES = {"reins": "reins", "relay": "aiortc_h264"}
WARM_S = 4.0


class Viewers:
    """A process with `count` viewers, all connected to one publisher."""

    def __init__(self, count: int, publisher: Publisher) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("viewers.py")), str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        while "sdp" in (message := self._read()):
            self._write({"id": message["id"], "sdp": publisher.answer(message["id"], message["sdp"])})

    def fps(self, seconds: float) -> list[float]:
        """Whole pictures a second, each viewer."""
        self._write({"begin": True})
        time.sleep(seconds)
        self._write({"end": True})
        return list(self._read()["fps"])

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def _read(self) -> dict[str, Any]:
        line = cast(IO[str], self._process.stdout).readline()
        if not line:
            raise RuntimeError(f"the viewers ended with {self._process.wait()}")
        return dict(json.loads(line))

    def _write(self, message: dict[str, object]) -> None:
        into = cast(IO[str], self._process.stdin)
        into.write(json.dumps(message) + "\n")
        into.flush()


def measure(name: str, seconds: float) -> dict[str, Any]:
    """CPU share of one core that the publisher used, and pictures a second of the mean and the worst viewer."""
    kind, _, count = name.partition("_")
    with Publisher(MODES[kind]) as publisher:
        viewers = Viewers(int(count), publisher)
        try:
            time.sleep(WARM_S)
            cpu_s, began_s = publisher.cpu_s(), time.monotonic()
            fps = viewers.fps(seconds)
            cpu_pct = 100 * (publisher.cpu_s() - cpu_s) / (time.monotonic() - began_s)
        finally:
            viewers.close()
    mean = sum(fps) / len(fps)
    return {"name": name, "cpu_pct": round(cpu_pct, 1), "fps": round(mean, 2), "worst_fps": round(min(fps), 2)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rows", nargs="+", default=list(ROWS))
    asked = parser.parse_args()
    pressure = Pressure()
    rows = []
    for name in asked.rows:
        rows.append(measure(name, asked.seconds))
        print(rows[-1], file=sys.stderr)
    report("fanout", rows, pressure)
    return 0


if __name__ == "__main__":
    sys.exit(main())
