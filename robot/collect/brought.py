"""Brings what a collector made to the server, over HTTP, by the recorder's own uploader; no thread, no hurry."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from protocol.collect import Result
from robot.recorder.finalise import Home
from robot.recorder.upload import Server, Uploader

_PATIENCE_S = 30.0  # for a server that restarts or is full


class Bringer:
    """Uploads everything under `home`, also what an earlier run left there."""

    def __init__(self, home: Path, server: str, wait: Callable[[float], object] = time.sleep) -> None:
        self._home, self._wait = Home(home), wait
        self._uploader = Uploader(self._home, Server(server), lambda: False, wait=wait)

    def bring(self, result: Result, token: str) -> Result:
        """The result, told whether its episode has arrived."""
        self._uploader.set_token(token)
        waited_s = 0.0
        while self._home.saved():
            wait_s = self._uploader.round()
            if self._uploader.progress.token_needed or (self._uploader.progress.sentence and not wait_s):
                break
            waited_s += wait_s
            if waited_s > _PATIENCE_S:
                break
            if wait_s:
                self._wait(wait_s)
        uploaded = bool(result.episode) and not (self._home.episodes / result.episode).exists()
        sentence = self._uploader.progress.sentence if result.episode and not uploaded else ""
        return msgspec.structs.replace(result, uploaded=uploaded, sentence=sentence)
