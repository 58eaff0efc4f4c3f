"""A recorded episode played back as a body: the frames, the state beside them, over and over, and no motion."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from protocol.episode import EpisodeMeta, frames_schema
from protocol.errors import Refused
from protocol.stamp import read_stamp
from robot.bodies import recording
from robot.bodies.registry import body_spec
from robot.world.embodiments import TABLETOP
from tests.robot.bodies.videos import number_of, write_video

ROWS, HZ = 40, 30.0


@pytest.fixture(scope="module")
def episode(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the recorder leaves it: row i has state[0] = i / 100, frame i is stamped i."""
    folder = tmp_path_factory.mktemp("episode")
    cameras = ("scene",)
    meta = EpisodeMeta(
        id="0" * 32,
        robot="kestrel-3",
        embodiment_hash=TABLETOP.hash,
        embodiment=msgspec.to_builtins(msgspec.structs.replace(TABLETOP, cameras=TABLETOP.cameras[:1])),
        started_ns=0,
        seconds=ROWS / HZ,
        rows=ROWS,
        record_hz=HZ,
        cameras=cameras,
    )
    (folder / "episode.json").write_bytes(msgspec.json.encode(meta))
    (folder / "video").mkdir()
    write_video(folder / "video" / "scene.mp4", ROWS)
    schema = frames_schema(len(TABLETOP.state), len(TABLETOP.action), cameras)
    states = [[i / 100, *[0.5] * (len(TABLETOP.state) - 1)] for i in range(ROWS)]
    columns = []
    for field in schema:
        given = states if field.name == "state" else [None] * ROWS
        columns.append(pa.array(given, type=field.type))
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), folder / "frames.parquet")
    return folder


def test_state_and_tool_follow_the_rows_round_and_round(episode: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = body_spec("replay", {"episode": str(episode)}, tmp_path).open_body()
    for row, at_s in ((0, 0.0), (1, 1 / HZ), (39, 39 / HZ), (0, 40 / HZ), (5, 1045 / HZ)):
        monkeypatch.setattr(time, "monotonic", lambda at_s=at_s: at_s + 1e-6)
        sensed = body.observe()
        assert sensed is not None
        assert sensed.state[0] == pytest.approx(row / 100)
        assert sensed.tool_m == (0.5, 0.5, 0.5)


def test_nothing_can_be_asked_of_it(episode: Path, tmp_path: Path) -> None:
    spec = body_spec("replay", {"episode": str(episode)}, tmp_path)
    assert spec.embodiment.action == () and spec.children == ()
    assert spec.embodiment.name == "tabletop-replay"
    spec.embodiment.check()
    body = spec.open_body()
    body.act(np.zeros(0, dtype=np.float32))
    body.stop()
    body.close()


def test_the_frame_of_each_row_is_shown_also_after_a_jump_and_at_the_start_again(
    episode: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = body_spec("replay", {"episode": str(episode)}, tmp_path).open_camera("scene")
    for row in (0, 1, 2, 10, 39, 0, 3, 38, 37):
        monkeypatch.setattr(recording, "row_due", lambda mono_s, rows, hz, row=row: row)
        frame = camera.read()
        assert frame is not None
        assert number_of(frame) == row
    camera.close()


def test_frames_are_numbered_and_paced(episode: Path, tmp_path: Path) -> None:
    camera = body_spec("replay", {"episode": str(episode)}, tmp_path).open_camera("scene")
    frames = [camera.read() for _ in range(4)]
    indices = [frame.index for frame in frames if frame is not None]
    assert len(indices) == 4 and indices == sorted(set(indices))
    first, last = frames[0], frames[-1]
    assert first is not None and last is not None
    assert last.mono_s - first.mono_s >= (last.index - first.index - 1) / HZ
    camera.close()


def test_a_stamp_of_its_own_replaces_what_was_in_the_picture(episode: Path, tmp_path: Path) -> None:
    camera = body_spec("replay", {"episode": str(episode), "stamp": True}, tmp_path).open_camera("scene")
    frame = camera.read()
    assert frame is not None
    assert read_stamp(frame.image) == (frame.time_ns // 100_000 & 0xFFFFFFFF, frame.index)
    camera.close()


@pytest.mark.parametrize("damage", ["no folder", "episode.json", "frames.parquet", "video/scene.mp4"])
def test_an_unreadable_episode_is_refused(episode: Path, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "copy"
    if damage != "no folder":
        for name in ("episode.json", "frames.parquet", "video/scene.mp4"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(b"broken" if name == damage else (episode / name).read_bytes())
    with pytest.raises(Refused) as refused:
        spec = body_spec("replay", {"episode": str(folder)}, tmp_path)
        spec.open_body()
        spec.open_camera("scene")
    assert refused.value.code == "episode_unreadable"
