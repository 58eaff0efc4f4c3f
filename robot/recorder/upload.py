"""Brings saved episodes to the server in checked pieces, resumes after any break, and deletes only what was confirmed.

A thread with plain blocking HTTP.  It yields: while somebody drives it sends small pieces, slowly.
"""

from __future__ import annotations

import hashlib
import http.client
import logging
import os
import random
import shutil
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from protocol.episode import FileHash
from protocol.episode_folder import META, decode_meta, hash_file
from protocol.errors import Refused
from protocol.wire import U63
from robot.durable import sync
from robot.recorder.finalise import Home

PIECE = 1024 * 1024
LIVE_PIECE = 64 * 1024
TIMEOUT_S = 20.0
_FINAL = ("other_manifest", "episode_refused")
_FORGOTTEN = "episode_forgotten"  # a person had their data deleted: this copy goes too
log = logging.getLogger("recorder")
T = TypeVar("T")


class UploadState(msgspec.Struct, frozen=True):
    """How far the server is: `offsets` by path; `confirmed` are the checksums it read back, None until all is there."""

    offsets: dict[str, U63]
    confirmed: dict[str, str] | None = None


class PieceKept(msgspec.Struct, frozen=True):
    offset: U63


class Refusal(msgspec.Struct, frozen=True):
    code: str
    sentence: str
    detail: dict[str, Any] = {}


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

    def start(self, episode: str, files: dict[str, FileHash]) -> UploadState:
        return self._ask("POST", "/api/uploads", {"episode": episode, "files": msgspec.to_builtins(files)}, UploadState)

    def put(self, episode: str, path: str, offset: int, piece: bytes) -> int:
        """The offset that follows, as the server says it."""
        address = f"/api/uploads/{episode}/pieces?path={quote(path, safe='')}&offset={offset}"
        headers = {"X-Piece-SHA256": hashlib.sha256(piece).hexdigest()}
        return self._ask("PUT", address, piece, PieceKept, headers).offset

    def complete(self, episode: str) -> UploadState:
        return self._ask("POST", f"/api/uploads/{episode}/complete", {}, UploadState)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(
        self, method: str, address: str, body: bytes | dict[str, Any], answer: type[T], headers: dict[str, str] | None = None
    ) -> T:
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
        if response.status // 100 != 2:
            raise _refusal(response.status, text)
        try:
            return msgspec.json.decode(text, type=answer)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise odd(str(error)) from error

    def _connect(self) -> http.client.HTTPConnection:
        if self._connection is None:
            if self._secure:
                context = ssl.create_default_context()
                self._connection = http.client.HTTPSConnection(self._host, self._port, timeout=TIMEOUT_S, context=context)
            else:
                self._connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_S)
        return self._connection


def odd(what: str) -> ServerSays:
    """An answer that no server of ours gives; tried again later."""
    return ServerSays(502, "answer_odd", f"The server's answer to an upload cannot be used: {what}.", {})


def _refusal(status: int, text: bytes) -> ServerSays:
    try:
        said = msgspec.json.decode(text, type=Refusal)
    except (msgspec.DecodeError, UnicodeDecodeError):  # not ours: a proxy on the way
        return ServerSays(status, "http", f"The server answered an upload with HTTP {status}.", {})
    return ServerSays(status, said.code, said.sentence, said.detail)


@dataclass(slots=True)
class Progress:
    """What the thread says of itself; read by the recorder's reports."""

    pending: int = 0
    uploaded_pct: float | None = None
    sentence: str = ""
    token_needed: bool = False


class Uploader:
    """Uploads everything in `home.episodes`: what failed least often first, then the oldest.

    `live()` says whether somebody drives now; then at most `live_bytes_s` are sent (0: nothing).  `uploaded(id)` is
    called after the server confirmed and the local copy is gone; `refused(id, sentence)` when an episode will never be
    taken: it stays on the disk and is left alone until the program starts again.
    """

    def __init__(
        self,
        home: Home,
        server: Server,
        live: Callable[[], bool],
        uploaded: Callable[[str], None] = lambda _: None,
        live_bytes_s: float = 256 * 1024,
        wait: Callable[[float], object] = time.sleep,
        refused: Callable[[str, str], None] = lambda *_: None,
    ) -> None:
        self._home, self._server, self._live, self._uploaded = home, server, live, uploaded
        self._live_bytes_s, self._wait, self._refused = live_bytes_s, wait, refused
        self.progress = Progress()
        self._failures = 0
        self._failed: Counter[str] = Counter()
        self._aside: dict[str, str] = {}  # episodes that the server will never take, and why

    def run(self, ended: threading.Event) -> None:
        """Until `ended`; outlives whatever the network, the server and the disk do."""
        self._wait = ended.wait
        while not ended.is_set():
            try:
                wait_s = self.round()
            except Exception as error:  # a fault of ours: the next episode, or the next try, may be better
                log.exception("an upload failed")
                self.progress.sentence = f"Uploads failed ({type(error).__name__}: {error}); they are tried again."
                wait_s = self._back_off()
            ended.wait(wait_s)

    def set_token(self, token: str) -> None:
        self._server.token = token
        self.progress.token_needed = False
        self._failures = 0

    def round(self) -> float:
        """Uploads one episode if there is one; the seconds to wait before the next round."""
        try:
            waiting = [folder for folder in self._home.saved() if folder.name not in self._aside]
        except OSError as error:
            self.progress.sentence = f"The saved episodes cannot be listed ({error}); it is tried again."
            return self._back_off()
        self.progress.pending = len(waiting)
        if not waiting:
            self.progress.uploaded_pct = None
            return 1.0
        if not self._server.token:
            self.progress.token_needed = True
            return 1.0
        folder = min(waiting, key=lambda folder: self._failed[folder.name])
        self._failed[folder.name] += 1  # until it is through
        try:
            self._upload(folder)
        except ServerSays as said:
            return self._after_refusal(folder, said)
        except (OSError, http.client.HTTPException) as error:
            self.progress.sentence = f"The server cannot be reached ({error}); uploads go on when it can."
            return self._back_off()
        except Refused as refused:
            return self._set_aside(folder, refused.sentence)
        self._failures = 0
        del self._failed[folder.name]
        self.progress.sentence = self._kept_back()
        return 0.0

    def _upload(self, folder: Path) -> None:
        raw = (folder / META).read_bytes()
        files = {META: hash_file(folder / META), **decode_meta(raw).files}
        answer = self._start(folder.name, files)
        total = sum(file.bytes for file in files.values())
        offsets = {path: answer.offsets.get(path, 0) for path in files}
        if answer.confirmed is None:
            for path, file in files.items():
                while offsets[path] < file.bytes:
                    offsets[path] = self._piece(folder, path, offsets[path])
                    self.progress.uploaded_pct = 100.0 * sum(offsets.values()) / max(1, total)
                if offsets[path] > file.bytes:
                    raise odd(f"it has {offsets[path]} bytes of a file of {file.bytes}")
            answer = self._server.complete(folder.name)
        if answer.confirmed != {path: file.sha256 for path, file in files.items()}:
            raise ServerSays(500, "not_confirmed", "The server did not confirm the checksums; the episode stays.", {})
        self._delete(folder)
        self._uploaded(folder.name)

    def _start(self, episode: str, files: dict[str, FileHash]) -> UploadState:
        try:
            return self._server.start(episode, files)
        except ServerSays as said:
            if said.code == "not_found":
                raise Refused("not_ours", "The server knows this episode as another robot's.") from said
            raise

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
            follows = self._server.put(folder.name, path, offset, piece)
        except ServerSays as said:
            if said.status == 409 and said.code == "wrong_offset":
                return _right_offset(said, offset)
            raise
        if follows != offset + len(piece):
            raise odd(f"after byte {offset} and {len(piece)} more it wants byte {follows}")
        return follows

    def _delete(self, folder: Path) -> None:
        gone = folder.with_name(f".gone-{folder.name}")
        os.rename(folder, gone)
        sync(self._home.episodes)
        shutil.rmtree(gone)

    def _after_refusal(self, folder: Path, said: ServerSays) -> float:
        self.progress.sentence = said.sentence
        if said.status == 401:
            self._server.token = ""
            self.progress.token_needed = True
            return 1.0
        if said.code == _FORGOTTEN:
            self._delete(folder)
            self.progress.sentence = ""
            self._refused(folder.name, said.sentence)
            return 0.0
        if said.status in (400, 413) or said.code in _FINAL:  # this episode will never be taken as it is: it stays for a person
            return self._set_aside(folder, said.sentence)
        return self._back_off()  # 507 and whatever passes

    def _set_aside(self, folder: Path, sentence: str) -> float:
        self._aside[folder.name] = sentence
        self.progress.sentence = self._kept_back()
        self._refused(folder.name, sentence)
        return 0.0

    def _kept_back(self) -> str:
        """What a person should know as long as it is so."""
        if not self._aside:
            return ""
        episode, sentence = next(reversed(self._aside.items()))
        others = f" (and {len(self._aside) - 1} more)" if len(self._aside) > 1 else ""
        return f"The server refused episode {episode[:8]}{others}; it stays on the robot: {sentence}"

    def _back_off(self) -> float:
        self._failures += 1
        return float(min(30.0, 0.5 * 2 ** min(self._failures, 8)) * random.uniform(0.7, 1.3))


def _right_offset(said: ServerSays, sent: int) -> int:
    """Where the server says that the file goes on, if that is an answer."""
    offset = said.detail.get("offset")
    if not isinstance(offset, int) or offset < 0 or offset == sent:
        raise odd(f"byte {sent} is wrong and byte {offset} right")
    return offset
