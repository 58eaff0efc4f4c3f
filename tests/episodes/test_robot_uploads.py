"""The robot's uploader against the real server over HTTP: resumed after breaks, slow while somebody drives."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.db import connection

from config import redis_server
from episodes import storage, tokens
from episodes.models import Episode, Upload, UploadFile
from episodes.services import forgetting
from protocol.episode_folder import META, check_folder
from robot.recorder.finalise import Home
from robot.recorder.upload import Server, ServerSays, Uploader
from tests.episodes.rig import World, recorded, world

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def here(transactional_db: None) -> World:
    return world()


@pytest.fixture
def episode(tmp_path: Path, here: World) -> Path:
    return recorded(tmp_path / "robot", here.robot.pk)


def uploader(folder: Path, url: str, here: World, live: bool = False, **options: Any) -> Uploader:
    server = Server(url)
    made = Uploader(Home(folder).make(), server, lambda: live, wait=lambda _: None, **options)
    made.set_token(tokens.mint(here.robot))
    return made


def test_a_robot_in_the_middle_of_an_upload_learns_that_it_was_forgotten(
    live_server: Any, tmp_path: Path, here: World, episode: Path
) -> None:
    refused: list[str] = []
    made = uploader(tmp_path / "robot", live_server.url, here, refused=lambda id, _: refused.append(id))
    put, lab = made._server.put, here.site.organisation

    def forgotten_after_the_first(id: str, path: str, offset: int, piece: bytes) -> int:
        follows = put(id, path, offset, piece)
        if path == META:
            forgetting.run(forgetting.ask("p1", lab, "They asked for it.", "Ada"))
        return follows

    made._server.put = forgotten_after_the_first  # type: ignore[method-assign]
    assert made.round() == 0.0
    assert refused == [episode.name] and not episode.exists()
    assert not storage.is_there(episode.name)


def test_an_episode_is_deleted_on_the_robot_only_after_the_server_confirmed_it(
    live_server: Any, tmp_path: Path, here: World, episode: Path
) -> None:
    gone: list[str] = []
    made = uploader(tmp_path / "robot", live_server.url, here, uploaded=gone.append)
    assert made.round() == 0.0
    assert gone == [episode.name]
    assert list(Home(tmp_path / "robot").episodes.iterdir()) == []
    assert check_folder(storage.folder(episode.name)).rows == 40
    assert Episode.objects.get().pk == episode.name
    assert made.round() == 1.0
    assert made.progress.pending == 0


def test_a_broken_line_is_resumed_at_the_offset_that_was_kept(
    live_server: Any, tmp_path: Path, here: World, episode: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = uploader(tmp_path / "robot", live_server.url, here)
    monkeypatch.setattr("robot.recorder.upload.PIECE", 600)
    real, sent = Server.put, []

    def breaking(self: Server, name: str, path: str, offset: int, piece: bytes) -> int:
        sent.append((path, offset))
        if len(sent) == 4:
            raise ConnectionResetError("the line broke")
        return real(self, name, path, offset, piece)

    monkeypatch.setattr(Server, "put", breaking)
    assert made.round() > 0.0
    assert "cannot be reached" in made.progress.sentence
    assert episode.exists()
    kept = dict(UploadFile.objects.values_list("path", "offset"))
    assert made.round() == 0.0
    assert sent[4] == sent[3]  # goes on with the piece that did not arrive
    assert kept[sent[3][0]] == sent[3][1]
    assert len(sent) == len(set(sent)) + 1
    assert not episode.exists()


def test_pieces_are_small_while_somebody_drives(
    live_server: Any, tmp_path: Path, here: World, episode: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robot.recorder.upload.LIVE_PIECE", 500)
    waited: list[float] = []
    made = uploader(tmp_path / "robot", live_server.url, here, live=True, live_bytes_s=1000.0)
    made._wait = waited.append
    total = sum(path.stat().st_size for path in episode.rglob("*") if path.is_file())
    made.round()
    assert sum(waited) == pytest.approx(total / 1000.0)
    assert max(waited) <= 0.5
    assert not episode.exists()


def test_without_a_token_the_link_is_asked_for_one(live_server: Any, tmp_path: Path, here: World, episode: Path) -> None:
    made = uploader(tmp_path / "robot", live_server.url, here)
    made.set_token("stale")
    made.round()
    assert made.progress.token_needed
    made.set_token(tokens.mint(here.robot))
    assert made.round() == 0.0
    assert not episode.exists()


def test_a_full_server_keeps_the_episode_on_the_robot_until_there_is_room(
    live_server: Any, tmp_path: Path, here: World, episode: Path, settings: Any
) -> None:
    settings.REINS_MEDIA_RESERVE_MB = 10**9
    made = uploader(tmp_path / "robot", live_server.url, here)
    assert made.round() > 0.0
    assert "room" in made.progress.sentence
    assert episode.exists()
    settings.REINS_MEDIA_RESERVE_MB = 1
    assert made.round() == 0.0
    assert not episode.exists()


def test_an_episode_that_the_server_will_never_take_stays_and_does_not_block_the_next(
    live_server: Any, tmp_path: Path, here: World
) -> None:
    foreign = recorded(tmp_path / "robot", "somebody-else")
    good = recorded(tmp_path / "robot", here.robot.pk)
    said: list[tuple[str, str]] = []
    made = uploader(tmp_path / "robot", live_server.url, here, refused=lambda *told: said.append(told))
    made.round()
    assert [episode for episode, _ in said] == [foreign.name]
    made.round()
    assert foreign.exists()
    assert not good.exists()
    assert f"refused episode {foreign.name[:8]}" in made.progress.sentence, "as long as it is so"


def test_a_robot_that_was_enrolled_again_keeps_what_it_had_announced_before_and_goes_on(
    live_server: Any, tmp_path: Path, here: World
) -> None:
    before = recorded(tmp_path / "robot", "the-robot-before")
    Upload.objects.create(pk=before.name, robot=here.other_robot)
    good = recorded(tmp_path / "robot", here.robot.pk)
    made = uploader(tmp_path / "robot", live_server.url, here)
    assert made.round() == 0.0
    assert "another robot's" in made.progress.sentence
    assert made.round() == 0.0
    assert before.exists()
    assert not good.exists()


def test_a_wrong_confirmation_deletes_nothing(
    live_server: Any, tmp_path: Path, here: World, episode: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Server.complete
    wrong = {META: "0" * 64}
    monkeypatch.setattr(Server, "complete", lambda self, name: msgspec.structs.replace(real(self, name), confirmed=wrong))
    made = uploader(tmp_path / "robot", live_server.url, here)
    assert made.round() > 0.0
    assert episode.exists()


def test_a_refusal_carries_the_servers_code(live_server: Any, here: World) -> None:
    server = Server(live_server.url)
    server.token = tokens.mint(here.robot)
    with pytest.raises(ServerSays, match="404 not_found"):
        server.complete("f" * 32)


def test_the_real_server_may_be_killed_and_started_again_amid_an_upload(
    tmp_path: Path, here: World, episode: Path, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robot.recorder.upload.PIECE", 600)
    database, port = copied_database(tmp_path / "copy.sqlite3"), redis_server.free_port()
    url = f"http://127.0.0.1:{port}"
    made = uploader(tmp_path / "robot", url, here)
    with served(port, media, database) as child:
        real, sent = Server.put, []

        def killing(self: Server, name: str, path: str, offset: int, piece: bytes) -> int:
            sent.append((path, offset))
            if len(sent) == 5:
                child.kill()
                child.wait()
            return real(self, name, path, offset, piece)

        monkeypatch.setattr(Server, "put", killing)
        assert made.round() > 0.0
        assert episode.exists()
    monkeypatch.setattr(Server, "put", real)
    with served(port, media, database):
        assert made.round() == 0.0
    assert not episode.exists()
    with sqlite3.connect(database) as rows:
        assert rows.execute("SELECT id, rows FROM episodes_episode").fetchall() == [(episode.name, 40)]
    check_folder(storage.folder(episode.name))


def copied_database(path: Path) -> Path:
    """The tests' database lives in memory; another process needs a file."""
    connection.ensure_connection()
    with sqlite3.connect(path) as copy:
        connection.connection.backup(copy)
    return path


class served:  # reads as a verb where it is used
    """The real daphne of this site, until the block ends."""

    def __init__(self, port: int, media: Path, database: Path) -> None:
        self.port, self.media, self.database = port, media, database

    def __enter__(self) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "DATABASE_URL": f"sqlite:///{self.database}", "REINS_MEDIA_DIR": str(self.media)}
        command = [sys.executable, "-m", "config.serve", "--port", str(self.port)]
        self.child = subprocess.Popen(command, cwd=ROOT, env=environment)
        self._wait()
        return self.child

    def _wait(self) -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until and self.child.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            threading.Event().wait(0.05)
        raise TimeoutError("The server did not start.")

    def __exit__(self, *_: object) -> None:
        self.child.kill()
        self.child.wait()
