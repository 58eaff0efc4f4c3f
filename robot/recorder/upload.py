"""Brings saved episodes to the server in checked pieces, resumes after any break, and deletes only what was confirmed.

A thread with plain blocking HTTP.  It yields: while somebody drives it sends small pieces, slowly.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import random
import shutil
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from protocol.episode import FileHash
from protocol.episode_folder import META, decode_meta, hash_file
from protocol.errors import Refused
from robot.recorder.finalise import Home, fsync

PIECE = 1024 * 1024
LIVE_PIECE = 64 * 1024
TIMEOUT_S = 20.0
_FINAL = ("other_manifest", "episode_refused")


class ServerSays(Exception):
    """The server refused; `status` and what it said."""

    def __init__(self, status: int, code: str, sentence: str, detail: dict[str, Any]) -> None:
        super().__init__(f"{status} {code}: {sentence}")
        self.status, self.code, self.sentence, self.detail = status, code, sentence, detail


class Server:
    """The upload part of the server's API, one kept connection."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Refused("server_url", f"{url!r} is no address of a server: use http(s)://host[:port].")
        self._secure, self._host, self._port = parts.scheme == "https", parts.hostname, parts.port
        self._connection: http.client.HTTPConnection | None = None
        self.token = ""

    def start(self, episode: str, files: dict[str, FileHash]) -> dict[str, Any]:
        return self._ask("POST", "/api/uploads", {"episode": episode, "files": msgspec.to_builtins(files)})

    def put(self, episode: str, path: str, offset: int, piece: bytes) -> int:
        """The offset that follows, as the server says it."""
        address = f"/api/uploads/{episode}/pieces?path={quote(path, safe='')}&offset={offset}"
        answer = self._ask("PUT", address, piece, {"X-Piece-SHA256": hashlib.sha256(piece).hexdigest()})
        return int(answer["offset"])

    def complete(self, episode: str) -> dict[str, Any]:
        return self._ask("POST", f"/api/uploads/{episode}/complete", {})

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(
        self, method: str, address: str, body: bytes | dict[str, Any], headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """The JSON answer; `ServerSays` for a refusal, `OSError` or `http.client.HTTPException` for a broken line."""
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        sent = {"Authorization": f"Bearer {self.token}", "Content-Type": kind, **(headers or {})}
        try:
            connection = self._connect()
            connection.request(method, address, raw, sent)
            response = connection.getresponse()
            text = response.read(1024 * 1024)
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        return self._answer(response.status, text)

    def _answer(self, status: int, text: bytes) -> dict[str, Any]:
        try:
            answer = msgspec.json.decode(text, type=dict[str, Any])
        except msgspec.DecodeError:
            answer = {}
        if status // 100 != 2:
            code, sentence = str(answer.get("code", "http")), str(answer.get("sentence", f"HTTP {status}"))
            raise ServerSays(status, code, sentence, dict(answer.get("detail") or {}))
        return answer

    def _connect(self) -> http.client.HTTPConnection:
        if self._connection is None:
            if self._secure:
                context = ssl.create_default_context()
                self._connection = http.client.HTTPSConnection(self._host, self._port, timeout=TIMEOUT_S, context=context)
            else:
                self._connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_S)
        return self._connection


@dataclass(slots=True)
class Progress:
    """What the thread says of itself; read by the recorder's reports."""

    pending: int = 0
    uploaded_pct: float | None = None
    sentence: str = ""
    token_needed: bool = False


class Uploader:
    """Uploads everything in `home.episodes`, oldest first.

    `live()` says whether somebody drives now; then at most `live_bytes_s` are sent (0: nothing).  `uploaded(id)` is
    called after the server confirmed and the local copy is gone.
    """

    def __init__(
        self,
        home: Home,
        server: Server,
        live: Callable[[], bool],
        uploaded: Callable[[str], None] = lambda _: None,
        live_bytes_s: float = 256 * 1024,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self._home, self._server, self._live, self._uploaded = home, server, live, uploaded
        self._live_bytes_s, self._wait = live_bytes_s, wait
        self.progress = Progress()
        self._failures = 0
        self._bad: set[str] = set()

    def run(self, ended: threading.Event) -> None:
        """Until `ended`; never raises for what the network or the server does."""
        self._wait = ended.wait
        while not ended.is_set():
            ended.wait(self.round())

    def set_token(self, token: str) -> None:
        self._server.token = token
        self.progress.token_needed = False
        self._failures = 0

    def round(self) -> float:
        """Uploads one episode if there is one; the seconds to wait before the next round."""
        waiting = [folder for folder in self._home.saved() if folder.name not in self._bad]
        self.progress.pending = len(waiting)
        if not waiting:
            self.progress.uploaded_pct = None
            return 1.0
        if not self._server.token:
            self.progress.token_needed = True
            return 1.0
        try:
            self._upload(waiting[0])
        except ServerSays as said:
            return self._after_refusal(waiting[0], said)
        except (OSError, http.client.HTTPException) as error:
            self.progress.sentence = f"The server cannot be reached ({error}); uploads go on when it can."
            return self._back_off()
        except Refused as refused:
            self._bad.add(waiting[0].name)
            self.progress.sentence = refused.sentence
            return 0.0
        self._failures = 0
        self.progress.sentence = ""
        return 0.0

    def _upload(self, folder: Path) -> None:
        raw = (folder / META).read_bytes()
        files = {META: hash_file(folder / META), **decode_meta(raw).files}
        answer = self._server.start(folder.name, files)
        total = sum(file.bytes for file in files.values())
        offsets = {path: int(answer["offsets"].get(path, 0)) for path in files}
        if answer.get("confirmed") is None:
            for path, file in files.items():
                while offsets[path] < file.bytes:
                    offsets[path] = self._piece(folder, path, offsets[path])
                    self.progress.uploaded_pct = 100.0 * sum(offsets.values()) / max(1, total)
            answer = self._server.complete(folder.name)
        if answer.get("confirmed") != {path: file.sha256 for path, file in files.items()}:
            raise ServerSays(500, "not_confirmed", "The server did not confirm the checksums; the episode stays.", {})
        self._delete(folder)
        self._uploaded(folder.name)

    def _piece(self, folder: Path, path: str, offset: int) -> int:
        live = self._live()
        while live and not self._live_bytes_s:
            self._wait(1.0)
            live = self._live()
        with open(folder / path, "rb") as file:
            file.seek(offset)
            piece = file.read(LIVE_PIECE if live else PIECE)
        if live:
            self._wait(len(piece) / self._live_bytes_s)
        try:
            return self._server.put(folder.name, path, offset, piece)
        except ServerSays as said:
            if said.status == 409 and said.code == "wrong_offset":
                return int(said.detail["offset"])
            raise

    def _delete(self, folder: Path) -> None:
        gone = folder.with_name(f".gone-{folder.name}")
        os.rename(folder, gone)
        fsync(self._home.episodes)
        shutil.rmtree(gone)

    def _after_refusal(self, folder: Path, said: ServerSays) -> float:
        self.progress.sentence = said.sentence
        if said.status == 401:
            self._server.token = ""
            self.progress.token_needed = True
            return 1.0
        if said.status in (400, 413) or said.code in _FINAL:  # this episode will never be taken as it is: it stays for a person
            self._bad.add(folder.name)
            self.progress.sentence = f"The server refused episode {folder.name[:8]}: {said.sentence}"
            return 0.0
        return self._back_off()  # 507 and whatever passes

    def _back_off(self) -> float:
        self._failures += 1
        return float(min(30.0, 0.5 * 2 ** min(self._failures, 8)) * random.uniform(0.7, 1.3))
