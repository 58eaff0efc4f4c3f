"""Loaded by pytest before Django's settings: test mode, a data folder of its own, an embedded Redis server."""

from __future__ import annotations

import atexit
import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from config import redis_server

_folder = Path(tempfile.mkdtemp(prefix="reins-test-"))
os.environ["REINS_MODE"] = "test"
os.environ["REINS_DATA_DIR"] = str(_folder)
os.environ.pop("DATABASE_URL", None)
os.environ.setdefault("MUJOCO_GL", "egl")


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


_port = redis_server.free_port()
_server = subprocess.Popen(
    redis_server.command(_port, _folder),
    preexec_fn=_die_with_parent,
    stdout=subprocess.DEVNULL,
)
redis_server.wait(_port, _server)
os.environ["REDIS_URL"] = f"redis://127.0.0.1:{_port}/0"


@atexit.register
def _end() -> None:
    _server.kill()
    _server.wait()
    shutil.rmtree(_folder, ignore_errors=True)
