"""The uploader against servers that answer nonsense, over real HTTP: it says so, waits, and goes on."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from protocol.episode_folder import META, decode_meta, hash_file
from robot.recorder.upload import Server, Uploader
from tests.robot.recorder.rig import log_of, recorder


class Odd:
    """A server that gives `answers` in turn, the last for ever; `asked` is what it was asked."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes]] = []
        self.asked: list[bytes] = []
        odd = self

        class Asked(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                odd.asked.append(self.rfile.read(int(self.headers["Content-Length"])))
                status, body = odd.answers.pop(0) if len(odd.answers) > 1 else odd.answers[0]
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_PUT = do_POST

            def log_message(self, format: str, *args: Any) -> None:
                return

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Asked)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture
def odd() -> Iterator[Odd]:
    server = Odd()
    yield server
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture
def episodes(tmp_path: Path) -> list[Path]:
    """Two saved episodes, oldest first."""
    rec = recorder(tmp_path)
    for _ in range(2):
        rec.save(log_of(rec, 5))
    return rec.home.saved()


def uploader(tmp_path: Path, odd: Odd) -> Uploader:
    made = Uploader(recorder(tmp_path).home, Server(f"http://127.0.0.1:{odd.http.server_port}"), lambda: False)
    made.set_token("token")
    return made


@pytest.mark.parametrize(
    "answers",
    [
        [(200, b"{}")],
        [(200, b"[]")],
        [(200, b"not json")],
        [(200, b"\xff\xfe")],
        [(200, b'{"offsets":{"episode.json":"five"}}')],
        [(200, b'{"offsets":{"episode.json":-1}}')],
        [(200, b'{"offsets":{"episode.json":1e99}}')],
        [(200, b'{"offsets":{"episode.json":999999999}}')],
        [(200, b'{"offsets":{}}'), (200, b"{}")],
        [(200, b'{"offsets":{}}'), (200, b'{"offset":0}')],
        [(200, b'{"offsets":{}}'), (200, b'{"offset":null}')],
        [(200, b'{"offsets":{}}'), (409, b'{"code":"wrong_offset","sentence":"No.","detail":{}}')],
        [(200, b'{"offsets":{}}'), (409, b'{"code":"wrong_offset","sentence":"No.","detail":{"offset":"x"}}')],
        [(200, b'{"offsets":{}}'), (409, b'{"code":"wrong_offset","sentence":"No.","detail":{"offset":0}}')],
        [(500, b'{"code":5}')],
        [(503, b'{"code":"unavailable","sentence":"Later.","detail":[1]}')],
        [(502, b"<html>")],
        [(404, b"<html>")],
    ],
)
def test_an_odd_answer_is_said_and_the_episode_stays(
    tmp_path: Path, odd: Odd, episodes: list[Path], answers: list[tuple[int, bytes]]
) -> None:
    odd.answers = answers
    made = uploader(tmp_path, odd)
    assert made.round() > 0.0
    assert "upload" in made.progress.sentence
    assert all(episode.exists() for episode in episodes)
    assert made.progress.pending == 2


def test_an_episode_that_fails_again_and_again_lets_the_others_pass(tmp_path: Path, odd: Odd, episodes: list[Path]) -> None:
    failing, good = episodes
    files = {META: hash_file(good / META), **decode_meta((good / META).read_bytes()).files}
    done = {"offsets": {}, "confirmed": {path: file.sha256 for path, file in files.items()}}
    made = uploader(tmp_path, odd)
    odd.answers = [(500, b"{}")]
    assert made.round() > 0.0
    odd.answers = [(200, msgspec.json.encode(done))]
    assert made.round() == 0.0
    assert (failing.exists(), good.exists()) == (True, False)
    assert [failing.name.encode() in odd.asked[0], good.name.encode() in odd.asked[1]] == [True, True]


def test_episodes_that_cannot_be_listed_are_tried_again(tmp_path: Path, odd: Odd, episodes: list[Path]) -> None:
    made = uploader(tmp_path, odd)
    shutil.move(tmp_path / "episodes", tmp_path / "away")
    assert made.round() > 0.0
    assert "cannot be listed" in made.progress.sentence


def test_the_thread_outlives_a_fault_of_its_own(tmp_path: Path, odd: Odd, monkeypatch: pytest.MonkeyPatch) -> None:
    made, rounds, ended = uploader(tmp_path, odd), 0, threading.Event()

    def round() -> float:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            raise KeyError("offsets")
        ended.set()
        return 0.0

    monkeypatch.setattr(made, "round", round)
    monkeypatch.setattr(made, "_back_off", lambda: 0.0)
    made.run(ended)
    assert rounds == 2
    assert "KeyError" in made.progress.sentence


def test_the_copy_of_an_episode_whose_person_was_forgotten_goes_too(tmp_path: Path, odd: Odd, episodes: list[Path]) -> None:
    odd.answers = [(410, b'{"code":"episode_forgotten","sentence":"It was deleted.","detail":{}}')]
    made = uploader(tmp_path, odd)
    assert made.round() == made.round() == 0.0
    assert not any(episode.exists() for episode in episodes)
