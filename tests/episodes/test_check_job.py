"""The check as a job: in a process of its own, with a heartbeat, safe when killed, compared with what was here before."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from episodes import apart, jobs, storage
from episodes.apart import Apart, Superseded, examine_apart
from episodes.data.checks.finding import Finding
from episodes.data.examine import Examined, examine
from episodes.data.faults.registry import inject
from episodes.models import Episode, EpisodeSignature
from fleet.models import AuditEntry
from tests.episodes.moving import moving
from tests.episodes.rig import World, received, recorded, signed_in

pytestmark = pytest.mark.django_db


def going_on(percent: int) -> bool:
    return True


def test_a_process_of_its_own_finds_what_this_one_does(tmp_path: Path) -> None:
    folder = moving(tmp_path / "robot", rows=45)
    here = examine(folder, tmp_path / "a" / "poster.jpg", tmp_path / "a" / "columns.f32")
    there = examine_apart(folder, tmp_path / "b" / "poster.jpg", tmp_path / "b" / "columns.f32", 90, going_on)
    assert there.as_json() == here.as_json()
    assert there.signature == here.signature
    for name in ("poster.jpg", "columns.f32"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def child(code: str, most_s: float = 30.0, alive: Any = going_on, **options: Any) -> Apart:
    return Apart([sys.executable, "-c", code], most_s, alive, **options)


def test_files_that_end_the_process_are_rejected_with_the_signal_they_ended_it_by() -> None:
    (finding,) = child(f"import os; os.kill(os.getpid(), {int(signal.SIGSEGV)})").run().findings
    assert (finding.code, finding.severity) == ("check_crashed", "reject")
    assert f"signal {int(signal.SIGSEGV)}" in finding.sentence


def test_files_that_take_too_long_are_rejected() -> None:
    clock = iter(range(0, 10_000, 20))
    (finding,) = child("while True: pass", 30.0, clock=lambda: float(next(clock))).run().findings
    assert (finding.code, finding.severity) == ("check_timeout", "reject")


def test_a_full_disk_is_no_fault_of_the_episode(tmp_path: Path) -> None:
    folder = moving(tmp_path / "robot", rows=30)
    (tmp_path / "blocked").write_text("a file where a folder should be")
    with pytest.raises(OSError, match="File"):
        examine_apart(folder, tmp_path / "blocked" / "poster.jpg", tmp_path / "blocked" / "columns.f32", 60, going_on)


def test_a_check_that_is_not_wanted_any_more_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "BEAT_S", 0.0)
    told: list[int] = []

    def alive(percent: int) -> bool:
        told.append(percent)
        return False

    with pytest.raises(Superseded):
        child("import time; time.sleep(60)", alive=alive).run()
    assert told == [0]


def test_the_heartbeat_says_how_far_it_is_and_when_somebody_else_took_over(here: World, tmp_path: Path) -> None:
    episode = received(recorded(tmp_path / "robot", here.robot.pk), here.robot, checked=False)
    fence = episode.claim_check("host:1")
    assert fence is not None
    assert episode.go_on_checking(fence, 40)
    episode.refresh_from_db()
    assert (episode.check_progress, episode.check_owner) == (40, "host:1")
    assert not episode.go_on_checking(fence - 1, 60)


def test_an_episode_whose_check_failed_for_want_of_room_waits_for_the_next(
    here: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> Examined:
        raise OSError("No space left on device")

    monkeypatch.setattr("episodes.jobs.examine_apart", full)
    episode = received(recorded(tmp_path / "robot", here.robot.pk), here.robot)
    assert episode.status == "received"


def test_warnings_leave_an_episode_usable_and_show_with_their_rows(here: World, tmp_path: Path) -> None:
    made = inject(moving(tmp_path / "robot", here.robot.pk, rows=60), tmp_path, "black", 1)
    assert made is not None
    folder, fault = made
    episode = received(folder, here.robot)
    assert (episode.status, episode.problem, episode.finding_codes) == ("warned", "", "|black|")
    detail = signed_in(here.mina).get(f"/api/episodes/{episode.pk}").json()
    (finding,) = detail["findings"]
    assert (finding["code"], finding["camera"]) == ("black", fault.camera)
    assert (finding["first"], finding["last"]) == (fault.first, fault.last)
    assert detail["playable"]
    assert detail["scores"]["idle_share"] == 0.0
    assert signed_in(here.mina).get("/api/episodes?status=warned").json()["total"] == 1
    assert AuditEntry.objects.get(act="episode_checked").detail == {"status": "warned", "findings": "|black|"}


def test_a_rejected_episode_can_be_looked_at(here: World, tmp_path: Path) -> None:
    made = inject(moving(tmp_path / "robot", here.robot.pk, rows=60), tmp_path, "infinite", 1)
    assert made is not None
    episode = received(made[0], here.robot)
    assert (episode.status, episode.playable) == ("rejected", True)
    assert "infinite number" in episode.problem


def test_the_same_content_again_is_rejected_and_names_the_first(here: World, tmp_path: Path) -> None:
    first = moving(tmp_path / "robot", here.robot.pk, rows=60)
    made = inject(first, tmp_path, "duplicate", 1)
    assert made is not None
    assert received(first, here.robot).status == "ready"
    second = received(made[0], here.robot)
    assert second.status == "rejected"
    assert "The same content as episode 1" in second.problem
    call_command("check_episodes", "--all")
    assert [*Episode.objects.order_by("number").values_list("status", flat=True)] == ["ready", "rejected"]
    Episode.objects.filter(number=1).update(removed_at=second.received_at)
    call_command("check_episodes", second.pk)
    second.refresh_from_db()
    assert second.status == "ready"


def test_episodes_of_another_organisation_are_not_compared_with(here: World, tmp_path: Path) -> None:
    theirs = moving(tmp_path / "a", here.other_robot.pk, rows=60)
    received(theirs, here.other_robot)
    ours = received(moving(tmp_path / "b", here.robot.pk, rows=60), here.robot)
    assert EpisodeSignature.objects.values("exact").distinct().count() == 1
    assert ours.status == "ready"


def test_checked_again_an_episode_keeps_what_people_said_of_it(here: World, tmp_path: Path, capsys: Any) -> None:
    episode = received(moving(tmp_path / "robot", here.robot.pk, rows=60), here.robot)
    Episode.objects.filter(pk=episode.pk).update(outcome="failure", trim_first=3, comment="Slow", findings={})
    call_command("check_episodes", "--all")
    assert "1 ready" in capsys.readouterr().out
    episode.refresh_from_db()
    assert (episode.outcome, episode.trim_first, episode.comment) == ("failure", 3, "Slow")
    assert episode.playable
    call_command("check_episodes")
    assert "Nothing to check" in capsys.readouterr().out
    with pytest.raises(CommandError, match="no episode"):
        call_command("check_episodes", "f" * 32)


def test_those_with_one_finding_can_be_checked_again_after_a_better_check(here: World, tmp_path: Path, capsys: Any) -> None:
    episode = received(moving(tmp_path / "robot", here.robot.pk, rows=60), here.robot)
    fence = episode.fence
    Episode.objects.filter(pk=episode.pk).update(status="received", checked_at=None)
    wrong = Examined(findings=(Finding(code="blurred", severity="warning", sentence="Blurred."),))
    claimed = Episode.objects.get(pk=episode.pk)
    assert claimed.claim_check() == fence + 1
    assert claimed.end_check(fence + 1, "warned", wrong.as_json(), "|blurred|")
    call_command("check_episodes", "--found", "blurred")
    assert "1 ready" in capsys.readouterr().out


def test_what_the_check_makes_is_made_again(here: World, tmp_path: Path) -> None:
    episode = received(moving(tmp_path / "robot", here.robot.pk, rows=60), here.robot)
    os.remove(storage.derived(episode.pk) / storage.COLUMNS)
    Episode.objects.filter(pk=episode.pk).update(status="received", checked_at=None)
    jobs.reconcile()
    assert (storage.derived(episode.pk) / storage.COLUMNS).exists()
