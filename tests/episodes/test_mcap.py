"""The mcap library reads an exported episode back: every row and picture, under the names that Foxglove knows."""

from __future__ import annotations

import base64
import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command
from mcap.reader import make_reader

from episodes.data.mcap_export import _events, _quaternion, export_mcap
from protocol.episode_folder import EVENTS, FRAMES, video_path
from protocol.errors import Refused
from tests.episodes import lerobot_rig as rig
from tests.episodes.rig import received, recorded, world

ROWS = 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(tmp_path_factory.mktemp("recorded"), "robot1", ROWS)


@pytest.fixture(scope="module")
def written(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("out") / "episode.mcap"
    export_mcap(folder, target)
    return target


def messages(path: Path, topic: str | None = None) -> list[tuple[str, str, int, dict[str, Any]]]:
    """(topic, schema, time in ns, content)."""
    with open(path, "rb") as file:
        read = make_reader(file, validate_crcs=True).iter_messages(topics=topic)
        return [(channel.topic, schema.name, message.log_time, json.loads(message.data)) for schema, channel, message in read]


def test_every_topic_has_its_messages_and_foxgloves_schema(written: Path) -> None:
    counted = Counter((topic, schema) for topic, schema, _, _ in messages(written))
    expected = {("/row", "reins.Row"), ("/state", "reins.State"), ("/joints", "foxglove.JointStates")}
    expected |= {(f"/camera/{camera}/video", "foxglove.CompressedVideo") for camera in rig.CAMERAS}
    assert all(counted[pair] == ROWS for pair in expected), counted
    assert counted["/camera/scene/calibration", "foxglove.CameraCalibration"] == 1
    assert counted["/transforms", "foxglove.FrameTransform"] == 2
    with open(written, "rb") as file:
        summary = make_reader(file).get_summary()
    assert summary is not None
    assert {schema.encoding for schema in summary.schemas.values()} == {"jsonschema"}
    assert "/events" in {channel.topic for channel in summary.channels.values()}
    assert {channel.message_encoding for channel in summary.channels.values()} == {"json"}


def test_messages_have_the_fields_that_their_schema_describes(written: Path) -> None:
    with open(written, "rb") as file:
        for schema, channel, message in make_reader(file).iter_messages():
            described = json.loads(schema.data)["properties"]
            assert set(json.loads(message.data)) <= set(described), channel.topic


def test_rows_and_times_are_the_recorded_ones(folder: Path, written: Path) -> None:
    table = pq.read_table(folder / FRAMES)
    rows = messages(written, "/row")
    assert [time for _, _, time, _ in rows] == table["time_ns"].to_pylist()
    assert [content["pilot"] for *_, content in rows] == table["pilot"].to_pylist()
    states = [[content[f"q{i}"] for i in range(3)] for *_, content in messages(written, "/state")]
    assert states == table["state"].to_pylist()
    asked = [[content["vx"], content["gripper"]] for *_, content in messages(written, "/action")]
    assert asked == table["action"].to_pylist()
    times = [time for _, _, time, _ in messages(written)]
    assert times == sorted(times)


def test_every_video_message_is_one_picture_in_annex_b(folder: Path, written: Path) -> None:
    """A decoder that gets the messages alone shows what the player shows; key frames carry their parameter sets."""
    decoder, shown = av.CodecContext.create("h264", "r"), []
    for number, (*_, content) in enumerate(messages(written, "/camera/wrist/video")):
        raw = base64.b64decode(content["data"])
        assert (content["format"], content["frame_id"]) == ("h264", "wrist")
        assert raw.startswith((b"\0\0\0\1", b"\0\0\1"))
        if number % 15 == 0:
            assert b"\0\0\1\x67" in raw  # a sequence parameter set
        shown += decoder.decode(av.Packet(raw))
    shown += decoder.decode(None)
    pictures = np.stack([frame.to_ndarray(format="rgb24") for frame in shown])
    assert np.array_equal(pictures, rig.shown(folder / video_path("wrist")))


def test_events_become_log_lines_in_order_and_damaged_ones_are_passed_over(tmp_path: Path) -> None:
    lines = ({"time_ns": 2_000_000_001, "event": "stop", "before": "TELEOP", "after": "ESTOP"}, {"time_ns": 1, "event": "taken"})
    (tmp_path / EVENTS).write_text("\n".join([*map(json.dumps, lines), "{", '{"event": "no time"}']))
    first, second = _events(tmp_path)
    assert (first[0], first[2]["message"]) == (1, "taken")
    assert (second[2]["timestamp"], second[2]["message"]) == ({"sec": 2, "nsec": 1}, "stop · TELEOP · ESTOP")


def test_nothing_is_left_half_written(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "there.mcap").touch()
    with pytest.raises(Refused, match="file_exists"):
        export_mcap(folder, tmp_path / "there.mcap")
    with pytest.raises(Refused, match="episode_damaged"):
        export_mcap(tmp_path, tmp_path / "other.mcap")
    assert [path.name for path in tmp_path.iterdir()] == ["there.mcap"]


def test_a_turn_becomes_its_quaternion() -> None:
    turn = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])  # a quarter around z
    assert _quaternion(turn) == pytest.approx((0, 0, math.sqrt(0.5), math.sqrt(0.5)))
    assert _quaternion(np.eye(3)) == pytest.approx((0, 0, 0, 1))


@pytest.mark.django_db
def test_the_command_names_the_episode(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = world()
    episode = received(recorded(tmp_path / "robot", here.robot.pk, 5), here.robot, checked=False)
    call_command("export_mcap", episode.pk, str(tmp_path / "episode.mcap"))
    assert "5 rows, 2 cameras" in capsys.readouterr().out
    with pytest.raises(CommandError, match="no such episode"):
        call_command("export_mcap", "0" * 32, str(tmp_path / "other.mcap"))
