"""Enrolment: a key made on the robot, a code, the server's key pinned; and every way it can be refused.  SAFETY row 43."""

from __future__ import annotations

import base64
import json
import stat
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from protocol.embodiment import decode_embodiment
from protocol.errors import Refused
from protocol.robot_link import PROTOCOL
from robot.__main__ import body_options, main
from robot.config import RobotConfig, read_config, server_url, toml, write_config
from robot.enrol import PATH, enrol
from robot.identity import Identity
from robot.state import next_epoch
from robot.world.embodiments import TABLETOP

SERVER_KEY = base64.b64encode(bytes(range(32))).decode()


class Answering:
    """A server that takes each code once, and keeps what it was sent."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.used: set[str] = set()
        self.raw: tuple[int, bytes] | None = None  # answer this instead

    def answer(self, path: str, body: bytes) -> tuple[int, bytes]:
        assert path == PATH
        asked = json.loads(body)
        self.asked.append(asked)
        if self.raw is not None:
            return self.raw
        if asked["code"] in self.used:
            return 409, b'{"code":"code_used","sentence":"This enrolment code was used already.","detail":{}}'
        self.used.add(asked["code"])
        return 200, json.dumps({"robot": "ab" * 16, "name": "kestrel", "server_key": SERVER_KEY}).encode()


@pytest.fixture
def server() -> Iterator[tuple[str, Answering]]:
    answering = Answering()

    class OneRequest(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, body = answering.answer(self.path, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    http = HTTPServer(("127.0.0.1", 0), OneRequest)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}", answering
    http.shutdown()
    thread.join()
    http.server_close()


def test_enrolment_leaves_a_key_of_its_own_and_the_servers_key(server: tuple[str, Answering], tmp_path: Path) -> None:
    url, answering = server
    folder = tmp_path / "robot"
    config = enrol(folder, url + "/", "AAAA-BBBB", "simulated", {"seed": 7})
    (asked,) = answering.asked
    assert set(asked) == {"code", "public_key", "embodiment", "program", "protocol"}
    assert asked["protocol"] == PROTOCOL
    assert decode_embodiment(asked["embodiment"].encode()) == TABLETOP
    identity = Identity.load(folder)
    assert identity.public_key == asked["public_key"]
    Ed25519PublicKey.from_public_bytes(base64.b64decode(asked["public_key"])).verify(identity.sign(b"x"), b"x")
    assert stat.S_IMODE((folder / "key").stat().st_mode) == 0o600
    assert read_config(folder) == config
    assert (config.server, config.server_key) == (url, SERVER_KEY)
    assert (config.body_kind, config.body_config) == ("simulated", {"seed": 7})
    assert next_epoch(folder) == 1


def test_row_43_a_used_code_is_refused_and_leaves_no_robot(
    server: tuple[str, Answering], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url, _ = server
    words = ["enrol", "--server", url, "--code", "ONCE", "--body", "simulated", "--dir"]
    assert main([*words, str(tmp_path / "one")]) == 0
    assert main([*words, str(tmp_path / "two")]) == 1
    assert capsys.readouterr().err == "This enrolment code was used already.\n"
    assert not (tmp_path / "two" / "robot.toml").exists()
    assert not list((tmp_path / "two").glob("key*"))


def test_a_robot_is_replaced_only_when_asked_and_stays_when_refused(server: tuple[str, Answering], tmp_path: Path) -> None:
    url, _ = server
    first = enrol(tmp_path, url, "ONE", "simulated", {})
    key = Identity.load(tmp_path).public_key
    next_epoch(tmp_path)
    with pytest.raises(Refused, match="already_enrolled"):
        enrol(tmp_path, url, "TWO", "simulated", {})
    with pytest.raises(Refused, match="code_used"):
        enrol(tmp_path, url, "ONE", "simulated", {}, again=True)
    assert (read_config(tmp_path), Identity.load(tmp_path).public_key) == (first, key)
    enrol(tmp_path, url, "TWO", "simulated", {"seed": 1}, again=True)
    assert Identity.load(tmp_path).public_key != key
    assert next_epoch(tmp_path) == 2  # epochs go on


@pytest.mark.parametrize("raw", [(200, b"<html>"), (200, b'{"robot":"r","name":"n","server_key":"AAAA"}'), (502, b"")])
def test_an_answer_of_something_else_is_refused(server: tuple[str, Answering], tmp_path: Path, raw: tuple[int, bytes]) -> None:
    url, answering = server
    answering.raw = raw
    with pytest.raises(Refused, match="server_answer"):
        enrol(tmp_path, url, "CODE", "simulated", {})
    assert not (tmp_path / "robot.toml").exists()


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"http://127\.0\.0\.1:9 does not answer"):
        enrol(tmp_path, "http://127.0.0.1:9", "CODE", "simulated", {})


def test_an_unknown_body_is_refused_before_the_code_is_spent(server: tuple[str, Answering], tmp_path: Path) -> None:
    url, answering = server
    with pytest.raises(Refused, match="body_unknown"):
        enrol(tmp_path, url, "CODE", "octopus", {})
    assert answering.asked == []


@pytest.mark.parametrize("text", ["", "example.org", "ftp://a", "http://", "http://a:x", "http://u:p@a", "http://a?x=1"])
def test_what_is_no_server_address_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="server_url"):
        server_url(text)


def test_config_is_read_back_as_written(tmp_path: Path) -> None:
    config = RobotConfig(
        server="https://a", robot="r", name='Größe "7"\\\n\x7f', server_key="k",
        body={"kind": "camera", "device": 0, "file": "a b", "stamp": True, "crop": [1, 2.5]}, recorder={"min free": 3},
    )  # fmt: skip
    write_config(tmp_path, config)
    assert read_config(tmp_path) == config


def test_what_toml_cannot_hold_is_refused() -> None:
    with pytest.raises(Refused, match="config_invalid"):
        toml({"a": None})


@pytest.mark.parametrize("text", ["server = 1", "x", "[body]\nkind=3", "\udc00"])
def test_a_spoilt_config_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "robot.toml").write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(Refused, match="config_invalid"):
        read_config(tmp_path)


def test_a_key_others_may_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="key_missing"):
        Identity.load(tmp_path)
    Identity.create(tmp_path).adopt(tmp_path)
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(Refused, match="key_unsafe"):
        Identity.load(tmp_path)
    (tmp_path / "key").write_bytes(b"short")
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(Refused, match="key_invalid"):
        Identity.load(tmp_path)


def test_body_options_are_numbers_where_they_read_as_such() -> None:
    assert body_options(["seed=7", "stamp=true", "file=a=b", "name=[1]"]) == {
        "seed": 7, "stamp": True, "file": "a=b", "name": "[1]",
    }  # fmt: skip
    with pytest.raises(Refused, match="body_config"):
        body_options(["seed"])


def test_commands_refuse_in_a_folder_without_a_robot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["run"], ["status"], ["remote-motion", "off"]):
        assert main([*words, "--dir", str(tmp_path)]) == 1
        assert "There is no robot in" in capsys.readouterr().err


def test_bodies_lists_every_body(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bodies"]) == 0
    assert {"simulated", "replay", "camera"} <= {line.split()[0] for line in capsys.readouterr().out.splitlines()}
