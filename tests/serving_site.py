"""A site that only serves policies, in real processes: Redis, the inference sockets, workers, beat.  For tests and benchmarks.

As a program it keeps them alive: `python -m tests.serving_site FOLDER PORT`; `ServingSite` starts it and asks as pilots do.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.asyncio.client import ClientConnection, connect

from config import redis_server
from protocol import inference, robot_link
from protocol.embodiment import Embodiment
from protocol.inference import Chunk, Observed, Trouble
from protocol.permit import login_bytes
from protocol.wire import encode
from robot.supervise import Child, Supervisor

ROOT = Path(__file__).resolve().parent.parent
WORKER = (
    "-m",
    "celery",
    "-A",
    "config",
    "worker",
    "--pool",
    "threads",
    "--without-mingle",
    "--without-gossip",
    "--loglevel",
    "WARNING",
)


@dataclass
class Asker:
    """A robot of the site; its private key is the test's."""

    id: str
    key: Ed25519PrivateKey


@dataclass
class ServingSite:
    """`policy` is the folder that is served, `body` whose robots ask; `settings` go into the environment."""

    folder: Path
    policy: Path
    body: Embodiment
    robots: int = 1
    workers: int = 1
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=redis_server.free_port)
    redis_port: int = field(default_factory=redis_server.free_port)

    def start(self, within_s: float = 120.0) -> ServingSite:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("REINS_", "DATABASE_URL"))}
        self.environment = {
            **kept,
            "REINS_MODE": "demo",
            "REINS_DATA_DIR": str(self.folder),
            "REDIS_URL": f"redis://127.0.0.1:{self.redis_port}/0",
            "PYTHONUNBUFFERED": "1",
            **self.settings,
        }
        self._seed()
        self._log = (self.folder / "site.log").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.serving_site", str(self.port), str(self.redis_port), str(self.workers)],
            cwd=ROOT, env=self.environment, stdout=self._log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        end_s = time.monotonic() + within_s
        while not redis_server.answers(self.redis_port) or not (self.folder / "ready").exists():
            if self.process.poll() is not None or time.monotonic() > end_s:
                raise RuntimeError(f"the site did not start:\n{self.log()[-4000:]}")
            time.sleep(0.1)
        return self

    def _seed(self) -> None:
        keys = [Ed25519PrivateKey.generate() for _ in range(self.robots)]
        public = [base64.b64encode(key.public_key().public_bytes_raw()).decode() for key in keys]
        wanted = {"keys": public, "policy": str(self.policy), "body": msgspec.json.encode(self.body).decode()}
        done = subprocess.run(
            [sys.executable, "-m", "tests.serving_seed"],
            cwd=ROOT, env=self.environment, input=json.dumps(wanted), capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(done.stderr[-4000:])
        made = json.loads(done.stdout.splitlines()[-1])
        self.policy_id: str = made["policy"]
        self.askers = [Asker(id, key) for id, key in zip(made["robots"], keys, strict=True)]

    def log(self) -> str:
        return (self.folder / "site.log").read_text()

    def pid(self, name: str) -> int:
        """Of the newest process with this name, as the site has written it down; it may be writing now."""
        while not (said := (self.folder / f"{name}.pid").read_text()):
            time.sleep(0.01)
        return int(said)

    def servers(self) -> list[int]:
        """Pids of the processes that serve, below the workers."""
        import psutil

        return [
            child.pid
            for child in psutil.Process(self.process.pid).children(recursive=True)
            if any("policies.serving.child" in word for word in child.cmdline())
        ]

    @asynccontextmanager
    async def connected(self, asker: Asker) -> AsyncIterator[ClientConnection]:
        """A pilot's socket, logged in."""
        async with connect(
            f"ws://127.0.0.1:{self.port}/ws/robot/infer/", compression=None, max_size=inference.MAX_BYTES
        ) as socket:
            body = msgspec.json.encode(self.body).decode()
            hello = robot_link.Hello(robot=asker.id, protocol=robot_link.PROTOCOL, program="test", embodiment=body)
            await socket.send(encode(hello))
            challenge = json.loads(await socket.recv())
            signature = base64.b64encode(asker.key.sign(login_bytes(asker.id, challenge["nonce"]))).decode()
            await socket.send(encode(robot_link.Proof(signature=signature)))
            welcome = json.loads(await socket.recv())
            assert welcome["type"] == "welcome", welcome
            yield socket

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._log.close()


async def ask(socket: ClientConnection, question: Observed, within_s: float = 3.0) -> Chunk | Trouble:
    """The answer to this question; older ones are passed over."""
    await socket.send(inference.encode(question))
    async with asyncio.timeout(within_s):
        while True:
            message: Chunk | Trouble = inference.decode(bytes(await socket.recv(decode=False)), inference.ToPilot)
            if message.n == question.n:
                return message


def main(argv: list[str]) -> int:
    port, redis_port, workers = int(argv[0]), int(argv[1]), int(argv[2])
    folder = Path(os.environ["REINS_DATA_DIR"])
    supervisor = Supervisor()
    supervisor.catch_signals()
    supervisor.adopt_orphans()
    python, celery = sys.executable, [sys.executable, "-m", "celery", "-A", "config"]
    serve = [python, "-m", "config.serve", "--port", str(port), "--role", "inference"]
    children: list[tuple[str, list[str], Any]] = [
        ("redis", redis_server.command(redis_port, folder), lambda: redis_server.answers(redis_port)),
        ("sockets", serve, _listening(port)),
        ("beat", [*celery, "beat", "--loglevel", "WARNING", "--pidfile=", "--schedule", str(folder / "beat")], None),
        ("default", [python, *WORKER, "--hostname", "default@%h", "--concurrency", "1", "--queues", "default"], None),
    ]
    for number in range(workers):
        argv = [python, *WORKER, "--hostname", f"inference{number}@%h", "--concurrency", "1", "--queues", "inference"]
        children.append((f"inference{number}", argv, None))
    for name, argv, ready in children:
        supervisor.add(Child(name, argv, cwd=str(ROOT), ready=ready))
    late = supervisor.wait_ready(["redis", "sockets"], 60)
    if not late:
        (folder / "ready").touch()
    supervisor.run(lambda: _note(supervisor, folder))
    return 1 if late else 0


def _listening(port: int) -> Any:
    import socket

    def ready() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    return ready


def _note(supervisor: Supervisor, folder: Path) -> None:
    for name in supervisor.children:
        if (pid := supervisor.pid(name)) is not None:
            (folder / f"{name}.pid").write_text(str(pid))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
