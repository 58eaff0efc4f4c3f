"""Episodes of one kind of robot whose pictures have two sizes: one dataset version, one size in its export."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from episodes import storage
from episodes.data.lerobot.export import export
from episodes.data.lerobot.work import Options
from episodes.data.sizes import smallest
from episodes.services import datasets
from protocol.embodiment import Embodiment
from protocol.errors import Refused
from robot.collect.size import resized
from tests.episodes import lerobot_rig as rig
from tests.episodes.rig import received, recorded, world
from tests.robot.recorder.rig import SMALL, H, W

LARGE = resized(SMALL, 2 * W, 2 * H)


@pytest.mark.django_db
@pytest.mark.parametrize("copy", [False, True])
def test_large_and_small_pictures_are_frozen_together_and_leave_small(tmp_path: Path, copy: bool) -> None:
    here = world()
    small, large = (received(recorded(tmp_path / str(n), here.robot.pk, 12, scale=n), here.robot) for n in (1, 2))
    dataset = datasets.make(here.mina, here.site.organisation, None, "both", follows=True)
    frozen = datasets.freeze(dataset, "", here.mina)
    manifest = datasets.verified(frozen)
    assert (manifest.embodiment_hash, len(manifest.episodes)) == (SMALL.hash, 2)
    target = tmp_path / "out"
    made = export(manifest, storage.folder, target, Options(copy=copy))
    assert made.copied == (len(SMALL.cameras) if copy else 0)
    for number, episode in enumerate(manifest.episodes):
        recording = rig.shown(storage.folder(episode.id) / "video" / "scene.mp4")
        pictures = rig.pictures(target, rig.episodes(target)[number], "scene")
        assert pictures.shape == (12, H, W, 3)
        step = recording.shape[1] // H
        assert {small.pk: 1, large.pk: 2}[episode.id] == step
        assert np.abs(pictures.astype(int) - recording[:, ::step, ::step]).mean() < 2


@pytest.mark.parametrize("bodies", [(SMALL, LARGE), (LARGE, SMALL), (LARGE, LARGE, SMALL)])
def test_the_fewest_pixels_win(bodies: tuple[Embodiment, ...]) -> None:
    assert smallest(bodies) == SMALL


@pytest.mark.parametrize(
    "other",
    [
        msgspec.structs.replace(LARGE, record_hz=20.0),
        msgspec.structs.replace(LARGE, cameras=LARGE.cameras[:1]),
        msgspec.structs.replace(LARGE, cameras=LARGE.cameras[::-1]),
        resized(SMALL, 2 * W, H),  # the same height of view, but another width
        msgspec.structs.replace(LARGE, cameras=(msgspec.structs.replace(LARGE.cameras[0], mount="world"), LARGE.cameras[1])),
    ],
)
def test_another_robot_or_another_view_is_no_matter_of_size(other: Embodiment) -> None:
    assert smallest((SMALL, other)) is None


@pytest.mark.django_db
def test_another_kind_of_robot_is_refused_by_name(tmp_path: Path) -> None:
    here = world()
    folders = [recorded(tmp_path / str(n), here.robot.pk, 12) for n in range(2)]
    meta = folders[1] / "episode.json"
    whole = msgspec.json.decode(meta.read_bytes())
    other = msgspec.structs.replace(SMALL, name="other")
    whole |= {"embodiment": msgspec.to_builtins(other), "embodiment_hash": other.hash}
    meta.write_bytes(msgspec.json.encode(whole))
    for folder in folders:
        received(folder, here.robot)
    dataset = datasets.make(here.mina, here.site.organisation, None, "both", follows=True)
    with pytest.raises(Refused) as refused:
        datasets.freeze(dataset, "", here.mina)
    assert refused.value.code == "mixed_embodiments"
