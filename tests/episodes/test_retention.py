"""A site keeps its episodes as long as it says: a preview that holds, days of grace, frozen versions untouched."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from django.db.models import F
from django.utils import timezone

from episodes import storage
from episodes.models import DatasetVersion, Episode
from episodes.services import datasets, erasing, retention
from episodes.services import episodes as services
from episodes.services.retention import Rule
from fleet import audit
from fleet.models import AuditEntry
from protocol.errors import Refused
from tests.episodes.rig import World, received, recorded, signed_in

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)


def episode(here: World, tmp_path: Path, age_days: float = 40, **columns: object) -> Episode:
    """A checked one that was received so long ago."""
    made = received(recorded(tmp_path / "robot", here.robot.pk, 20), here.robot)
    Episode.objects.filter(pk=made.pk).update(received_at=timezone.now() - age_days * DAY, **columns)
    made.refresh_from_db()
    return made


def rule(here: World, *rules: Rule, grace_days: int = 7) -> None:
    row = retention.of_site(here.site)
    retention.set_rules(here.site, row.version, rules, grace_days, here.mina)


def frozen(here: World, *episodes: Episode) -> DatasetVersion:
    dataset = datasets.make(here.mina, here.site.organisation, None, "Lifts")
    datasets.pick(dataset, {one.pk: "added" for one in episodes}, here.mina)
    return datasets.freeze(dataset, "first", here.mina)


def test_the_preview_says_what_will_go_and_changes_nothing(here: World, tmp_path: Path) -> None:
    old, young = episode(here, tmp_path), episode(here, tmp_path, 3)
    (found,) = retention.preview(here.site, [Rule("success", 30)])
    assert (found.episodes, found.size_bytes, found.kept) == (1, old.size_bytes, 0)
    assert Episode.objects.present().count() == 2
    rule(here, Rule("success", 30))
    assert retention.run() == (1, 0)
    assert list(Episode.objects.present()) == [young]


def test_an_episode_goes_for_good_only_after_its_days_of_grace(here: World, tmp_path: Path) -> None:
    old = episode(here, tmp_path)
    rule(here, Rule("success", 30), grace_days=7)
    retention.run()
    assert storage.folder(old.pk).exists()
    assert retention.run(timezone.now() + 6 * DAY) == (0, 0)
    assert retention.run(timezone.now() + 8 * DAY) == (0, 1)
    assert not storage.is_there(old.pk)
    old.refresh_from_db()
    assert (old.meta, old.instruction, old.size_bytes, old.number) == ({"cameras": [], "people": []}, "", 0, 1)
    assert old.erased_at is not None
    assert signed_in(here.mina).get(f"/api/episodes/{old.pk}").status_code == 404


def test_what_is_brought_back_within_its_grace_is_kept_anew(here: World, tmp_path: Path) -> None:
    old = episode(here, tmp_path)
    rule(here, Rule("success", 30))
    retention.run()
    old.refresh_from_db()
    services.restore(old, here.mina)
    assert retention.run(timezone.now() + 20 * DAY) == (0, 0)
    assert retention.run(timezone.now() + 31 * DAY) == (1, 0)


@pytest.mark.parametrize(
    ("kind", "columns"),
    [
        ("failure", {"outcome": "failure"}),
        ("unlabelled", {"outcome": "unlabelled"}),
        ("unreviewed", {"outcome": "unlabelled"}),
        ("rejected", {"status": "rejected"}),
        ("removed", {"removed_at": timezone.now() - 40 * DAY}),
    ],
)
def test_each_kind_has_its_own_days(here: World, tmp_path: Path, kind: str, columns: dict[str, object]) -> None:
    other = episode(here, tmp_path, reviewed_at=timezone.now())
    named = episode(here, tmp_path, **columns)
    assert list(retention.taken(here.site, Rule(kind, 30), timezone.now())) == [named]
    assert not retention.taken(here.site, Rule(kind, 50), timezone.now()).exists()
    rule(here, Rule(kind, 30))
    retention.run()
    assert list(Episode.objects.present()) == [other]


def test_a_frozen_version_keeps_its_episodes_unless_the_rule_says_otherwise(here: World, tmp_path: Path) -> None:
    old = episode(here, tmp_path)
    version = frozen(here, old)
    (found,) = retention.preview(here.site, [Rule("success", 30)])
    assert (found.episodes, found.kept) == (0, 1)
    rule(here, Rule("success", 30))
    assert retention.run() == (0, 0)
    rule(here, Rule("success", 30, frozen=True), grace_days=0)
    assert retention.run() == (1, 1)
    version.refresh_from_db()
    assert (version.state, version.content().digest) == ("withdrawn", version.digest)
    with pytest.raises(Refused, match="version_withdrawn"):
        datasets.verified(version)


def test_what_is_brought_back_while_others_go_stays(here: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = episode(here, tmp_path, 50), episode(here, tmp_path)
    rule(here, Rule("success", 30))
    retention.run()
    second.refresh_from_db()
    tombstone = erasing.tombstone

    def meanwhile(id: str, why: str) -> None:
        if id == first.pk:
            services.restore(second, here.mina)
        tombstone(id, why)

    monkeypatch.setattr(erasing, "tombstone", meanwhile)
    Episode.objects.filter(pk=first.pk).update(purge_at=F("purge_at") - DAY)
    assert retention.run(timezone.now() + 8 * DAY) == (0, 1)
    assert storage.is_there(second.pk) and not storage.is_there(first.pk)
    assert list(Episode.objects.present()) == [second]


def test_whether_frozen_ones_go_does_not_hang_on_the_sentence(here: World, tmp_path: Path) -> None:
    kept, gone = episode(here, tmp_path), episode(here, tmp_path, outcome="failure")
    frozen(here, kept, gone)
    rule(here, Rule("failure", 30, frozen=True))
    retention.run()
    Episode.objects.filter(pk=gone.pk).update(gone_why="Zu lange her.")
    kept_too = Episode.objects.filter(pk=kept.pk)
    kept_too.update(purge_at=timezone.now(), gone_why="frozen or not", removed_at=timezone.now())
    assert retention.run(timezone.now() + 8 * DAY) == (0, 1)
    assert storage.is_there(kept.pk) and not storage.is_there(gone.pk)


def test_every_step_is_in_the_audit_log(here: World, tmp_path: Path) -> None:
    old = episode(here, tmp_path)
    rule(here, Rule("success", 30), grace_days=0)
    retention.run()
    acts = dict(AuditEntry.objects.filter(act__startswith="retention").values_list("act", "actor"))
    assert acts == {"retention_set": "Mina", "retention_removed": "server", "retention_erased": "server"}
    assert AuditEntry.objects.get(act="retention_removed").detail["first"] == [old.pk]
    assert not list(audit.problems())


def test_a_kill_between_row_and_files_is_made_good(here: World, tmp_path: Path) -> None:
    old = episode(here, tmp_path)
    erasing.tombstone(old.pk, "test")
    assert storage.is_there(old.pk)
    assert retention.run() == (0, 1)
    assert not storage.is_there(old.pk)


@pytest.mark.parametrize("rules", [[Rule("success", 0)], [Rule("success", 1), Rule("success", 2)], [Rule("all", 1)]])
def test_rules_that_say_nothing_clear_are_refused(here: World, rules: list[Rule]) -> None:
    with pytest.raises(Refused, match="invalid_field"):
        rule(here, *rules)


def test_rules_changed_meanwhile_are_not_overwritten(here: World) -> None:
    rule(here, Rule("success", 30))
    with pytest.raises(Refused, match="stale_version"):
        retention.set_rules(here.site, 0, [], 7, here.mina)
