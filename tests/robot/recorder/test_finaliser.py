"""The thread that saves episodes outlives whatever goes wrong in it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from protocol.episode import EpisodeMeta
from protocol.errors import Refused
from robot.recorder.process import Finaliser
from tests.robot.recorder.rig import log_of, recorder


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), ValueError("odd"), MemoryError()])
def test_after_an_unexpected_error_the_next_episode_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    rec, real, failed = recorder(tmp_path), os.rename, threading.Event()

    def rename(source: Path, target: Path) -> None:
        if not failed.is_set():
            failed.set()
            raise error
        real(source, target)

    monkeypatch.setattr("robot.recorder.finalise.os.rename", rename)
    finaliser = Finaliser(rec.home)
    threading.Thread(target=finaliser.run, daemon=True).start()
    logs = [log_of(rec)]
    rec.take.fail("")
    logs.append(log_of(rec))
    for log in logs:
        finaliser.logs.put(log)
    (first, refused), (second, meta) = finaliser.done.get(timeout=20), finaliser.done.get(timeout=20)
    assert [first, second] == logs
    assert isinstance(refused, Refused)
    assert refused.code == "save_failed"
    assert type(error).__name__ in refused.sentence
    assert logs[0].exists()
    assert isinstance(meta, EpisodeMeta)
    assert [folder.name for folder in rec.home.saved()] == [logs[1].stem]
