"""Rows 51 to 63 of the bad inputs, as an enrolled robot could bring them: each refused with a code and a sentence."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from episodes import storage
from episodes.models import Episode
from protocol.episode_folder import FRAMES, META, decode_meta, hash_file
from tests.episodes.rig import RobotClient, World, recorded, world

pytestmark = pytest.mark.django_db
SCENE = "video/scene.mp4"


@pytest.fixture(autouse=True)
def media(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.REINS_MEDIA_DIR, settings.REINS_MEDIA_RESERVE_MB = tmp_path / "media", 1
    monkeypatch.setattr("episodes.services.uploads.ask_for_check", lambda episode: None)


@pytest.fixture
def here() -> World:
    return world()


@pytest.fixture
def folder(here: World, tmp_path: Path) -> Path:
    return recorded(tmp_path / "robot", here.robot.pk, 20)


def sealed(folder: Path, **changes: Any) -> None:
    """The folder with hashes that fit whatever was done to it: only its meaning is wrong."""
    meta = decode_meta((folder / META).read_bytes())
    files = {path: hash_file(folder / path) for path in meta.files}
    raw = msgspec.to_builtins(meta) | {"files": msgspec.to_builtins(files)} | changes
    (folder / META).write_bytes(msgspec.json.encode(raw))


def brought(here: World, folder: Path) -> tuple[int, str, str]:
    """(status, code, sentence) of the last answer when a robot brings it; nothing of it is kept."""
    robot = RobotClient(here.robot)
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    claims = {name: msgspec.to_builtins(hash_file(path)) for name, path in files.items()}
    answer = robot.start(folder, claims)
    for name, path in files.items() if answer.status_code == 200 else ():
        raw = path.read_bytes()
        for at in range(0, len(raw), 1 << 21):
            answer = robot.put(folder.name, name, at, raw[at : at + (1 << 21)])
            assert answer.status_code == 200, answer.content
    if answer.status_code == 200:
        answer = robot.complete(folder.name)
    said = answer.json()
    assert not Episode.objects.filter(pk=folder.name).exists()
    assert not storage.is_there(folder.name)
    assert re.search(r"[.]$", said["sentence"]), said
    return answer.status_code, said["code"], said["sentence"]


def test_an_episode_as_it_was_recorded_is_taken(here: World, folder: Path) -> None:
    """The frame of these tests refuses nothing by itself."""
    sealed(folder)
    with pytest.raises(AssertionError):
        brought(here, folder)
    assert Episode.objects.filter(pk=folder.name).exists()


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/cron.d/x", "/etc/passwd", "video/../../x.mp4", "video/a/b.mp4", "video/.mp4", "..", "video/sc\u0000ene.mp4",
        "video/scene.mp4/", "frames.parquet.exe", "C:\\x", "video/\u202e4pm.mp4",
    ],
)  # fmt: skip
def test_row_51_a_name_that_leads_elsewhere_is_refused(here: World, folder: Path, name: str) -> None:
    robot = RobotClient(here.robot)
    claims = {META: msgspec.to_builtins(hash_file(folder / META)), name: {"bytes": 1, "sha256": "0" * 64}}
    said = robot.start(folder, claims)
    assert said.status_code == 400
    assert said.json()["code"] in ("file_name", "invalid_field:body", "invalid_field:files")
    assert said.json()["sentence"].endswith(".")
    assert not list(Path(storage.incoming(folder.name)).glob("*"))


def test_row_51_a_link_or_a_device_in_the_place_of_a_file_is_not_written_through(
    here: World, folder: Path, tmp_path: Path
) -> None:
    """Whoever else can write beside the uploads does not get the server to write elsewhere."""
    outside = tmp_path / "outside"
    outside.write_bytes(b"untouched")
    RobotClient(here.robot).start(folder)
    target = storage.incoming(folder.name) / FRAMES
    target.parent.mkdir(parents=True)
    target.symlink_to(outside)
    with pytest.raises(OSError, match="symbolic links"):
        storage.write_piece(folder.name, FRAMES, 0, b"x")
    assert outside.read_bytes() == b"untouched"


def test_row_52_a_table_that_unpacks_to_far_more_is_refused_unread(
    here: World, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("protocol.episode_folder.SMALL", 1 << 20)
    table, rows = pq.read_table(folder / FRAMES), 100_000
    same = table.take(pa.array(np.zeros(rows, np.int64)))  # the first row again and again
    pq.write_table(same, folder / FRAMES, compression="zstd", use_dictionary=False)
    assert (folder / FRAMES).stat().st_size < 200_000
    sealed(folder, rows=rows)
    status, code, sentence = brought(here, folder)
    assert (status, code) == (422, "episode_refused") and "unpack" in sentence


def cut_footer(folder: Path) -> None:
    raw = (folder / FRAMES).read_bytes()
    (folder / FRAMES).write_bytes(raw[:-8])


def no_table(folder: Path) -> None:
    (folder / FRAMES).write_bytes(b"PAR1" + bytes(100))


def wider_action(folder: Path) -> None:
    table = pq.read_table(folder / FRAMES)
    at = table.schema.get_field_index("action")
    wide = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(len(table) * 7, np.float32)), 7)
    pq.write_table(table.set_column(at, "action", wide), folder / FRAMES)


def fewer_frames(folder: Path) -> None:
    filmed(folder / SCENE, 64, 48, 7)


def huge_picture(folder: Path) -> None:
    """Wider than any camera: every decoder would ask for that much memory."""
    filmed(folder / SCENE, 8208, 16, 20)


def other_size(folder: Path) -> None:
    filmed(folder / SCENE, 32, 24, 20)


def playlist(folder: Path) -> None:
    (folder / SCENE).write_bytes(b"#EXTM3U\n#EXTINF:1,\nhttp://169.254.169.254/latest/meta-data/\n#EXT-X-ENDLIST\n")


def concat(folder: Path) -> None:
    """Of a file that is good, beside it: whoever follows lists finds nothing wrong with it."""
    (folder / SCENE).write_bytes(b"ffconcat version 1.0\nfile wrist.mp4\n")


def filmed(path: Path, width: int, height: int, frames: int) -> None:
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(30))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for _ in range(frames):
            container.mux(
                stream.encode(av.VideoFrame.from_ndarray(np.zeros((height * 3 // 2, width), np.uint8), format="yuv420p"))
            )
        container.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("row", "spoil", "names"),
    [
        (55, cut_footer, FRAMES),
        (55, no_table, FRAMES),
        (58, fewer_frames, SCENE),
        (59, huge_picture, SCENE),
        (59, other_size, SCENE),
        (59, playlist, SCENE),
        (59, concat, SCENE),
        (60, wider_action, FRAMES),
    ],
)
def test_rows_55_to_60_a_file_that_is_not_what_it_says_is_named(
    here: World, folder: Path, row: int, spoil: Callable[[Path], None], names: str
) -> None:
    spoil(folder)
    sealed(folder)
    status, code, sentence = brought(here, folder)
    assert (status, code) == (422, "episode_refused"), row
    assert names in sentence


@pytest.mark.parametrize(
    ("row", "changes"),
    [
        (52, {"rows": 10**9}),
        (56, {"rows": 19}),
        (57, {"record_hz": 0}),
        (57, {"record_hz": -30.0}),
        (57, {"record_hz": 1e9}),
        (57, {"started_ns": 2**62}),
        (60, {"embodiment_hash": "0" * 64}),
        (60, {"cameras": ["scene"]}),
        (60, {"cameras": ["scene", "scene"]}),
    ],
)
def test_rows_52_to_60_numbers_that_cannot_be_are_refused(here: World, folder: Path, row: int, changes: dict[str, Any]) -> None:
    sealed(folder, **changes)
    status, code, _ = brought(here, folder)
    assert (status, code) == (422, "episode_refused"), row


def test_row_57_a_rate_that_is_no_number_is_refused(here: World, folder: Path) -> None:
    sealed(folder)
    raw = (folder / META).read_bytes()
    (folder / META).write_bytes(re.sub(rb'"record_hz":[0-9.]+', b'"record_hz":NaN', raw))
    assert brought(here, folder)[:2] == (422, "episode_refused")


def test_row_60_the_episode_of_another_robot_is_refused(here: World, folder: Path, tmp_path: Path) -> None:
    other = recorded(tmp_path / "other", here.other_robot.pk, 20)
    sealed(other)
    assert brought(here, other)[:2] == (422, "episode_refused")
    shutil.rmtree(other)
