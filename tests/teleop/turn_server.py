"""The real coturn with the flags of docker-compose.yml, on an address and with a secret of the test's choice."""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

COMPOSE = Path(__file__).resolve().parent.parent.parent / "docker-compose.yml"


def compose_flags() -> list[str]:
    """As they stand in the file, with its variables."""
    service = COMPOSE.read_text().split("\n  coturn:\n")[1].split("\n\n")[0]
    return re.findall(r"^ +- (--.+)$", service, re.MULTILINE)


class TurnServer:
    """`more` flags come after those of the compose file; `popen` starts it elsewhere than in this network."""

    def __init__(
        self, address: str, port: int, secret: str, *more: str, popen: Callable[..., subprocess.Popen[Any]] = subprocess.Popen
    ) -> None:
        self.url = f"turn:{address}:{port}"
        self._folder = tempfile.TemporaryDirectory(prefix="reins-turn-")
        self._log = Path(self._folder.name) / "log"
        filled = {"${REINS_TURN_SECRET:?set it in .env}": secret, "${REINS_HOST}": "reins.test"}
        flags = compose_flags()
        for name, value in filled.items():
            flags = [flag.replace(name, value) for flag in flags]
        assert not any("$" in flag for flag in flags), "a variable of the compose file that is not known here"
        own = [f"--listening-ip={address}", f"--relay-ip={address}", f"--listening-port={port}", "--no-tls", "--no-dtls"]
        own += ["-n", "--log-file=stdout", "--verbose", f"--pidfile={self._folder.name}/pid", f"--userdb={self._folder.name}/db"]
        self._argv, self._popen = ["turnserver", *flags, *own, *more], popen
        self.start()

    def start(self) -> None:
        self._process = self._popen(self._argv, stdout=self._log.open("ab"), stderr=subprocess.STDOUT, cwd=self._folder.name)
        end_s = time.monotonic() + 10
        while b"Total General servers" not in self._log.read_bytes():
            assert self._process.poll() is None and time.monotonic() < end_s, self.log()
            time.sleep(0.05)

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> TurnServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._folder.cleanup()
