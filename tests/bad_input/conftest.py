"""The people and robots of the fleet tests; and the real server as a process of its own, with two people and a robot."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from config.redis_server import free_port
from tests.fleet.conftest import forgetful, hung_up, lab

__all__ = ["forgetful", "hung_up", "lab"]
ROOT = Path(__file__).resolve().parents[2]
SILENT_S, PONG_S = 0.5, 1.0
PEOPLE = """
import json
from django.core.management import call_command
from django.test import Client
from tests.fleet.conftest import make_lab
call_command("migrate", verbosity=0)
lab = make_lab()
def session(person):
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client.cookies["sessionid"].value
who = {"viewer": lab.people["viewer"], "operator": lab.people["operator"], "admin": lab.people["admin"], "outsider": lab.outsider}
print(json.dumps({"robot": lab.robot.pk, "sessions": {name: session(person) for name, person in who.items()}}))
"""


@dataclass(frozen=True)
class Site:
    """A running `config.serve` on loopback.  `sessions`: cookie values by person."""

    port: int
    database: Path
    robot: str
    sessions: dict[str, str]

    def headers(self, person: str) -> dict[str, str]:
        return {"Cookie": f"sessionid={self.sessions[person]}"} if person else {}

    def sign_out(self, person: str) -> None:
        """Behind the server's back, as another process would."""
        with contextlib.closing(sqlite3.connect(self.database, timeout=10)) as rows:
            rows.execute("DELETE FROM django_session WHERE session_key = ?", (self.sessions[person],))
            rows.commit()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    data = tmp_path_factory.mktemp("site")
    environment = {**os.environ, "REINS_DATA_DIR": str(data), "DJANGO_SETTINGS_MODULE": "config.settings"}
    setup = f"import django; django.setup()\n{PEOPLE}"
    made = subprocess.run([sys.executable, "-c", setup], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    told = json.loads(made.stdout.splitlines()[-1])
    port = free_port()
    command = [sys.executable, "-m", "config.serve", "--port", str(port), "--silent-s", str(SILENT_S), "--pong-s", str(PONG_S)]
    with open(data / "serve.log", "wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        _wait(port, process, data / "serve.log")
        yield Site(port, data / "reins.sqlite3", told["robot"], told["sessions"])
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end_s = time.monotonic() + 60.0
    while time.monotonic() < end_s and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError(f"The server did not start:\n{log.read_text()[-2000:]}")
