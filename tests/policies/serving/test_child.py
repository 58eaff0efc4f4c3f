"""The process that serves a policy: its first words, its answers, and how it lives through others' ends."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from django.conf import settings

from config import redis_server
from policies.learning.doubt import band, fit, keep
from policies.learning.folder import CALIBRATION
from policies.serving.health import alive
from protocol.inference import Chunk, Trouble
from tests.policies.serving.rig import PLACES, POLICY, ROOT, Ear, Server, client, leave, question

Start = Callable[..., Server]


@pytest.fixture(autouse=True)
def empty() -> Iterator[None]:
    client().flushall()
    yield


@pytest.fixture
def start(starter: Path) -> Iterator[Start]:
    began: list[Server] = []

    def one(name: str = "s1", *more: str, folder: Path = starter) -> Server:
        began.append(Server(folder, name, POLICY, *more))
        return began[-1]

    yield one
    for server in began:
        server.kill()


@pytest.fixture
def ear() -> Iterator[Ear]:
    with contextlib.closing(Ear()) as one:
        yield one


def test_it_answers_a_batch_says_how_it_does_and_ends_when_told(start: Start, ear: Ear) -> None:
    server = start()
    server.says("ready")
    for robot in "abc":
        leave(question(robot))
    leave(question("d", pictures={}))
    said = dict(ear.next() for _ in range(4))
    assert {robot: type(one) for robot, one in said.items()} == {"a": Chunk, "b": Chunk, "c": Chunk, "d": Trouble}
    chunk = said["a"]
    assert isinstance(chunk, Chunk)
    assert (chunk.axes, len(chunk.actions), chunk.worker) == (2, 8 * 2 * 4, "s1")
    assert chunk.reasoning is not None and chunk.reasoning.target is not None
    [health] = eventually(lambda: [one for one in alive(client().hgetall(PLACES.health(POLICY))) if one.batches])
    assert (health.server, health.answered, health.troubles) == ("s1", 3, 1)
    assert health.p50_ms is not None and health.p99_ms is not None and health.p50_ms <= health.p99_ms
    assert server.end() == 0


def test_what_is_no_policy_is_said_in_words(start: Start, tmp_path: Path) -> None:
    said = start(folder=tmp_path / "nothing").says("code")
    assert said["code"] == "policy_missing"


WITHOUT = """
import sys
class Door:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in SHUT:
            raise ImportError("shut: " + name)
sys.meta_path.insert(0, Door())
from policies.serving.child import main
sys.exit(main(sys.argv[1:]))
"""


def test_it_needs_no_django_and_says_in_words_that_pytorch_is_missing(starter: Path) -> None:
    shut = ("torch", "django", "celery", "channels", "robot", "fleet")
    options = ["--policy", POLICY, "--folder", str(starter), "--server", "s", "--worker", "w", "--prefix", "p"]
    command = [sys.executable, "-c", f"SHUT = {shut!r}\n{WITHOUT}", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, json.loads(done.stdout)["code"]) == (3, "torch_missing"), done.stderr
    assert "requirements-learning.txt" in done.stdout


def test_a_gpu_that_is_not_there_is_said_in_words(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    server = start("s1", "--device", "cuda")
    assert (server.says("code")["code"], server.process.wait(10)) == ("gpu_absent", 3)


def test_weights_that_were_changed_are_not_served(start: Start, starter: Path) -> None:
    path = starter / "policy.safetensors"
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    server = start()
    said = server.says("code")
    assert (said["code"], server.process.wait(10)) == ("policy_damaged", 3)


@pytest.mark.parametrize(("known", "lost"), [("0" * 64, True), ("0" * 64, False), ("", False)])
def test_a_calibration_that_is_not_the_one_that_is_known_is_not_served_with(
    start: Start, starter: Path, known: str, lost: bool
) -> None:
    """It would drive without ever asking, or ask about something else, while pages say that it asks when in doubt."""
    if not lost:
        rng = np.random.default_rng(0)
        runs = [rng.normal(size=20) for _ in range(20)]
        keep(starter / CALIBRATION, fit(rng.normal(size=(100, 3))), band(runs, runs, 0.15))
    server = start("s1", "--calibration", known)
    assert (server.says("code")["code"], server.process.wait(10)) == ("calibration_damaged", 3)


def test_two_share_the_robots_of_one_policy(start: Start, ear: Ear) -> None:
    servers = [start(name, "--most", "1") for name in ("s1", "s2")]
    for server in servers:
        server.says("ready")
    workers: set[str] = set()
    while len(workers) < 2:
        for robot in "abcdef":
            leave(question(robot))
        for _ in range(6):
            _, chunk = ear.next()
            assert isinstance(chunk, Chunk)
            workers.add(chunk.worker)


def test_one_that_is_killed_leaves_the_robots_to_the_other(start: Start, ear: Ear) -> None:
    first, second = start("s1"), start("s2")
    for server in (first, second):
        server.says("ready")
    first.kill()
    for n in range(1, 4):
        leave(question(n=n))
        _, chunk = ear.next()
        assert isinstance(chunk, Chunk) and (chunk.n, chunk.worker) == (n, "s2")


def test_it_serves_on_when_redis_was_away(
    starter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    port = redis_server.free_port()

    def begin() -> subprocess.Popen[bytes]:
        process = subprocess.Popen(redis_server.command(port, tmp_path), stdout=subprocess.DEVNULL)
        redis_server.wait(port, process)
        return process

    broker = begin()
    request.addfinalizer(lambda: broker.kill())
    monkeypatch.setattr(settings, "REDIS_URL", f"redis://127.0.0.1:{port}/0")
    server = Server(starter)
    request.addfinalizer(server.kill)
    server.says("ready")
    broker.kill()
    broker.wait()
    server.says("alive")
    broker = begin()
    with contextlib.closing(Ear()) as ear:
        leave(question())
        _, chunk = ear.next()
        assert isinstance(chunk, Chunk)


def eventually(found: Callable[[], list[object]], within_s: float = 10.0) -> list[object]:
    end_s = time.monotonic() + within_s
    while not (one := found()) and time.monotonic() < end_s:
        time.sleep(0.02)
    return one


def test_what_is_old_or_unreadable_is_no_sign_of_life() -> None:
    from policies.serving.health import Health

    fresh, old = (Health(server=name, worker="w", at_s=at_s, ready_s=0) for name, at_s in (("new", 100.0), ("old", 90.0)))
    fields = {b"new": msgspec.msgpack.encode(fresh), b"old": msgspec.msgpack.encode(old), b"odd": b"\xc1"}
    assert alive(fields, 101.0) == [fresh]
