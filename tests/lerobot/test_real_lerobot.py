"""Real LeRobot (`.venv-lerobot`) opens and trains on our exports; what its own writer makes comes in and plays."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from episodes import jobs, storage
from episodes.data.lerobot.export import export
from episodes.data.lerobot.work import Options
from episodes.models import Episode
from episodes.services.imports import import_lerobot
from protocol.episode_folder import FRAMES, check_folder, video_path
from tests.episodes import lerobot_rig as rig
from tests.episodes.rig import recorded, signed_in, world

pytestmark = [pytest.mark.lerobot, pytest.mark.timeout(600)]
ROOT = Path(__file__).resolve().parent.parent.parent
PYTHON = ROOT / ".venv-lerobot" / "bin" / "python"
WAYS = {"h264": Options(), "av1": Options(codec="av1"), "copy": Options(copy=True)}


def peer(script: str, *arguments: object) -> Any:
    """The last line that the script prints, as JSON; None when it prints nothing."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("REINS_", "DJANGO_"))}
    command = [str(PYTHON), str(Path(__file__).parent / "peer" / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    lines = done.stdout.strip().splitlines()
    return json.loads(lines[-1]) if lines else None


@pytest.fixture(scope="module", params=WAYS)
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A dataset, the second of whose episodes is trimmed at both ends, and what it was made from."""
    base = tmp_path_factory.mktemp(request.param)
    folders = [recorded(base / str(n), "robot1", length, f"Task {n % 2}") for n, length in enumerate((40, 50, 33))]
    by_id = {folder.name: folder for folder in folders}
    kept = [rig.kept(folders[0]), rig.kept(folders[1], 15, 39), rig.kept(folders[2])]
    version = rig.manifest(kept, folders[0])
    root = export(version, by_id.__getitem__, base / "dataset", WAYS[request.param]).folder
    spec = base / "spec.json"
    made_from = [
        {"folder": str(by_id[e.id]), "first": e.first, "rows": e.rows, "task": e.instruction, "cameras": rig.CAMERAS}
        for e in version.episodes
    ]
    spec.write_text(json.dumps(made_from))
    return root, spec


def test_every_value_and_picture_is_there(exported: tuple[Path, Path]) -> None:
    """Every column equal; every picture of every camera within 2 grey levels on average of what the player shows."""
    seen = peer("open_export.py", *exported)
    assert (seen["rows"], seen["compared"], seen["unequal"]) == (98, 98, [])
    assert seen["worst_grey_levels"] < 2
    lengths = [episode["rows"] for episode in json.loads(exported[1].read_text())]
    windows = seen["windows"]
    assert (windows["episodes"], windows["rows"]) == ([1, 2], sum(lengths[1:]))
    assert (windows["action"], windows["last_padded"]) == ([8, 2], 7)
    assert (windows["pictures"], windows["first_padded"]) == ([2, 3, 48, 64], [True, False])
    assert windows["finite"]
    assert windows["quantiles"]


def test_its_act_policy_learns_from_it(exported: tuple[Path, Path]) -> None:
    """Its own feature typing takes the asked action and the state, and nothing that is ours besides."""
    seen = peer("train_act.py", exported[0], 6)
    assert seen["outputs"] == ["action"]
    assert seen["inputs"] == ["observation.images.scene", "observation.images.wrist", "observation.state"]
    assert len(seen["losses"]) == 6
    assert np.isfinite(seen["losses"]).all()
    assert seen["losses"][-1] < seen["losses"][0]


@pytest.mark.django_db
def test_what_its_own_writer_makes_comes_in_and_plays(tmp_path: Path, settings: Any) -> None:
    settings.REINS_MEDIA_DIR = tmp_path / "media"
    here = world()
    peer("write_dataset.py", tmp_path / "written")
    given = np.load(tmp_path / "written.npz")
    done = import_lerobot(tmp_path / "written", here.site, "so101", "test")
    assert (len(done.made), done.notes) == (3, [])
    client = signed_in(here.mina)
    for number, id in enumerate(done.made):
        jobs.check_episode(id)
        episode, folder = Episode.objects.get(pk=id), storage.folder(id)
        check_folder(folder)
        assert episode.status in ("ready", "warned"), episode.problem
        assert episode.instruction == ("place cube" if number == 1 else "pick cube")
        table = pq.read_table(folder / FRAMES)
        assert np.array_equal(np.array(table["state"].to_pylist(), np.float32), given[f"state{number}"])
        assert np.array_equal(np.array(table["action"].to_pylist(), np.float32), given[f"action{number}"])
        for camera, name in enumerate(("top", "wrist")):
            far = rig.shown(folder / video_path(name)).astype(float) - given[f"pictures{number}"][:, camera]
            assert np.abs(far).mean() < 4  # its own encoder is the coarser of the two
        detail = client.get(f"/api/episodes/{id}").json()
        assert [axis["name"] for axis in detail["columns"] if axis["kind"] == "asked"] == [
            "shoulder.pos",
            "elbow.pos",
            "gripper.pos",
        ]
        assert client.get(detail["videos"][0]["url"]).status_code == 200
