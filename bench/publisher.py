"""Starts bench/publish.py, carries offers and answers, and knows how much CPU it uses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import IO, cast

from bench.common import tree_cpu_s

_PROGRAM = Path(__file__).with_name("publish.py")


class Publisher:
    """A running publisher: `mode` is reins, aiortc_vp8 or aiortc_h264."""

    def __init__(self, mode: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(_PROGRAM), mode], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._read()

    def answer(self, id: str, sdp: str) -> str:
        """The SDP answer to an offer."""
        into = cast(IO[str], self._process.stdin)
        into.write(json.dumps({"id": id, "sdp": sdp}) + "\n")
        into.flush()
        return str(self._read()["sdp"])

    def cpu_s(self) -> float:
        """CPU seconds of all its processes so far."""
        return tree_cpu_s([self._process.pid])

    def close(self) -> None:
        cast(IO[str], self._process.stdin).close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Publisher:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _read(self) -> dict[str, object]:
        line = cast(IO[str], self._process.stdout).readline()
        if not line:
            raise RuntimeError(f"the publisher ended with {self._process.wait()}")
        return dict(json.loads(line))
