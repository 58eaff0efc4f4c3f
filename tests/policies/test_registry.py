"""Taking policies in: what is copied, what is the same, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from config import settings as defaults
from episodes.backup import site
from fleet.models import AuditEntry, Organisation
from policies.learning.folder import CARD, WEIGHTS
from policies.learning.policy import open_policy
from policies.models import PolicyVersion
from policies.services import registry
from protocol.errors import Refused
from tests.episodes.rig import World
from tests.policies.rig import OBJECTS, untrained
from tests.robot.recorder.rig import SMALL


def test_a_policy_brought_in_says_what_it_can_do_and_opens(here: World, starter: Path) -> None:
    brought = registry.bring(starter, here.site.organisation, here.mina)

    assert (brought.shown, brought.stage, brought.made_by) == ("starter 1", "candidate", here.mina.shown)
    assert brought.kinds == [SMALL.kind]
    assert brought.skills == ["reach"]
    assert brought.things == list(OBJECTS)
    assert brought.cameras == {SMALL.kind: {SMALL.cameras[0].name: [32, 24]}}
    assert open_policy(brought.folder).card.name == "starter"
    assert AuditEntry.objects.filter(act="policy_brought", subject=brought.pk).count() == 1


def test_the_same_content_is_brought_in_once(here: World, starter: Path, tmp_path: Path) -> None:
    first = registry.bring(starter, here.site.organisation, None)
    again = registry.bring(starter, here.site.organisation, None)
    other = registry.bring(untrained(tmp_path / "other", seed=1), here.site.organisation, None)
    elsewhere = registry.bring(starter, Organisation.objects.get(name="Other"), None)

    assert again == first
    assert (other.number, elsewhere.number) == (2, 1)
    assert PolicyVersion.objects.count() == 3


def test_a_policy_that_is_not_whole_leaves_nothing_behind(here: World, starter: Path, places: Path) -> None:
    (starter / WEIGHTS).write_bytes((starter / WEIGHTS).read_bytes()[:-4] + b"\0\0\0\1")

    with pytest.raises(Refused) as refused:
        registry.bring(starter, here.site.organisation, None)

    assert refused.value.code == "policy_damaged"
    assert not PolicyVersion.objects.exists()
    assert list(places.iterdir()) == []


def test_a_policy_that_lost_its_calibration_on_the_way_is_not_taken_in(here: World, starter: Path, places: Path) -> None:
    card = json.loads((starter / CARD).read_text())
    card["figures"]["doubt"] = {"alpha": 0.15, "runs": 60}
    (starter / CARD).write_text(json.dumps(card))
    with pytest.raises(Refused) as refused:
        registry.bring(starter, here.site.organisation, None)
    assert refused.value.code == "calibration_damaged"
    assert list(places.iterdir()) == []


def test_a_link_in_place_of_a_file_is_not_followed(here: World, starter: Path, tmp_path: Path) -> None:
    (starter / CARD).rename(tmp_path / "elsewhere.json")
    (starter / CARD).symlink_to(tmp_path / "elsewhere.json")

    with pytest.raises(Refused) as refused:
        registry.bring(starter, here.site.organisation, None)

    assert refused.value.code == "policy_missing"


def test_the_command_brings_a_policy_in(here: World, starter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("bring_policy", str(starter), organisation="Lab", name="cubes")

    said = json.loads(capsys.readouterr().out)
    assert said["shown"] == "cubes 1"
    assert PolicyVersion.objects.get(pk=said["id"]).organisation == here.site.organisation


def test_a_backup_holds_the_files_of_policies(here: World, starter: Path, settings: Any) -> None:
    assert defaults.REINS_POLICIES_DIR.parent == defaults.REINS_MEDIA_DIR
    settings.REINS_POLICIES_DIR = settings.REINS_MEDIA_DIR / "policies"
    brought = registry.bring(starter, here.site.organisation, None)
    kept = {name for name, _ in site._files()}
    assert {f"media/policies/{brought.pk}/{name}" for name in (CARD, WEIGHTS)} <= kept
