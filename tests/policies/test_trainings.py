"""Trainings as long work: real child processes that learn, are killed, cancelled, fail, and leave a policy."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone

from episodes import storage
from episodes.services import datasets
from fleet.models import AuditEntry
from policies import jobs, teaching
from policies.learning.folder import CARD
from policies.learning.policy import open_policy
from policies.models import PolicyVersion, Training
from policies.reading.lineage import users_of
from policies.services import recipes, registry, trainings
from policies.teaching import METRICS, Teaching
from protocol.errors import Refused
from tests.episodes.rig import World, signed_in
from tests.policies.rig import Lesson, lesson, tiny


@pytest.fixture
def learn(here: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lesson:
    monkeypatch.setattr("episodes.services.uploads.ask_for_check", lambda episode: None)
    monkeypatch.setattr("policies.services.trainings.wake", lambda count=1: None)
    monkeypatch.setattr(recipes, "RECIPES", tiny(tmp_path))
    return lesson(here, tmp_path / "robot")


@pytest.fixture
def endless(learn: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipes, "RECIPES", tiny(tmp_path, steps=100_000))


def asked(learn: Lesson, name: str = "cubes", **changes: Any) -> Training:
    return trainings.ask(learn.version, None, "starter", name, changes, None, learn.ellen)


def done(training: Training, fence: int | None = None) -> Training:
    fence = training.claim("here:1") if fence is None else fence
    assert fence is not None
    Teaching(training, fence).run()
    training.refresh_from_db()
    return training


def lines(training: Training) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (training.folder / METRICS).read_text().splitlines()]


def losses(training: Training) -> dict[int, float]:
    return {line["step"]: line["loss"] for line in lines(training) if line["event"] == "step"}


def test_a_training_leaves_a_candidate_that_says_where_it_comes_from(learn: Lesson) -> None:
    training = done(asked(learn))

    assert (training.state, training.problem, training.step) == ("done", "", 12)
    made = training.made
    assert (made.shown, made.stage, made.made_by) == ("cubes 1", "candidate", "Ellen")
    card = json.loads((made.folder / CARD).read_text())
    assert card["lineage"]["dataset"]["digest"] == learn.version.digest == training.dataset_digest
    assert card["lineage"]["training"] == training.pk
    assert card["lineage"]["code"] == training.code_version
    assert training.machine["torch"] and training.began_at is not None
    assert open_policy(made.folder).card.name == "cubes"
    assert made.calibration == {} and any("not calibrated" in limit for limit in card["limits"])  # nearly nothing was set aside
    assert {path.name for path in training.folder.iterdir()} >= {METRICS, "samples", "config.json"}
    assert not list(training.folder.glob("policy*"))  # it lies in the registry alone
    assert AuditEntry.objects.filter(act="training_done", subject=training.pk).exists()


def test_a_second_training_goes_on_from_the_first(learn: Lesson) -> None:
    base = done(asked(learn)).made
    more = trainings.ask(learn.version, base, "continue", "cubes", {"steps": 4}, None, learn.ellen)

    made = done(more).made

    assert (made.shown, made.base) == ("cubes 2", base)
    assert made.card["lineage"]["base"] == {"id": base.pk, "shown": "cubes 1", "sha256": base.sha256}


class Killer:
    """Kills the process of a training by SIGKILL after each of these steps, as often as they are many."""

    def __init__(self, at: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
        self.left, self.killed = sorted(at), 0
        self.process: subprocess.Popen[str] | None = None
        self.dead: subprocess.Popen[str] | None = None
        self._hear = Teaching._hear
        self._once = Teaching._once
        monkeypatch.setattr(Teaching, "_hear", lambda watch, said, metrics: self.hear(watch, said, metrics))
        monkeypatch.setattr("policies.teaching.subprocess.Popen", self.started(teaching.subprocess.Popen))

    def started(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def start(*words: Any, **options: Any) -> Any:
            self.process = real(*words, **options)
            return self.process

        return start

    def hear(self, watch: Teaching, said: dict[str, Any], metrics: Any) -> None:
        self._hear(watch, said, metrics)
        dying = self.process is self.dead  # what it said before is still being read
        assert self.process is not None
        if self.left and not dying and said["event"] == "step" and said["step"] >= self.left[0]:
            self.left.pop(0)
            self.killed += 1
            self.dead = self.process
            os.kill(self.process.pid, signal.SIGKILL)


def test_a_trainer_killed_five_times_at_random_learns_the_same_as_one_that_was_not(
    learn: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipes, "RECIPES", tiny(tmp_path, steps=60, save_every=5))
    whole = losses(done(asked(learn, "whole")))
    at = random.Random(7).sample(range(3, 58), 5)
    killer = Killer(at, monkeypatch)

    killed = done(asked(learn, "killed"))

    assert (killer.killed, killed.state) == (5, "done")
    assert killed.resumed == 5
    again = [line for line in lines(killed) if line["event"] == "step"]
    assert len(again) > 60  # some steps were done twice
    for line in again:
        assert line["loss"] == pytest.approx(whole[line["step"]], abs=1e-3), line["step"]
    assert sorted(losses(killed)) == list(range(1, 61))


def test_one_whose_worker_died_is_gone_on_with_by_another(learn: Lesson, monkeypatch: pytest.MonkeyPatch) -> None:
    training = asked(learn)
    first = training.claim("a:1")
    assert first is not None
    killed = Killer([6], monkeypatch)
    monkeypatch.setattr(Teaching, "_died", lambda watch, code, before: (_ for _ in ()).throw(SystemExit))
    with pytest.raises(SystemExit):  # the worker with it
        Teaching(training, first).run()
    Training.objects.filter(pk=training.pk).update(heartbeat=timezone.now() - timezone.timedelta(seconds=16))
    assert list(Training.objects.orphaned()) == [training]
    monkeypatch.undo()

    found = teaching.next_one("b:2")

    assert found is not None and found[1] == first + 1
    other = done(*found)
    assert (killed.killed, other.state, other.resumed) == (1, "done", 1)
    began = [line["step"] for line in lines(other) if line["event"] == "began"]
    assert began == [0, 4]  # from the checkpoint after 4
    assert training.beat(first) is False  # whoever had it before changes nothing any more


def test_what_never_gets_further_is_given_up(learn: Lesson, monkeypatch: pytest.MonkeyPatch) -> None:
    training = asked(learn)
    monkeypatch.setattr("policies.teaching.sys.executable", "/bin/false")

    done(training)

    assert (training.state, training.problem_code) == ("failed", "trainer_crashed")
    assert "3 times" in training.problem and "smaller batch" in training.next_action


@pytest.fixture
def asks_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int, Callable[[], None]], None]]:
    """Does something when a step is heard of."""

    def at(step: int, act: Callable[[], None]) -> None:
        real = Teaching._hear

        def hear(watch: Teaching, said: dict[str, Any], metrics: Any) -> None:
            real(watch, said, metrics)
            if said["event"] == "step" and said["step"] == step:
                act()
                watch._beaten_s = float("-inf")

        monkeypatch.setattr(Teaching, "_hear", hear)

    yield at


def test_a_cancelled_training_ends_and_keeps_only_its_curves(learn: Lesson, endless: None, asks_at: Any) -> None:
    training = asked(learn)
    asks_at(5, lambda: trainings.cancel(Training.objects.get(pk=training.pk), learn.ellen) and None)

    done(training)

    assert (training.state, training.cancelled_by) == ("cancelled", "Ellen")
    assert 5 <= max(losses(training)) < 100_000
    assert not (training.folder / "data").exists() and not list(training.folder.glob("policy*"))
    with pytest.raises(Refused) as refused:
        trainings.cancel(training, learn.ellen)
    assert refused.value.code == "job_ended"


def test_one_that_waits_is_cancelled_at_once_and_never_begins(learn: Lesson) -> None:
    training = trainings.cancel(asked(learn), learn.ellen)
    assert training.state == "cancelled"
    assert teaching.next_one("here:1") is None


def test_they_are_done_in_the_order_in_which_they_were_asked(learn: Lesson) -> None:
    first, second = asked(learn, "first"), asked(learn, "second")
    assert [found[0] for found in (teaching.next_one("a:1"), teaching.next_one("b:1")) if found] == [first, second]
    assert teaching.next_one("c:1") is None


def test_a_version_withdrawn_meanwhile_ends_what_learns_from_it(learn: Lesson, endless: None, asks_at: Any) -> None:
    training = asked(learn)
    asks_at(5, lambda: datasets.withdraw([learn.version], "A person had their episodes deleted.", "Ada") and None)

    done(training)

    assert (training.state, training.problem_code) == ("failed", "version_withdrawn")
    assert not (training.folder / "samples").exists()  # pictures of those episodes
    with pytest.raises(Refused) as refused:
        asked(learn)
    assert refused.value.code == "version_withdrawn"


def test_pictures_of_a_version_withdrawn_later_go_in_a_round(learn: Lesson) -> None:
    training = done(asked(learn))
    assert (training.folder / "samples" / "0.scene.jpg").exists()
    datasets.withdraw([learn.version], "A person had their episodes deleted.", "Ada")
    jobs.reconcile_trainings()
    assert not (training.folder / "samples").exists()
    assert losses(training)


def test_a_damaged_episode_is_named_with_what_to_do(learn: Lesson) -> None:
    training = asked(learn)
    entry = learn.version.content().episodes[0]
    video = storage.folder(entry.id) / "video" / "scene.mp4"
    video.chmod(0o640)
    video.write_bytes(video.read_bytes()[:-1] + b"?")

    done(training)

    assert (training.state, training.problem_code) == ("failed", "dataset_damaged")
    assert entry.id in training.problem and "video/scene.mp4" in training.problem
    assert "backup" in training.next_action


@pytest.mark.parametrize(
    ("what", "code"), [("torch", "torch_missing"), ("disk", "storage_full"), ("base", "policy_withdrawn"), ("gpu", "gpu_absent")]
)
def test_what_is_missing_is_said_before_hours_of_work(
    learn: Lesson, starter: Path, monkeypatch: pytest.MonkeyPatch, settings: Any, what: str, code: str
) -> None:
    base = registry.bring(starter, learn.version.dataset.organisation, None)
    training = trainings.ask(learn.version, base, "continue", "cubes", {"device": "cuda"}, None, learn.ellen)
    if what == "torch":
        monkeypatch.setattr("policies.services.trainings._torch_there", lambda: False)
    elif what == "disk":
        settings.REINS_MEDIA_RESERVE_MB = 1 << 40
    elif what == "base":
        registry.withdraw(base, base.version, "It hit the tray.", learn.ellen)

    done(training)

    assert (training.state, training.problem_code) == ("failed", code)
    assert training.problem.endswith(".") and training.next_action.endswith(".")


def test_a_base_is_needed_where_the_recipe_goes_on_from_one(learn: Lesson) -> None:
    with pytest.raises(Refused) as refused:
        trainings.ask(learn.version, None, "continue", "cubes", {}, None, learn.ellen)
    assert refused.value.code == "base_missing"


def test_a_worker_that_leaves_lets_another_go_on_at_once(learn: Lesson, endless: None, asks_at: Any) -> None:
    training = asked(learn)
    asks_at(5, teaching.leaving.set)
    try:
        done(training)
    finally:
        teaching.leaving.clear()
    assert training.state == "running"
    assert list(Training.objects.orphaned()) == [training]


def test_what_was_made_from_a_version_is_known(learn: Lesson) -> None:
    training = done(asked(learn))
    more = trainings.ask(learn.version, training.made, "continue", "more", {"steps": 2}, None, learn.ellen)

    users = users_of([learn.version.pk])

    assert {(user["kind"], user["name"], user["version"]) for user in users} == {
        ("training", "cubes", "tabletop 1"), ("policy", "cubes 1", "tabletop 1"),
    }  # fmt: skip
    done(more)
    assert {user["name"] for user in users_of([learn.version.pk])} == {"cubes", "cubes 1", "more", "more 1"}


def test_a_page_of_a_version_names_the_policies_that_were_made_from_it(learn: Lesson) -> None:
    done(asked(learn))
    said = signed_in(learn.ellen).get(f"/api/datasets/{learn.version.dataset_id}/versions/1").json()
    assert said["policies"] == ["cubes 1"]


def test_a_disk_that_becomes_full_is_said_with_what_to_do(learn: Lesson, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Teaching, "_hear", full)
    training = done(asked(learn))
    assert (training.state, training.problem_code) == ("failed", "storage_full")
    assert "Make room" in training.next_action


def stumbling(monkeypatch: pytest.MonkeyPatch, error: int, at: int, times: int) -> list[int]:
    """The worker meets this error when it hears of step `at` or of a later one, so often; gives the steps at which it did."""
    met: list[int] = []
    hear = Teaching._hear

    def stumble(watch: Teaching, said: dict[str, Any], metrics: Any) -> None:
        hear(watch, said, metrics)
        if said["event"] == "step" and said["step"] >= at and len(met) < times:
            met.append(said["step"])
            raise OSError(error, os.strerror(error))

    monkeypatch.setattr(Teaching, "_hear", stumble)
    monkeypatch.setattr(teaching, "REST_S", 0.0)
    return met


@pytest.mark.parametrize("error", [errno.EAGAIN, errno.EMFILE, errno.EIO, errno.ESTALE])
def test_an_error_of_the_machine_that_passes_costs_a_training_nothing(
    learn: Lesson, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    met = stumbling(monkeypatch, error, at=6, times=1)
    training = done(asked(learn))
    assert (met, training.state, training.problem, training.resumed) == ([6], "done", "", 1)
    assert [line["step"] for line in lines(training) if line["event"] == "began"] == [0, 4]


def test_a_machine_that_cannot_begin_a_process_is_tried_three_times(learn: Lesson, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def none(*_: Any, **__: Any) -> None:
        tried.append(1)
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr("policies.teaching.subprocess.Popen", none)
    monkeypatch.setattr(teaching, "REST_S", 0.0)
    training = done(asked(learn))
    assert (len(tried), training.state, training.problem_code) == (3, "failed", "trainer_crashed")
    assert "Resource temporarily unavailable" in training.problem


@pytest.mark.parametrize(("error", "code"), [(errno.EIO, "trainer_crashed"), (errno.ENOSPC, "storage_full")])
def test_a_training_that_the_machine_failed_goes_on_where_it_was_when_somebody_says_so(
    learn: Lesson, monkeypatch: pytest.MonkeyPatch, error: int, code: str
) -> None:
    stumbling(monkeypatch, error, at=6, times=3)
    monkeypatch.setattr(teaching, "MOST_DEATHS", 1)
    training = done(asked(learn))
    assert (training.state, training.problem_code) == ("failed", code)
    assert "resume_training" in training.next_action
    assert not (training.folder / "samples").exists() and not list(training.folder.glob("*.part"))
    monkeypatch.undo()

    call_command("resume_training", training.pk)

    training.refresh_from_db()
    assert (training.state, training.problem, training.ended_at) == ("queued", "", None)
    done(training)
    assert (training.state, training.problem, training.step) == ("done", "", 12)
    assert [line["step"] for line in lines(training) if line["event"] == "began"] == [0, 4]
    assert AuditEntry.objects.filter(act="training_resumed", subject=training.pk).exists()
    with pytest.raises(CommandError, match="done"):
        call_command("resume_training", training.pk)


def test_an_error_that_nobody_expected_is_said_and_not_tried_for_ever(
    learn: Lesson, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        raise KeyError("loss")

    monkeypatch.setattr(Teaching, "_hear", broken)
    training = done(asked(learn))
    assert (training.state, training.problem_code) == ("failed", "trainer_crashed")
    assert "KeyError" in training.problem and "log" in training.next_action
    assert "KeyError: 'loss'" in caplog.text
    assert AuditEntry.objects.filter(act="training_failed", subject=training.pk).exists()


def test_a_database_that_does_not_answer_leaves_the_training_to_another_worker(
    learn: Lesson, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(Teaching, "_prepare", away)
    training = asked(learn)
    with pytest.raises(OperationalError):
        done(training)
    training.refresh_from_db()
    assert training.state == "running"


def test_one_killed_after_its_policy_was_written_and_before_it_said_so_is_done(
    learn: Lesson, monkeypatch: pytest.MonkeyPatch
) -> None:
    hear = Teaching._hear
    monkeypatch.setattr(Teaching, "_hear", lambda watch, said, to: None if said["event"] == "done" else hear(watch, said, to))
    training = done(asked(learn))
    assert (training.state, training.problem_code, training.step) == ("done", "", 12)
    assert PolicyVersion.objects.get().training == training


@pytest.mark.parametrize("line", [b"{not json}", b"{}", b"[1]", b"a word", b"{1: 2}", b'{"epoch": 1}'])
def test_what_libraries_print_between_the_words_of_a_training_loses_none(line: bytes) -> None:
    assert teaching._said(line) is None
    assert teaching._said(b'{"event": "step", "step": 3}') == {"event": "step", "step": 3}
