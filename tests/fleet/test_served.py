"""What only the real server shows: limits on frames and bodies, the handshake.  Numbers are rows of the bad-input matrix."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.conf import settings
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from config import redis_server
from tests.fleet.rig import embodiment

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with served(tmp_path_factory.mktemp("served")) as port:
        yield port


@pytest.fixture
def port_behind_proxy(tmp_path: Path) -> Iterator[int]:
    with served(tmp_path, REINS_TRUSTED_PROXY="1") as port:
        yield port


@pytest.fixture
def uncounted() -> None:
    """No guess of another test counts."""
    redis.Redis.from_url(settings.REDIS_URL).flushall()


@contextlib.contextmanager
def served(data: Path, **more: str) -> Iterator[int]:
    port = redis_server.free_port()
    environment = {**os.environ, "REINS_DATA_DIR": str(data), **more}
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=ROOT, env=environment, check=True)
    server = subprocess.Popen([sys.executable, "-m", "config.serve", "--port", str(port)], cwd=ROOT, env=environment)
    end_s = time.monotonic() + 60
    while time.monotonic() < end_s:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2)
            break
        except OSError:
            time.sleep(0.1)
    yield port
    server.terminate()
    server.wait(20)


def test_row_20_a_frame_of_two_mebibytes_closes_with_1009(port: int) -> None:
    robot = connect(f"ws://127.0.0.1:{port}/ws/robot/")
    with robot, pytest.raises(ConnectionClosed) as closed:
        robot.send("x" * (2 * 1024 * 1024))
        robot.recv(timeout=10)
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009


@pytest.mark.parametrize("origin", [None, "http://evil.example"])
def test_row_15_a_foreign_origin_gets_403_at_the_handshake(port: int, origin: str | None) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws://127.0.0.1:{port}/ws/fleet/", origin=origin)  # type: ignore[arg-type]
    assert refused.value.response.status_code == 403


def test_row_4_an_endless_body_is_refused_while_it_arrives(port: int) -> None:
    head = (
        b"POST /api/robots/enrol HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
        wire.sendall(head)
        try:
            for _ in range(400):  # 25 MiB, were it let
                wire.sendall(chunk)
        except OSError:
            pass  # cut while sending, as it should be
        else:
            pytest.fail("25 MiB were taken")
    assert json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz"))["database"] == "ok"


def test_row_4_a_body_that_says_it_is_a_gigabyte_is_413(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
        wire.sendall(
            b"POST /api/robots/enrol HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"Content-Length: 1073741824\r\n\r\n"
        )
        answer = wire.recv(4096)
    assert b" 413 " in answer.split(b"\r\n")[0] and b'"too_large"' in answer


def guess(port: int, forwarded_for: str) -> int:
    """The status that a wrong enrolment code gets."""
    body = {"code": "x", "public_key": "A" * 43 + "=", "embodiment": embodiment(), "program": "0", "protocol": 1}
    headers = {"Content-Type": "application/json", "X-Forwarded-For": forwarded_for}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/robots/enrol", json.dumps(body).encode(), headers)
    with pytest.raises(urllib.error.HTTPError) as answered:
        urllib.request.urlopen(request)  # noqa: S310
    return answered.value.code


@pytest.mark.usefixtures("uncounted")
def test_row_12_by_default_nobody_gets_more_guesses_by_naming_other_addresses(port: int) -> None:
    assert [guess(port, f"10.0.0.{n}") for n in range(20)] == [404] * 20
    assert guess(port, "10.9.9.9") == 429


@pytest.mark.usefixtures("uncounted")
def test_behind_a_trusted_proxy_each_client_is_counted_by_the_address_that_the_proxy_appended(port_behind_proxy: int) -> None:
    assert [guess(port_behind_proxy, f"10.0.0.{n}, 203.0.113.7") for n in range(20)] == [404] * 20
    assert guess(port_behind_proxy, "10.9.9.9, 203.0.113.7") == 429
    assert guess(port_behind_proxy, "203.0.113.7, 203.0.113.8") == 404
