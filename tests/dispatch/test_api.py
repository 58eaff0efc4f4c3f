"""What pages are told of tasks, runs and help.  Who may ask what stands in the matrix."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import Client

from dispatch import clips, newest, places, traces, waiting
from dispatch.models import HelpRequest, Run
from fleet import relay
from fleet.access import access
from fleet.models import Membership, Organisation, Person
from policies.serving import recent
from protocol.runs import RunReport
from tests.dispatch.rig import SENTENCE, make_policy, row_of
from tests.fleet.conftest import Lab
from tests.fleet.rig import state

pytestmark = pytest.mark.django_db(transaction=True)


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client


def post(client: Client, path: str, **body: Any) -> Any:
    return client.post(f"/api/{path}", json.dumps(body), content_type="application/json")


def connected(lab: Lab, **fields: Any) -> None:
    update = relay.Update(robot=lab.robot.pk, state=state(nonce="n-1", **fields))
    async_to_sync(relay.keep_state)(lab.robot.pk, update)


def report(run: Run, n: int, **fields: Any) -> bytes:
    raw = traces.line(RunReport(run=run.pk, fence=run.fence, n=n, time_ns=n, phase="moving", **fields))
    traces.append(places.trace(run.pk), raw)
    async_to_sync(newest.keep)(run.pk, raw)
    return raw


def test_a_sentence_is_checked_while_it_is_written(lab: Lab) -> None:
    client, policy = signed_in(lab.people["operator"]), make_policy(lab.organisation)
    good = post(client, "tasks/check", sentence=SENTENCE, policy=policy.pk).json()
    assert (good["skill"], good["target"], good["refusal"]) == ("lift", "red cube", None)
    assert [SENTENCE[one["first"] : one["last"]] for one in good["parts"]] == ["Pick up", "red cube"]
    bad = post(client, "tasks/check", sentence="Lift the green cube", policy=policy.pk).json()["refusal"]
    assert (bad["code"], bad["candidates"]) == ("unknown_object", ["blue cube", "red cube"])
    hidden = post(client, "tasks/check", sentence="Lift the \u200bred cube", policy=policy.pk)
    assert hidden.status_code == 400


def test_a_policy_of_another_organisation_is_neither_asked_nor_run(lab: Lab) -> None:
    """Nor by somebody who belongs to both."""
    there = Organisation.objects.create(name="elsewhere")
    policy, operator = make_policy(there), lab.people["operator"]
    client, wanted = signed_in(operator), {"sentence": SENTENCE, "policy": policy.pk}
    connected(lab)
    assert client.get("/api/tasks/choices").json()["policies"] == []
    for path, body in (("tasks/check", wanted), ("tasks", {**wanted, "robot": lab.robot.pk})):
        assert post(client, path, **body).status_code == 404, path
    Membership.objects.create(person=operator, organisation=there, role="operator")
    assert post(client, "tasks/check", **wanted).status_code == 200
    assert post(client, "tasks", **wanted, robot=lab.robot.pk).json()["code"] == "policy_unknown"
    assert not Run.objects.exists()


def test_choices_say_what_stands_in_the_way(lab: Lab) -> None:
    client = signed_in(lab.people["operator"])
    make_policy(lab.organisation)
    make_policy(lab.organisation, skills=[])
    make_policy(lab.organisation, stage="retired")
    found = client.get("/api/tasks/choices").json()
    assert [(one["name"], bool(one["why_not"])) for one in found["policies"]] == [("starter 2", True), ("starter 1", False)]
    assert found["robots"][0]["why_not"] == "It is not connected. Check its power and network."
    connected(lab)
    assert client.get("/api/tasks/choices").json()["robots"][0]["why_not"] == ""
    connected(lab, stops=("x",))
    assert "remote stop" in client.get("/api/tasks/choices").json()["robots"][0]["why_not"]
    looking = signed_in(lab.people["viewer"]).get("/api/tasks/choices").json()
    assert looking["robots"][0]["why_not"].startswith("Your role")


def test_a_task_is_started_listed_and_found_by_its_robot(lab: Lab) -> None:
    client, policy = signed_in(lab.people["dispatcher"]), make_policy(lab.organisation)
    connected(lab)
    run = post(client, "tasks", sentence=SENTENCE, robot=lab.robot.pk, policy=policy.pk).json()
    assert (run["phase"], run["order"], run["waits"]) == ("ordered", "start", "Waiting for kestrel-1 to take the order.")
    assert run["cameras"] == {"main": [288, 216]}
    (task,) = client.get("/api/tasks").json()["items"]
    assert (task["sentence"], task["state"], task["runs"][0]["id"]) == (SENTENCE, "running", run["id"])
    assert client.get(f"/api/robots/{lab.robot.pk}/run").json()["id"] == run["id"]
    assert client.get("/api/tasks?state=done").json()["items"] == []
    assert client.get(f"/api/tasks?before={task['made_at'].replace('+', '%2B')}").json()["items"] == []
    again = post(client, "tasks", sentence=SENTENCE, robot=lab.robot.pk, policy=policy.pk)
    assert (again.status_code, again.json()["code"]) == (409, "robot_busy")


def test_a_page_that_follows_a_run_is_told_only_what_is_new(lab: Lab) -> None:
    client, run = signed_in(lab.people["viewer"]), row_of(lab, lab.people["operator"], phase="moving")
    access.forget()
    report(run, 0, doubt=0.1)
    report(run, 1, doubt=0.2)
    live = client.get(f"/api/runs/{run.pk}/live")
    assert (live.json()["online"], live.json()["line"]["n"]) == (False, 1)
    assert client.get(f"/api/runs/{run.pk}/live", headers={"If-None-Match": live["ETag"]}).status_code == 304
    report(run, 2)
    assert client.get(f"/api/runs/{run.pk}/live", headers={"If-None-Match": live["ETag"]}).json()["line"]["n"] == 2
    first = client.get(f"/api/runs/{run.pk}/trace")
    assert [json.loads(one)["n"] for one in first.content.splitlines()] == [0, 1, 2]
    rest = client.get(f"/api/runs/{run.pk}/trace?at={first['X-Next']}")
    assert rest.content == b"" and rest["X-Next"] == first["X-Next"]


def test_the_picture_is_what_the_policy_saw_or_else_the_robots_own(lab: Lab) -> None:
    import time

    client, run = signed_in(lab.people["viewer"]), row_of(lab, lab.people["operator"], phase="moving")
    access.forget()
    path = f"/api/runs/{run.pk}/picture.jpg?camera=main"
    assert client.get(path).status_code == 404
    async_to_sync(relay.keep_snapshot)(lab.robot.pk, 0, b"snapshot")
    own = client.get(path)
    assert (own.content, own["X-Shown"]) == (b"snapshot", "snapshot")

    async def keep(when_ns: int) -> None:
        await relay.client().rpush(recent.places().recent(lab.robot.pk), recent.encode(when_ns, {"main": b"seen"}))  # type: ignore[misc]

    async_to_sync(keep)(time.time_ns())
    seen = client.get(path)
    assert (seen.content, seen["X-Shown"]) == (b"seen", "policy")
    assert client.get(path, headers={"If-None-Match": seen["ETag"]}).status_code == 304
    assert [one[1] for one in async_to_sync(clips.recent)(lab.robot.pk)] == [{"main": b"seen"}]


def test_the_queue_is_ordered_by_why_and_how_long(lab: Lab) -> None:
    from datetime import timedelta

    from django.utils import timezone

    client, now = signed_in(lab.people["operator"]), timezone.now()
    waits = (("no_progress", 40, "ended"), ("doubt", 30, "ended"), ("doubt", 5, "holding"))
    for reason, seconds, phase in waits:
        run = row_of(lab, lab.people["operator"], phase=phase)
        HelpRequest.objects.create(run=run, site=lab.site, reason=reason, opened_at=now - timedelta(seconds=seconds))
    rows = client.get("/api/help").json()["open"]
    assert [(one["reason"], round(one["waiting_s"])) for one in rows] == [("doubt", 30), ("no_progress", 40), ("doubt", 5)]
    waiting.waiting.forget()
    access.forget()
    told = client.get("/api/help/waiting").json()
    assert told["count"] == 3 and {one["robot"] for one in told["robots"]} == {lab.robot.pk}
    assert signed_in(lab.outsider).get("/api/help/waiting").json() == {"count": 0, "robots": []}
    taken = post(client, f"help/{rows[0]['id']}/take", version=rows[0]["version"]).json()
    assert (taken["state"], taken["mine"]) == ("taken", True)
    assert [one["id"] for one in client.get("/api/help").json()["open"]][-1] == rows[0]["id"]
    kept = post(client, f"help/{rows[0]['id']}/verdict", needless=True).json()
    assert kept["needless"] is True and kept["candidates"] == ["blue cube", "red cube"]


def test_pictures_of_a_request_go_a_week_after_its_end(lab: Lab) -> None:
    from datetime import timedelta

    from django.utils import timezone

    from dispatch.services import help as helping

    for days in (1, 8):
        run = row_of(lab, lab.people["operator"], phase="ended")
        closed = timezone.now() - timedelta(days=days)
        request = HelpRequest.objects.create(run=run, site=lab.site, reason="doubt", state="ended", pictures=1, closed_at=closed)
        clips.write(places.clip(run.pk, request.pk), [(1, {"main": b"x"})])
    assert helping.forget_clips() == 1
    assert sorted(HelpRequest.objects.values_list("pictures", flat=True)) == [0, 1]
    left = [one for one in HelpRequest.objects.all() if places.clip(one.run_id, one.pk).exists()]
    assert [one.pictures for one in left] == [1]
