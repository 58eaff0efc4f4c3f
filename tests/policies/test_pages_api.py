"""What pages are told of trainings and policies, and what people change there."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from fleet.models import AuditEntry, Membership, Person
from policies.learning.folder import CONFIG, WEIGHTS, Card
from policies.learning.zoo import sealed
from policies.models import PolicyImport, PolicyVersion, Training
from policies.reading import trainings as reading
from policies.services import imports, recipes, registry
from policies.teaching import METRICS
from tests.episodes.rig import World, body_of, signed_in
from tests.policies.rig import Lesson, lesson, tiny
from tests.policies.zoo.speaker import speaker


@pytest.fixture
def learn(here: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lesson:
    monkeypatch.setattr("episodes.services.uploads.ask_for_check", lambda episode: None)
    monkeypatch.setattr("policies.services.trainings.wake", lambda count=1: None)
    monkeypatch.setattr(recipes, "RECIPES", tiny(tmp_path))
    return lesson(here, tmp_path / "robot", rows=12)


@pytest.fixture
def ellen(learn: Lesson) -> Client:
    return signed_in(learn.ellen)


def begin(client: Client, learn: Lesson, **more: Any) -> Any:
    body = {"dataset": learn.version.dataset_id, "version": 1, "recipe": "starter", "name": "cubes", **more}
    return client.post("/api/trainings", body, "application/json")


def running(learn: Lesson, ellen: Client, lines: list[dict[str, Any]]) -> Training:
    training = Training.objects.get(pk=begin(ellen, learn).json()["id"])
    training.claim("bench-3:71")
    training.folder.mkdir(parents=True)
    (training.folder / METRICS).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return training


def steps(count: int, first: int = 1) -> list[dict[str, Any]]:
    return [{"at": 1000.0 + step * 0.5, "event": "step", "step": step, "loss": 1 / step} for step in range(first, first + count)]


def test_a_training_is_asked_for_and_says_why_it_waits(ellen: Client, learn: Lesson) -> None:
    choices = ellen.get("/api/trainings/choices").json()
    assert [choice["shown"] for choice in choices["versions"]] == ["tabletop 1"]
    first = begin(ellen, learn, steps=5, seed=3)
    second = begin(ellen, learn, name="more cubes")

    assert first.status_code == second.status_code == 200
    assert (first.json()["seed"], first.json()["total"], first.json()["config"]["learn"]["steps"]) == (3, 5, 5)
    rows = ellen.get("/api/trainings").json()
    assert [(row["name"], row["place"]) for row in rows] == [("cubes", 1), ("more cubes", 2)]
    assert "train worker" in rows[0]["waits"] and "behind cubes" in rows[1]["waits"]
    assert AuditEntry.objects.filter(act="training_asked").count() == 2


@pytest.mark.parametrize(
    ("change", "code"),
    [({"recipe": "best"}, "recipe_unknown"), ({"recipe": "continue"}, "base_missing"), ({"steps": 0}, "invalid_field:steps"),
     ({"speed": 3}, "unknown_field:speed"), ({"version": 9}, "not_found"), ({"base": "0" * 32}, "not_found")],
)  # fmt: skip
def test_what_cannot_be_trained_is_refused(ellen: Client, learn: Lesson, change: dict[str, Any], code: str) -> None:
    answer = begin(ellen, learn, **change)
    assert 400 <= answer.status_code < 500
    assert answer.json()["code"] == code and answer.json()["sentence"].endswith(".")
    assert not Training.objects.exists()


def test_one_that_waits_for_trainings_that_are_not_shown_says_so(ellen: Client, learn: Lesson) -> None:
    first, second = (Training.objects.get(pk=begin(ellen, learn, name=name).json()["id"]) for name in ("a", "b"))
    assert "None has taken it yet" in reading.row(first, False, [], [first])["waits"]
    second.claim("bench-3:71")
    assert "busy with trainings of others" in reading.row(first, False, [], [first])["waits"]


def test_remaining_time_comes_from_the_pace_since_it_was_last_begun(ellen: Client, learn: Lesson) -> None:
    slow = [{"at": 0.0, "event": "step", "step": 1}, {"at": 900.0, "event": "step", "step": 2}]
    training = running(learn, ellen, [*slow, {"at": 1000.0, "event": "began", "step": 2}, *steps(5, first=3)])
    Training.objects.filter(pk=training.pk).update(total=107, step=7)
    row = ellen.get(f"/api/trainings/{training.pk}").json()
    assert row["remaining"] == {"seconds": 50.0, "basis": 4}
    assert row["heard_s"] < 5


def test_curves_come_in_pieces_and_never_half_a_line(ellen: Client, learn: Lesson) -> None:
    training = running(learn, ellen, steps(3))
    with open(training.folder / METRICS, "a") as file:
        file.write('{"event": "st')
    first = ellen.get(f"/api/trainings/{training.pk}/curves").json()
    assert [line["step"] for line in first["lines"]] == [1, 2, 3]
    with open(training.folder / METRICS, "a") as file:
        file.write('ep", "step": 4}\n')
    second = ellen.get(f"/api/trainings/{training.pk}/curves?after={first['next']}").json()
    assert [line["step"] for line in second["lines"]] == [4]
    assert ellen.get(f"/api/trainings/{training.pk}/curves?after={2**53}").json()["lines"] == []
    assert ellen.get(f"/api/trainings/{training.pk}/curves?after=-1").status_code == 400


def test_samples_of_a_long_training_are_the_first_the_newest_and_some_between(ellen: Client, learn: Lesson) -> None:
    """Without reading megabytes at each look."""
    training = running(learn, ellen, [])
    folder = training.folder / "samples"
    folder.mkdir()
    (folder / "frames.json").write_text("[]")
    lines = [json.dumps({"step": step, "said": ["x" * 1000]}) + "\n" for step in range(1, 4001)]
    (folder / "said.jsonl").write_text("".join(lines) + '{"step": 4001, "sa')

    before = bytes_read()
    found = reading.samples(training)["said"]

    assert bytes_read() - before < 1 << 20
    steps = [one["step"] for one in found]
    assert (steps[0], steps[-1], len(steps)) == (1, 4000, reading.MOST_SAID)
    assert max(later - earlier for earlier, later in itertools.pairwise(steps)) < 110
    assert ellen.get(f"/api/trainings/{training.pk}/samples").json()["said"] == found


def bytes_read() -> int:
    """By this process so far."""
    return int(Path("/proc/self/io").read_text().split()[1])


def test_a_failure_says_what_to_do_next(ellen: Client, learn: Lesson) -> None:
    training = running(learn, ellen, [])
    training.end(training.fence, "failed", problem="The disk is full.", problem_code="storage_full", next_action="Make room.")
    (row,) = ellen.get("/api/trainings").json()
    assert (row["state"], row["problem"], row["next_action"]) == ("failed", "The disk is full.", "Make room.")


def test_somebody_who_looks_on_may_not_cancel(ellen: Client, learn: Lesson, here: World) -> None:
    training = running(learn, ellen, [])
    vera = signed_in(here.vera)
    assert vera.get(f"/api/trainings/{training.pk}").json()["may_cancel"] is False
    assert vera.post(f"/api/trainings/{training.pk}/cancel", {}, "application/json").json()["code"] == "forbidden"
    assert signed_in(here.otto).get(f"/api/trainings/{training.pk}").status_code == 404
    assert ellen.post(f"/api/trainings/{training.pk}/cancel", {}, "application/json").json()["cancelled_by"] == "Ellen"


# -- policies --------------------------------------------------------------------------------------


@pytest.fixture
def policy(learn: Lesson, starter: Path) -> PolicyVersion:
    return registry.bring(starter, learn.version.dataset.organisation, learn.ellen)


def test_a_stage_changes_for_whoever_saw_the_newest(ellen: Client, policy: PolicyVersion) -> None:
    url = f"/api/policies/{policy.pk}"
    shown = ellen.get(url).json()
    assert (shown["stage"], shown["robots"], shown["calibrated"]) == ("candidate", ["small"], False)
    assert any("calibrated" in warning for warning in shown["warnings"])
    changed = ellen.patch(url, {"version": 1, "stage": "production"}, "application/json").json()
    assert (changed["stage"], changed["version"]) == ("production", 2)
    assert changed["history"][0]["what"] == "Now production"
    assert ellen.patch(url, {"version": 1, "stage": "retired"}, "application/json").json()["code"] == "stale_version"
    assert ellen.patch(url, {"version": 2, "stage": "shadow"}, "application/json").json()["code"] == "policy_stage"
    assert ellen.patch(url, {"version": 2}, "application/json").json()["code"] == "nothing_to_change"


def test_the_list_of_policies_reads_the_file_of_each_once(
    ellen: Client, policy: PolicyVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    real = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: (read.append(path), real(path))[1])
    for _ in range(3):
        assert [row["robots"] for row in ellen.get("/api/policies").json()] == [["small"]]
    assert read.count(policy.folder / CONFIG) == 1


def test_a_withdrawn_policy_is_no_base_any_more(ellen: Client, policy: PolicyVersion, learn: Lesson) -> None:
    body = {"version": 1, "reason": "It hit the tray."}
    assert (
        ellen.post(f"/api/policies/{policy.pk}/withdraw", body, "application/json").json()["withdrawn_reason"] == body["reason"]
    )
    assert ellen.get("/api/trainings/choices").json()["bases"] == []
    assert begin(ellen, learn, recipe="continue", base=policy.pk).json()["code"] == "policy_withdrawn"


def test_a_retired_policy_is_no_base_until_it_is_brought_back(ellen: Client, policy: PolicyVersion, learn: Lesson) -> None:
    policy.change(1, stage="retired")
    assert begin(ellen, learn, recipe="continue", base=policy.pk).json()["code"] == "policy_retired"


def send(client: Client, raw: bytes, name: str = "") -> Any:
    """The answer to the last request of an import, in two pieces."""
    coming = client.post("/api/policy-imports", {"bytes": len(raw), "name": name}, "application/json").json()
    for at in range(0, len(raw), 1 << 20):
        piece = raw[at : at + (1 << 20)]
        address = f"/api/policy-imports/{coming['id']}/pieces?offset={at}"
        headers = {"X-Piece-SHA256": hashlib.sha256(piece).hexdigest()}
        assert client.put(address, piece, "application/octet-stream", headers=headers).json()["offset"] == at + len(piece)
    return client.post(f"/api/policy-imports/{coming['id']}/complete", {}, "application/json")


def test_what_is_exported_comes_in_again_elsewhere(ellen: Client, policy: PolicyVersion, here: World) -> None:
    raw = body_of(ellen.get(f"/policies/{policy.pk}/export.tar"))
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        assert f"starter-1/{WEIGHTS}" in tar.getnames()
    [entry] = AuditEntry.objects.filter(act="policy_exported", subject=policy.pk)
    assert (entry.actor, entry.detail["sha256"]) == ("Ellen", policy.sha256)

    there = send(signed_in(here.otto), raw, "from the lab")

    assert there.status_code == 200
    assert (there.json()["shown"], there.json()["sha256"]) == ("from the lab 1", policy.sha256)
    assert not PolicyImport.objects.exists()
    assert not any(imports.Path(policy.folder.parent / "incoming").iterdir())


def test_weights_are_not_for_everybody_who_sees_a_policy(policy: PolicyVersion, here: World) -> None:
    vera = signed_in(here.vera)
    assert vera.get(f"/api/policies/{policy.pk}").json()["export_url"] == ""
    answer = vera.get(f"/policies/{policy.pk}/export.tar")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert "Weights" in answer.json()["sentence"]
    assert not AuditEntry.objects.filter(act="policy_exported").exists()


def test_a_policy_that_lost_a_file_is_not_exported_in_part(ellen: Client, policy: PolicyVersion) -> None:
    (policy.folder / WEIGHTS).unlink()
    answer = ellen.get(f"/policies/{policy.pk}/export.tar")
    assert answer.json()["code"] == "policy_missing" and WEIGHTS in answer.json()["sentence"]


def test_a_checkpoint_of_somebody_elses_goes_out_and_comes_in_again(
    ellen: Client, learn: Lesson, here: World, tmp_path: Path
) -> None:
    """Also with a file whose name takes more than one block of an archive."""
    folder = speaker(tmp_path / "speaker")
    deep = folder / sealed.CHECKPOINT / "more" / f"{'long' * 30}.json"
    deep.parent.mkdir()
    deep.write_text("{}")
    card = sealed.seal(folder, Card(kind="discrete", name="speaker", parameters=0))
    policy = registry.bring(folder, learn.version.dataset.organisation, learn.ellen)

    answer = ellen.get(f"/policies/{policy.pk}/export.tar")
    raw = body_of(answer)
    there = send(signed_in(here.otto), raw)

    assert int(answer["Content-Length"]) == len(raw)
    assert there.status_code == 200, there.json()
    brought = PolicyVersion.objects.get(pk=there.json()["id"])
    assert (brought.sha256, set(brought.card["files"])) == (policy.sha256, set(card.files))


def test_a_piece_out_of_order_or_changed_on_its_way_is_asked_for_again(ellen: Client) -> None:
    coming = ellen.post("/api/policy-imports", {"bytes": 100}, "application/json").json()
    address = f"/api/policy-imports/{coming['id']}/pieces?offset="
    good = {"X-Piece-SHA256": hashlib.sha256(b"abc").hexdigest()}
    ahead = ellen.put(address + "50", b"abc", "application/octet-stream", headers=good)
    assert (ahead.json()["code"], ahead.json()["detail"]["offset"]) == ("wrong_offset", 0)
    assert ellen.put(address + "0", b"abd", "application/octet-stream", headers=good).json()["code"] == "wrong_hash"
    assert ellen.put(address + "0", b"abc", "application/octet-stream", headers=good).json()["offset"] == 3
    more = {"X-Piece-SHA256": hashlib.sha256(b"x" * 98).hexdigest()}
    assert ellen.put(address + "3", b"x" * 98, "application/octet-stream", headers=more).json()["code"] == "policy_size"
    assert ellen.post(f"/api/policy-imports/{coming['id']}/complete", {}, "application/json").json()["code"] == "incomplete"
    assert not PolicyVersion.objects.exists()


def test_an_import_that_nobody_goes_on_with_goes(ellen: Client) -> None:
    coming = ellen.post("/api/policy-imports", {"bytes": 100}, "application/json").json()
    PolicyImport.objects.update(made_at=timezone.now() - imports.KEPT * 2)
    imports.sweep()
    assert not PolicyImport.objects.filter(pk=coming["id"]).exists()


def test_a_policy_is_seen_at_every_site_and_changed_for_the_whole_organisation_alone(here: World, policy: PolicyVersion) -> None:
    local = Person.objects.create_user("local", password="secret")
    Membership.objects.create(person=local, organisation=here.site.organisation, site=here.site, role="engineer")
    client = signed_in(local)
    assert client.get(f"/api/policies/{policy.pk}").json()["may_change"] is False
    answer = client.patch(f"/api/policies/{policy.pk}", {"version": 1, "stage": "production"}, "application/json")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert client.post("/api/policy-imports", {"bytes": 10}, "application/json").status_code == 403
