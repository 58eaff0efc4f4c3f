"""The real demo as a child process: what a newcomer starts with `make demo`, on a free port and a folder of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from config import redis_server

ROOT = Path(__file__).resolve().parent.parent
PASSWORD_LINE = re.compile(r"^  (\S+@\S+)\s+(\S+)\s+(.*)$")


@dataclass
class DemoProcess:
    """A running demo.  `people` maps a role to (email, password)."""

    data: Path
    robots: int = 1
    episodes: int = 0  # scripted ones for each of three tasks
    host: str = "127.0.0.1"
    port: int = field(default_factory=redis_server.free_port)
    people: dict[str, tuple[str, str]] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def start(self, within_s: float = 120.0) -> DemoProcess:
        environment = {k: v for k, v in os.environ.items() if k not in ("REDIS_URL", "REINS_DATA_DIR", "REINS_MODE")}
        command = [sys.executable, "-m", "config.demo", "--host", self.host, "--port", str(self.port)]
        self.process = subprocess.Popen(
            [*command, "--robots", str(self.robots), "--episodes", str(self.episodes), "--data", str(self.data)],
            cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self._ready = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()
        end_s = time.monotonic() + within_s
        while not self._ready.wait(0.1):
            if self.process.poll() is not None or time.monotonic() > end_s:
                self.stop()
                raise RuntimeError("The demo did not start:\n" + "".join(self.lines) + self.log()[-4000:])
        return self

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if found := PASSWORD_LINE.match(line):
                email, password, roles = found.groups()
                for role in re.findall(r"\w+", roles):
                    self.people.setdefault(role, (email, password))
            if line.startswith("Log: ") or "Ctrl-C stops everything" in line:
                self._ready.set()

    def log(self) -> str:
        path = self.data / "demo.log"
        return path.read_text() if path.exists() else ""

    def stop(self, within_s: float = 30.0) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(within_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait()
