"""The whole of Reins on one machine: `make demo`.  Starts everything, says when it is ready, leaves nothing behind.

Not for production: embedded Redis, SQLite, people with known passwords.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import msgspec

from config import redis_server
from protocol.errors import Refused
from robot.config import read_config, write_config
from robot.supervise import Child, Supervisor

ROOT = Path(__file__).resolve().parent.parent
READY_S = 120.0
TASKS = ("lift", "place", "push")  # what scripts show in a new demo, so that its library is not empty
#: name, queues, how much at once, niceness; what serves or trains runs in processes of its own, so that PyTorch slows no start
WORKERS = (("worker", "default,datasets", "2", 0), ("inference", "inference", "2", 0), ("train", "train", "1", 19))
STARTER = ROOT / "policies" / "starter"  # the policy that a new demo knows, so that a sentence works at once
SCENE = "cubes"  # what stands before each robot: things that the starter policy was taught
CALM_S = 15.0  # after the start, before they begin: workers load first


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Run Reins with simulated robots on this machine.")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--robots", type=int, default=3)
    parser.add_argument("--episodes", type=int, default=4, help="scripted ones for each of three tasks in a new demo")
    parser.add_argument("--data", type=Path, default=ROOT / ".reins")
    options = parser.parse_args(argv)
    if not 0 <= options.robots <= 50:
        return _fail("DEMO_ROBOTS must be a number from 0 to 50.")
    if _port_taken(options.host, options.port):
        return _fail(f"Port {options.port} is in use. Choose another: make demo PORT={options.port + 1}")
    if not 0 <= options.episodes <= 400:
        return _fail("DEMO_EPISODES must be a number from 0 to 400.")
    demo = Demo(options.host, options.port, options.robots, options.data.resolve(), options.episodes)
    try:
        return demo.run()
    except Refused as error:
        return _fail(error.sentence)


class Demo:
    """One run of the demo; everything it starts is a child of this process and ends with it."""

    def __init__(self, host: str, port: int, robots: int, data: Path, episodes: int = 0) -> None:
        self.url, self.port, self.host, self.data = f"http://{host}:{port}", port, host, data
        self.names = [f"kestrel-{n + 1}" for n in range(robots)]
        self.episodes, self.shown, self.ready_s = episodes, list(TASKS), float("inf")
        if not episodes or (data / "reins.sqlite3").exists():
            self.shown = []
        self.supervisor = Supervisor(_Log(data / "demo.log"))
        self.environment = {
            "REINS_MODE": "demo",
            "REINS_DEMO": "1",
            "REINS_DATA_DIR": str(data),
            "PYTHONUNBUFFERED": "1",
        }

    def run(self) -> int:
        started_s = time.monotonic()
        self.data.mkdir(parents=True, exist_ok=True)
        self.supervisor.catch_signals()
        self.supervisor.adopt_orphans()
        try:
            self._services()
            people = self._prepare()
            self._server()
            self._robots()
            self._wait_for_robots()
            if not self.supervisor.stopping:
                _say(f"\nReins is ready: {self.url}/   ({time.monotonic() - started_s:.0f} s)")
                _say("\n".join(people))
                _say(f"Log: {self.data / 'demo.log'}.  Ctrl-C stops everything.\n")
                self._workers()
            self.ready_s = time.monotonic()
            self.supervisor.run(self._each_turn)
        finally:
            self.supervisor.stop()
        _say("Reins has stopped.")
        return 0

    # -- what is started, in order ----------------------------------------------------------------

    def _services(self) -> None:
        if url := os.environ.get("REDIS_URL"):
            _say(f"Redis: {url.rsplit('@', 1)[-1]}")
            return
        port = redis_server.free_port()
        self.environment["REDIS_URL"] = f"redis://127.0.0.1:{port}/0"
        self._start(Child("redis", redis_server.command(port, self.data), ready=lambda: redis_server.answers(port)), 15)

    def _prepare(self) -> list[str]:
        """Database, people and codes for robots that are not enrolled yet; gives the log-in lines."""
        _say("Database: preparing")
        self._manage("migrate", "--noinput", "--verbosity", "0")
        new = [name for name in self.names if not self._folder(name).joinpath("robot.toml").exists()]
        answer = json.loads(self._manage("seed_demo", "--codes", ",".join(new)))
        self.codes: dict[str, str] = answer["codes"]
        if (STARTER / "card.json").exists():
            self._manage("bring_policy", str(STARTER), "--organisation", "Demo lab")
        width = max(len(person["email"]) for person in answer["people"])
        return [f"  {p['email']:<{width}}  {p['password']}   {p['roles']}" for p in answer["people"]]

    def _server(self) -> None:
        argv = [sys.executable, "-m", "config.serve", "--host", self.host, "--port", str(self.port)]
        self._start(Child("pages", argv, self.environment, cwd=str(ROOT), ready=self._answers), 60)

    def _robots(self) -> None:
        for name in self.names:
            folder = self._folder(name)
            if name in self.codes:
                self._enrol(name, folder)
            elif (known := read_config(folder)).server != self.url:  # another PORT than last time; the pinned key stays
                write_config(folder, msgspec.structs.replace(known, server=self.url))
            argv = [sys.executable, "-m", "robot", "run", "--dir", str(folder)]
            self.supervisor.add(Child(name, argv, {"PYTHONUNBUFFERED": "1"}, cwd=str(ROOT), stop_s=10))
            _say(f"Robot: {name}")

    def _enrol(self, name: str, folder: Path) -> None:
        command = [sys.executable, "-m", "robot", "enrol", "--server", self.url, "--code", self.codes[name]]
        command += ["--dir", str(folder), "--body", "simulated", "--body-option", f"seed={secrets.randbelow(1000)}"]
        command += ["--body-option", f"scene={SCENE}"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Refused("enrolment_failed", f"{name} could not be enrolled: {(done.stderr or done.stdout).strip()}")

    def _wait_for_robots(self) -> None:
        end_s = time.monotonic() + READY_S
        while time.monotonic() < end_s and not self.supervisor.stopping:
            online = self._online()
            if online >= len(self.names):
                return
            self.supervisor.turn(0.2)
        if not self.supervisor.stopping:
            missing = f"{self._online()} of {len(self.names)} robots are online after {READY_S:.0f} s"
            raise Refused("robots_missing", f"{missing}. The log says why: {self.data / 'demo.log'}")

    def _workers(self) -> None:
        celery = [sys.executable, "-m", "celery", "-A", "config"]
        worker = [*celery, "worker", "--pool", "threads", "--without-mingle", "--without-gossip", "--loglevel", "WARNING"]
        beat = [*celery, "beat", "--loglevel", "WARNING", "--pidfile=", "--schedule", str(self.data / "beat")]
        for name, queues, concurrency, nice in WORKERS:
            argv = [
                "nice",
                "-n",
                str(nice),
                *worker,
                "--hostname",
                f"{name}@%h",
                "--concurrency",
                concurrency,
                "--queues",
                queues,
            ]
            self.supervisor.add(Child(name, argv, self.environment, cwd=str(ROOT)))
        self.supervisor.add(Child("beat", beat, self.environment, cwd=str(ROOT)))
        _say("Workers: loading in the background")

    def _each_turn(self) -> None:
        self._note_deaths()
        self._show()

    def _show(self) -> None:
        """Begins the next task's scripted episodes once the one before has ended; at low priority, and once only."""
        before = f"show-{TASKS[-len(self.shown) - 1]}" if len(self.shown) < len(TASKS) else ""
        if not self.shown or time.monotonic() < self.ready_s + CALM_S or (before and self.supervisor.ended(before) is None):
            return
        task = self.shown.pop(0)
        if not before:
            _say(f"Library: {self.episodes * len(TASKS)} scripted episodes come in the background")
        argv = ["nice", "-n", "19", sys.executable, "manage.py", "collect_demos", "--task", task, "--workers", "1"]
        argv += ["--episodes", str(self.episodes)]
        self.supervisor.add(Child(f"show-{task}", argv, self.environment, cwd=str(ROOT), restart=False, stop_s=3))

    # -- small parts ------------------------------------------------------------------------------

    def _start(self, child: Child, within_s: float) -> None:
        self.supervisor.add(child)
        _say(f"{child.name.capitalize()}: starting")
        if self.supervisor.wait_ready([child.name], within_s) and not self.supervisor.stopping:
            raise Refused("not_ready", f"{child.name} did not start. The log says why: {self.data / 'demo.log'}")

    def _manage(self, *words: str) -> str:
        command = [sys.executable, "manage.py", *words]
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, **self.environment}, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise Refused("preparation_failed", f"manage.py {words[0]} failed:\n{done.stderr.strip()}")
        return done.stdout

    def _folder(self, name: str) -> Path:
        return self.data / "robots" / name

    def _answers(self) -> bool:
        return self._health() is not None

    def _online(self) -> int:
        health = self._health() or {}
        robots = health.get("robots", {})
        return int(robots.get("online", 0)) if isinstance(robots, dict) else 0

    def _health(self) -> dict[str, object] | None:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=2) as answer:  # noqa: S310  # our own address
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            return dict(json.load(error)) if error.code == 503 else None
        except (OSError, ValueError):
            return None

    def _note_deaths(self) -> None:
        """Deaths are said on the terminal too, once each; details are in the log."""
        for name, count in self.supervisor.restarts().items():
            if self._deaths.get(name, 0) != count:
                self._deaths[name] = count
                _say(f"{name} died and was started again ({count}). The log says why: {self.data / 'demo.log'}")

    _deaths: dict[str, int] = {}


class _Log:
    """Everything the children print, in one file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w", buffering=1)

    def __call__(self, name: str, line: str) -> None:
        self._file.write(f"{time.strftime('%H:%M:%S')} {name:<10} {line}\n")


def _port_taken(host: str, port: int) -> bool:
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _fail(sentence: str) -> int:
    sys.stderr.write(sentence + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
