"""Datasets come in as episodes that play and are checked like ours; our own come back as they were."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command

from episodes import jobs, storage
from episodes.data.lerobot.export import export
from episodes.data.lerobot.work import Options
from episodes.data.manifest import Manifest
from episodes.models import Episode
from episodes.services import imports
from episodes.services.imports import import_lerobot
from fleet.models import AuditEntry, Robot
from protocol.embodiment import Embodiment
from protocol.episode_folder import EVENTS, FRAMES, check_folder, video_path
from protocol.errors import Refused
from tests.episodes import lerobot_foreign as foreign
from tests.episodes import lerobot_rig as rig
from tests.episodes.rig import World, signed_in

pytestmark = pytest.mark.django_db
Version = tuple[Manifest, Callable[[str], Path]]


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Version:
    made, folder = rig.version(tmp_path_factory.mktemp("recorded"), (40, 25))
    marked = [msgspec.structs.replace(made.episodes[0], tags=("good light",), quality=4), *made.episodes[1:]]
    return msgspec.structs.replace(made, episodes=tuple(marked)), folder


@pytest.fixture(scope="module")
def copied(version: Version, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(*version, tmp_path_factory.mktemp("out") / "dataset", Options(copy=True, names=True)).folder


def brought(root: Path, here: World, name: str = "imported", **how: Any) -> list[Episode]:
    done = import_lerobot(root, here.site, name, "test", **how)
    for id in done.made:
        jobs.check_episode(id)
    return [Episode.objects.get(pk=id) for id in done.made]


def embodiment(episode: Episode) -> Embodiment:
    return msgspec.convert(episode.meta["embodiment"], Embodiment)


def test_what_both_hold_comes_back_as_it_was(here: World, version: Version, copied: Path) -> None:
    """Columns equal, pictures bit-equal, the same body, people, labels and events."""
    for ours, episode in zip(version[0].episodes, brought(copied, here), strict=True):
        before, after = version[1](ours.id), storage.folder(episode.pk)
        assert rig.table(after) == rig.table(before)
        for camera in rig.CAMERAS:
            assert np.array_equal(rig.shown(after / video_path(camera)), rig.shown(before / video_path(camera)))
        mine, theirs = rig.meta_of(before), rig.meta_of(after)
        for same in ("embodiment_hash", "people", "instruction", "outcome", "started_ns", "program", "frames_repeated", "rows"):
            assert getattr(theirs, same) == getattr(mine, same), same
        lines = (after / EVENTS).read_bytes().splitlines()
        assert lines[:-1] == (before / EVENTS).read_bytes().splitlines()
        assert json.loads(lines[-1])["detail"]["episode"] == ours.id
        assert (episode.tags, episode.quality) == (list(ours.tags), ours.quality)


def test_an_import_is_checked_and_plays(here: World, copied: Path) -> None:
    client = signed_in(here.mina)
    for episode in brought(copied, here):
        assert episode.status in ("ready", "warned")
        detail = client.get(f"/api/episodes/{episode.pk}").json()
        assert detail["pilots"] == {"operator": episode.rows}
        for video in detail["videos"]:
            assert client.get(video["url"]).status_code == 200
        check_folder(storage.folder(episode.pk))


def test_encoded_anew_it_comes_back_within_two_grey_levels(here: World, version: Version, tmp_path: Path) -> None:
    root = export(*version, tmp_path / "dataset", Options(codec="av1")).folder
    for ours, episode in zip(version[0].episodes, brought(root, here), strict=True):
        before, after = version[1](ours.id), storage.folder(episode.pk)
        assert rig.table(after) == rig.table(before)
        far = rig.shown(after / video_path("wrist")).astype(float) - rig.shown(before / video_path("wrist"))
        assert np.abs(far).mean() < 2


def test_twice_is_once_and_half_way_goes_on(here: World, copied: Path) -> None:
    with pytest.raises(Refused, match="cancelled"):
        import_lerobot(copied, here.site, "imported", "test", cancelled=iter([False, True]).__next__)
    assert Episode.objects.count() == 1
    done = import_lerobot(copied, here.site, "imported", "test")
    assert (len(done.made), done.there, Episode.objects.count()) == (1, 1, 2)
    again = import_lerobot(copied, here.site, "imported", "test")
    assert (again.made, again.there) == ([], 2)


def test_the_stand_in_can_never_log_in(here: World, copied: Path) -> None:
    brought(copied, here)
    robot = Robot.objects.get(name="imported")
    assert robot.revoked_at is not None
    assert robot not in Robot.objects.live()
    acts = list(AuditEntry.objects.values_list("act", flat=True))
    assert {"robot_stands_for_dataset", "episode_received", "dataset_imported"} <= set(acts)


@pytest.mark.parametrize("write", [foreign.v3, foreign.v2])
def test_a_dataset_of_others_gets_a_body_that_says_what_is_unknown(
    here: World, tmp_path: Path, write: Callable[..., foreign.Written]
) -> None:
    """v3.0 and v2.1; names as lists or dicts, float64 numbers, AV1 video, a feature that has no place here."""
    there = write(tmp_path / "so100")
    done = import_lerobot(there.root, here.site, "so100", "test", pilot="script")
    body = embodiment(Episode.objects.get(pk=done.made[0]))
    assert body.name == "so100 (imported)"
    assert [q.name for q in body.state] == ["pan", "lift", "elbow"]
    assert {q.unit for q in (*body.state, *body.action)} == {"unknown"}
    assert body.cameras[0].mount == "unknown"
    assert [note.code for note in done.notes] == ["not_kept"]
    for id, states, actions, shades in zip(done.made, there.states, there.actions, there.shades, strict=True):
        jobs.check_episode(id)
        table = pq.read_table(storage.folder(id) / FRAMES)
        assert table["state"].to_pylist() == states.astype(np.float32).tolist()
        assert table["action"].to_pylist() == actions.astype(np.float32).tolist()
        assert set(table["pilot"].to_pylist()) == {"script"}
        pictures = rig.shown(storage.folder(id) / video_path("top"))
        assert pictures.mean(axis=(1, 2, 3)) == pytest.approx(shades, abs=2)
        assert Episode.objects.get(pk=id).status in ("ready", "warned")
    assert [Episode.objects.get(pk=id).instruction for id in done.made] == ["pick cube", "place cube"]


def test_a_task_of_many_lines_becomes_one(here: World, tmp_path: Path) -> None:
    there = foreign.v2(tmp_path / "dataset")
    lines = [{"task_index": 0, "task": " pick\n\tthe\u0000 cube " + "x" * 600}, {"task_index": 1, "task": "place"}]
    (there.root / "meta/tasks.jsonl").write_text("\n".join(map(json.dumps, lines)))
    instruction = brought(there.root, here)[0].instruction
    assert instruction.startswith("pick the cube xxx")
    assert len(instruction) == 500


def test_pictures_inside_the_rows_become_a_video(here: World, tmp_path: Path) -> None:
    there = foreign.v3(tmp_path / "dataset", stored=True)
    for episode, shades in zip(brought(there.root, here), there.shades, strict=True):
        pictures = rig.shown(storage.folder(episode.pk) / video_path("top"))
        assert pictures.mean(axis=(1, 2, 3)) == pytest.approx(shades, abs=2)


def test_interventions_tell_who_drove(here: World, tmp_path: Path) -> None:
    there = foreign.v3(tmp_path / "dataset", interventions=True)
    episode = brought(there.root, here)[0]
    pilots = pq.read_table(storage.folder(episode.pk) / FRAMES)["pilot"].to_pylist()
    assert pilots == ["operator" if row % 3 == 0 else "policy" for row in range(episode.rows)]


def test_a_known_robot_lends_its_units(here: World, tmp_path: Path, version: Version) -> None:
    """A dataset without our side file, brought in for a robot that we know."""
    root = export(*version, tmp_path / "dataset", Options(copy=True)).folder
    (root / "meta/reins.json").unlink()
    episode = brought(root, here, here.robot.name)[0]
    assert embodiment(episode).action[0].unit == "m/s"
    assert episode.robot == here.robot


def test_a_side_file_of_other_episodes_is_left_aside(here: World, tmp_path: Path, copied: Path) -> None:
    root = shutil.copytree(copied, tmp_path / "dataset")
    side = rig.side(root)
    side["episodes"] = side["episodes"][:1]
    (root / "meta/reins.json").write_bytes(msgspec.json.encode(side))
    done = import_lerobot(root, here.site, "imported", "test")
    assert "side_file_left" in [note.code for note in done.notes]
    assert embodiment(Episode.objects.get(pk=done.made[0])).state[0].unit == "unknown"


@pytest.mark.parametrize("write", [foreign.v3, foreign.v2])
def test_other_rows_or_pictures_under_the_same_description_are_other_episodes(
    here: World, tmp_path: Path, write: Callable[[Path], foreign.Written]
) -> None:
    """As when somebody mends values, or blurs a face, and leaves meta/ alone."""
    root = write(tmp_path / "dataset").root
    assert len(import_lerobot(root, here.site, "so100", "test").made) == 2
    assert import_lerobot(root, here.site, "so100", "test").made == []
    rows = sorted(root.glob("data/*/*.parquet"))[0]
    table = pq.read_table(rows)
    mended = pa.array([[9.0, 9.0]] * table.num_rows)
    pq.write_table(table.set_column(table.column_names.index("action"), "action", mended), rows)
    touched = 2 if write is foreign.v3 else 1  # episodes of one file
    done = import_lerobot(root, here.site, "so100", "test")
    assert (len(done.made), done.there) == (touched, 2 - touched)
    video = sorted(root.glob("videos/**/*.mp4"))[0]
    video.write_bytes(video.read_bytes() + (8).to_bytes(4, "big") + b"free")
    done = import_lerobot(root, here.site, "so100", "test")
    assert (len(done.made), done.there) == (touched, 2 - touched)


def test_labels_come_along_when_an_import_died_before_them(here: World, copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed once the episode was received: the next import brings what it says, and leaves alone what people said since."""

    def killed(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying, pytest.raises(KeyboardInterrupt):
        dying.setattr(imports, "_label", killed)
        import_lerobot(copied, here.site, "imported", "test")
    assert Episode.objects.get().tags == []
    done = import_lerobot(copied, here.site, "imported", "test")
    assert (len(done.made), done.there) == (1, 1)
    first = Episode.objects.exclude(pk__in=done.made).get()
    assert (first.tags, first.quality) == (["good light"], 4)
    first.change(first.version, quality=2, tags=[])
    import_lerobot(copied, here.site, "imported", "test")
    first.refresh_from_db()
    assert (first.tags, first.quality) == ([], 2)


def test_the_command_brings_them_in(here: World, copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("import_lerobot", str(copied), "--site", "West")
    assert "dataset (imported): 2 episodes brought in, 0 were there already" in capsys.readouterr().out
    with pytest.raises(CommandError, match="No site"):
        call_command("import_lerobot", str(copied), "--site", "Nowhere")
    with pytest.raises(CommandError, match="not_a_folder"):
        call_command("import_lerobot", str(copied / "meta/info.json"), "--site", "West")
