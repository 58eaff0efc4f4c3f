"""Drafts, frozen versions, what makes them equal, what damages them, what changed between two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from episodes import filters, storage
from episodes.data.choosing import split_of
from episodes.data.difference import difference
from episodes.models import Dataset, DatasetVersion, Episode, VersionEpisode
from episodes.services import datasets as services
from episodes.services import episodes as episode_services
from episodes.services import marks
from fleet.models import AuditEntry
from protocol.errors import Refused
from tests.episodes.rig import World, received, recorded

pytestmark = pytest.mark.django_db


@pytest.fixture
def three(here: World, tmp_path: Path) -> list[Episode]:
    """Two that lift, one that wipes; all successes."""
    texts = ["Lift the cube", "Lift the ball", "Wipe the mat"]
    return [received(recorded(tmp_path / str(n), here.robot.pk, 8, text), here.robot) for n, text in enumerate(texts)]


def made(here: World, name: str = "tabletop", **values: Any) -> Dataset:
    return services.make(here.mina, here.site.organisation, None, name, **values)


def ids(dataset: Dataset) -> set[str]:
    return set(services.draft(dataset).values_list("pk", flat=True))


def test_a_draft_follows_its_filter_and_what_a_hand_picked(here: World, three: list[Episode], tmp_path: Path) -> None:
    lift, ball, wipe = (episode.pk for episode in three)
    dataset = made(here, follows=True, query="search=lift")
    assert ids(dataset) == {lift, ball}
    undo = services.pick(dataset, {wipe: "added", ball: "removed"}, here.mina)
    assert ids(dataset) == {lift, wipe}
    new = received(recorded(tmp_path / "new", here.robot.pk, 5, "Lift the pen"), here.robot)
    assert ids(dataset) == {lift, wipe, new.pk}
    services.pick(dataset, undo, here.mina)
    assert ids(dataset) == {lift, ball, new.pk}


def test_a_draft_that_follows_nothing_holds_what_was_picked(here: World, three: list[Episode]) -> None:
    dataset = made(here)
    assert ids(dataset) == set()
    services.pick(dataset, {three[0].pk: "added"}, here.mina)
    assert ids(dataset) == {three[0].pk}


def test_what_is_removed_unchecked_or_of_others_is_never_in_a_draft(here: World, three: list[Episode], tmp_path: Path) -> None:
    unchecked = received(recorded(tmp_path / "u", here.robot.pk, 5), here.robot, checked=False)
    foreign = received(recorded(tmp_path / "f", here.other_robot.pk, 5), here.other_robot)
    dataset = made(here, follows=True)
    assert ids(dataset) == {episode.pk for episode in three}
    for id in (unchecked.pk, foreign.pk, "0" * 32):
        with pytest.raises(Refused, match="cannot be in this dataset") as refused:
            services.pick(dataset, {id: "added"}, here.mina)
        assert (refused.value.code, refused.value.detail["episodes"]) == ("not_choosable", [id])
    episode_services.remove(three[0], three[0].version, here.mina)
    assert three[0].pk not in ids(dataset)


def test_freezing_twice_gives_the_same_hash(here: World, three: list[Episode]) -> None:
    one, two = made(here, "one", follows=True), made(here, "two", follows=True)
    first = services.freeze(one, "to start with", here.mina)
    assert services.freeze(one, "again", here.mina).pk == first.pk
    second = services.freeze(two, "the same elsewhere", here.vera)
    assert (first.digest, bytes(first.manifest)) == (second.digest, bytes(second.manifest))
    assert first.content() == services.manifest_of(one)
    assert (first.number, first.episodes, first.rows, first.seconds) == (1, 3, 24, pytest.approx(24 / 30))


def test_a_version_keeps_files_trims_labels_weights_and_splits(here: World, three: list[Episode]) -> None:
    episode = three[0]
    values = {"outcome": "failure", "failure": "dropped", "quality": 2, "tags": ["slip"], "trim_first": 1, "trim_last": 5}
    episode_services.change(episode, episode.version, values, here.mina)
    version = services.freeze(made(here, follows=True, weights={"slip": 3.0}), "", here.mina)
    (entry,) = [entry for entry in version.content().episodes if entry.id == episode.pk]
    assert (entry.first, entry.last, entry.rows, entry.outcome, entry.failure) == (1, 5, 5, "failure", "dropped")
    assert (entry.quality, entry.tags, entry.weight) == (2, ("slip",), 3.0)
    assert set(entry.files) == {"episode.json", "frames.parquet", "events.jsonl", "video/scene.mp4", "video/wrist.mp4"}
    assert version.rows == 5 + 8 + 8


def test_marks_of_kept_rows_are_frozen_too_and_none_change_no_hash(here: World, three: list[Episode]) -> None:
    dataset, episode = made(here, follows=True), three[0]
    unmarked = services.manifest_of(dataset)
    assert b"marks" not in unmarked.encode()
    where = {"camera": episode.meta["cameras"][0], "x": 0.1, "y": 0.2}
    marks.add(episode, {"row": 2, "name": "cube", **where}, here.mina)
    marks.add(episode, {"row": 7, "name": "late", **where}, here.mina)
    Episode.objects.filter(pk=episode.pk).update(trim_last=5)
    marked = services.manifest_of(dataset)
    assert [[mark.name for mark in one.marks] for one in marked.episodes if one.marks is not msgspec.UNSET] == [["cube"]]
    assert marked.digest != unmarked.digest


def test_a_split_is_by_episode_and_stays_when_the_share_grows() -> None:
    names = [f"{n:032x}" for n in range(4000)]
    small = {name for name in names if split_of(name, 7, 0.1) == "validation"}
    large = {name for name in names if split_of(name, 7, 0.2) == "validation"}
    assert small < large
    assert 0.08 < len(small) / 4000 < 0.12
    assert small != {name for name in names if split_of(name, 8, 0.1) == "validation"}
    assert {split_of(name, 7, 0.0) for name in names} == {"train"}


def test_a_frozen_version_refuses_every_change(here: World, three: list[Episode]) -> None:
    version = services.freeze(made(here, follows=True), "", here.mina)
    version.reason = "another"
    for act in (
        version.save,
        version.delete,
        DatasetVersion.objects.all().delete,
        lambda: DatasetVersion.objects.update(reason="another"),
    ):
        with pytest.raises(TypeError, match="never"):
            act()
    assert DatasetVersion.objects.get().reason == ""


def test_later_labels_do_not_reach_a_frozen_version_and_show_as_its_difference(here: World, three: list[Episode]) -> None:
    lift, ball, wipe = three
    dataset = made(here, follows=True)
    first = services.freeze(dataset, "", here.mina)
    episode_services.change(lift, lift.version, {"outcome": "failure"}, here.mina)
    episode_services.change(ball, ball.version, {"trim_first": 2}, here.mina)
    services.pick(dataset, {wipe.pk: "removed"}, here.mina)
    second = services.freeze(dataset, "labelled", here.mina)
    assert (second.number, second.parent_id) == (2, first.pk)
    found = difference(first.content(), second.content())
    assert (found.added, found.removed, found.replaced) == ([], [wipe.pk], [])
    assert [(one.id, one.fields) for one in found.relabelled] == [(lift.pk, {"outcome": ("success", "failure")})]
    assert [(one.id, one.fields) for one in found.retrimmed] == [(ball.pk, {"first": (0, 2)})]
    assert difference(second.content(), first.content()).added == [wipe.pk]
    assert difference(first.content(), first.content()).empty


@pytest.mark.parametrize("name", ["frames.parquet", "video/wrist.mp4", "episode.json", "events.jsonl"])
def test_a_flipped_byte_is_named_before_anybody_uses_the_version(here: World, three: list[Episode], name: str) -> None:
    version = services.freeze(made(here, follows=True), "", here.mina)
    assert services.verify(version) == []
    path = storage.folder(three[1].pk) / name
    raw = bytearray(path.read_bytes() or b" ")
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    (damage,) = services.verify(version)
    assert (damage.episode, damage.path) == (three[1].pk, name)
    with pytest.raises(Refused, match="other bytes") as refused:
        services.verified(version)
    assert (refused.value.code, refused.value.detail["path"]) == ("version_damaged", name)


def test_a_missing_file_and_a_changed_manifest_are_damage_too(here: World, three: list[Episode]) -> None:
    version = services.freeze(made(here, follows=True), "", here.mina)
    (storage.folder(three[0].pk) / "frames.parquet").unlink()
    assert [damage.path for damage in services.verify(version)] == ["frames.parquet"]
    with connection.cursor() as cursor:
        changed = bytes(version.manifest).replace(b"Lift", b"Drop")
        cursor.execute("UPDATE episodes_datasetversion SET manifest = %s", [changed])
    with pytest.raises(Refused, match="The manifest of tabletop 1"):
        services.verify(DatasetVersion.objects.get())


def test_the_command_names_damage_and_fails(here: World, three: list[Episode], capsys: pytest.CaptureFixture[str]) -> None:
    services.freeze(made(here, follows=True), "", here.mina)
    call_command("verify_dataset", "tabletop:1")
    assert "3 episodes, 0 damaged files" in capsys.readouterr().out
    path = storage.folder(three[2].pk) / "frames.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(CommandError, match="Do not train"):
        call_command("verify_dataset")
    assert f"frames.parquet of episode {three[2].pk}" in capsys.readouterr().err
    with pytest.raises(CommandError, match="no frozen version"):
        call_command("verify_dataset", "nothing")


def test_what_cannot_be_frozen_says_why(here: World, three: list[Episode]) -> None:
    with pytest.raises(Refused) as empty:
        services.freeze(made(here, "empty"), "", here.mina)
    assert empty.value.code == "empty_draft"
    (storage.folder(three[0].pk) / "episode.json").write_text("{}")
    with pytest.raises(Refused) as damaged:
        services.freeze(made(here, "damaged", follows=True), "", here.mina)
    assert (damaged.value.code, damaged.value.detail["episode"]) == ("episode_damaged", three[0].pk)
    with pytest.raises(Refused) as taken:
        made(here, "empty")
    assert taken.value.code == "name_taken"
    with pytest.raises(Refused) as unknown:
        made(here, "odd", query="colour=red")
    assert unknown.value.code == "unknown_field:colour"


def test_a_withdrawn_version_keeps_its_hash_and_may_not_be_used(here: World, three: list[Episode]) -> None:
    dataset = made(here, follows=True)
    version = services.freeze(dataset, "", here.mina)
    assert services.withdraw([version], "Mina asked for it", "Ada") == [version]
    assert services.withdraw([version], "again", "Ada") == []
    with pytest.raises(Refused, match="Mina asked for it") as refused:
        services.verified(version)
    assert refused.value.code == "version_withdrawn"
    assert services.freeze(dataset, "the same content anew", here.mina).number == 2
    assert [entry.act for entry in AuditEntry.objects.filter(subject=dataset.pk).order_by("number")] == [
        "dataset_made", "dataset_frozen", "dataset_withdrawn", "dataset_frozen",
    ]  # fmt: skip


def test_lineage_leads_from_an_episode_to_its_versions(here: World, three: list[Episode]) -> None:
    dataset = made(here, follows=True, query="search=lift")
    services.freeze(dataset, "", here.mina)
    assert VersionEpisode.objects.filter(episode=three[0].pk).get().version.number == 1
    assert not VersionEpisode.objects.filter(episode=three[2].pk).exists()
    inside = Episode.objects.filter(filters.condition(filters.read(f"dataset={dataset.pk}:1")))
    assert set(inside.values_list("pk", flat=True)) == {three[0].pk, three[1].pk}
    assert Episode.objects.filter(filters.condition(filters.read("dataset=none"))).get().pk == three[2].pk
