"""A worker that uploads by itself: what it says when the server is away."""

from __future__ import annotations

from pathlib import Path

from protocol.collect import Result
from robot.collect.brought import Bringer
from robot.recorder.finalise import Home
from tests.robot.recorder.rig import log_of, recorder


def test_without_a_server_the_episode_stays_and_the_sentence_says_why(tmp_path: Path) -> None:
    rec = recorder(tmp_path)
    meta = rec.save(log_of(rec))
    assert meta is not None
    waited: list[float] = []
    bringer = Bringer(tmp_path, "http://127.0.0.1:9", wait=waited.append)
    told = bringer.bring(Result(3, "success", meta.id, meta.rows), "token")
    assert not told.uploaded and "cannot be reached" in told.sentence
    assert sum(waited) > 10 and [folder.name for folder in Home(tmp_path).saved()] == [meta.id]


def test_what_was_not_kept_is_not_said_to_be_missing(tmp_path: Path) -> None:
    Home(tmp_path).make()
    told = Bringer(tmp_path, "http://127.0.0.1:9").bring(Result(3, "failure"), "token")
    assert (told.uploaded, told.sentence) == (False, "")
