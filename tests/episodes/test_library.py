"""Finding episodes by any filter, page by page; what they add up to; labelling many and taking it back."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from django.core.cache import cache
from django.test import Client

from episodes import filters, jobs, occurring, storage
from episodes.data.gist import HEIGHT, MAKE, PICTURES, WIDTH, read_gist
from episodes.models import Campaign, Episode, EpisodePerson, EpisodeTag, Review, SavedFilter
from episodes.services import episodes as episode_services
from episodes.services import gists
from fleet.models import AuditEntry, Membership, Robot, Site
from protocol.errors import Refused
from tests.episodes.rig import World, body_of, received, recorded, signed_in

#: a place in the list that no date stands for once it is turned to UTC
OUT_OF_TIME = base64.urlsafe_b64encode(b'["0001-01-01T00:00:00+14:00","x"]').decode().rstrip("=")

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def forgetful() -> None:
    """Answers that another test's sites were given are not kept for this one's."""
    cache.clear()


@pytest.fixture
def seen(here: World, tmp_path: Path) -> Client:
    """Mina reviews here; six episodes, a day apart, the newest last."""
    Membership.objects.create(person=here.mina, organisation=here.site.organisation, role="reviewer")
    texts = ["Lift the cube", "Lift the ball", "Wipe the Mat", "Stack trays", "Lift the cube", "Push the cup"]
    for number, text in enumerate(texts):
        episode = received(recorded(tmp_path / str(number), here.robot.pk, 6 + number, text), here.robot, checked=False)
        Episode.objects.filter(pk=episode.pk).update(
            started_at=datetime(2026, 3, 1 + number, 12, tzinfo=UTC), status="ready", seconds=10.0 - number
        )
    return signed_in(here.mina)


def numbers(client: Client, query: str) -> list[int]:
    response = client.get(f"/api/library?{query}")
    assert response.status_code == 200, response.content
    return [row["number"] for row in response.json()["items"]]


def change(number: int, person: Any, **values: Any) -> None:
    episode = Episode.objects.get(number=number)
    episode_services.change(episode, episode.version, values, person)


def test_each_filter_finds_what_it_names(here: World, seen: Client) -> None:
    change(2, here.mina, outcome="failure", failure="dropped", quality=2, tags=["slip"])
    Episode.objects.filter(number=3).update(finding_codes="|black|frozen|", mix="operator+policy", task="wipe")
    assert numbers(seen, "") == [6, 5, 4, 3, 2, 1]
    assert numbers(seen, "search=lift") == [5, 2, 1]
    assert numbers(seen, "search=mat WIPE") == [3]
    assert numbers(seen, "search=kestrel") == numbers(seen, "search=mina") == [6, 5, 4, 3, 2, 1]
    assert numbers(seen, f"robot={here.robot.pk}&site={here.site.pk}&person=p1") == [6, 5, 4, 3, 2, 1]
    assert numbers(seen, f"robot={here.other_robot.pk}") == numbers(seen, "person=nobody") == []
    assert numbers(seen, "outcome=failure") == numbers(seen, "failure=dropped") == [2]
    assert numbers(seen, "outcome=failure&outcome=success") == [6, 5, 4, 3, 2, 1]
    assert numbers(seen, "quality=2") == numbers(seen, "tag=slip") == numbers(seen, "reviewed=yes") == [2]
    assert numbers(seen, "quality=none&reviewed=no") == [6, 5, 4, 3, 1]
    assert numbers(seen, "finding=frozen") == numbers(seen, "mix=operator%2Bpolicy") == numbers(seen, "task=wipe") == [3]
    assert numbers(seen, "finding=froz") == []
    lifts = Campaign.objects.create(organisation=here.site.organisation, site=here.site, name="Lifts", state="open")
    Episode.objects.filter(number__in=(2, 5)).update(campaign=lifts)
    assert numbers(seen, f"campaign={lifts.pk}") == [5, 2]
    offered = seen.get("/api/library/choices").json()
    assert offered["campaigns"] == [{"id": lifts.pk, "name": "Lifts"}]
    assert {name: offered[name] for name in ("tasks", "failures", "mixes", "findings")} == {
        "tasks": ["wipe"], "failures": ["dropped"], "mixes": ["operator+policy"], "findings": ["black", "frozen"],
    }  # fmt: skip
    assert numbers(seen, "since=2026-03-02&until=2026-03-03") == [3, 2]
    assert numbers(seen, "instruction=Lift+the+cube") == [5, 1]
    episode_services.remove(Episode.objects.get(number=4), 1, here.mina)
    assert numbers(seen, "removed=yes") == [4]
    assert 4 not in numbers(seen, "")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("colour=red", "unknown_field:colour"),
        ("outcome=maybe", "invalid_field:outcome"),
        ("quality=9", "invalid_field:quality"),
        ("since=yesterday", "invalid_field:since"),
        ("since=0001-01-01", "invalid_field:since"),
        ("until=9999-12-31", "invalid_field:until"),
        (f"after={OUT_OF_TIME}", "invalid_field:after"),
        ("dataset=' OR 1=1", "invalid_field:dataset"),
        ("after=%00", "invalid_field:after"),
        ("after=nowhere", "invalid_field:after"),
        ("size=0", "invalid_field:size"),
        ("sort=best", "invalid_field:sort"),
        ("search=a%E2%80%AEb", "invalid_field:search"),
    ],
)
def test_a_filter_that_cannot_be_is_refused_by_name(seen: Client, query: str, code: str) -> None:
    response = seen.get(f"/api/library?{query}")
    assert (response.status_code, response.json()["code"]) == (400, code)


def test_equal_filters_have_one_text() -> None:
    found = filters.read("tag=b&outcome=failure&search=&tag=a")
    assert filters.text(found) == "outcome=failure&tag=b&tag=a"
    assert filters.read(filters.text(found)) == found
    assert filters.text(filters.read("")) == ""


@pytest.mark.parametrize("sort", ["newest", "oldest", "longest", "shortest"])
def test_pages_join_without_a_gap_or_a_double(seen: Client, sort: str) -> None:
    whole = numbers(seen, f"sort={sort}")
    found: list[int] = []
    after = ""
    for _ in range(4):
        page = seen.get(f"/api/library?sort={sort}&size=2&after={after}").json()
        found += [row["number"] for row in page["items"]]
        after = page["next"]
        if not after:
            break
    assert found == whole
    assert whole in ([6, 5, 4, 3, 2, 1], [1, 2, 3, 4, 5, 6])


def test_two_at_the_same_time_are_both_shown(seen: Client) -> None:
    Episode.objects.update(started_at=datetime(2026, 3, 1, tzinfo=UTC))
    first = seen.get("/api/library?size=4").json()
    rest = seen.get(f"/api/library?size=4&after={first['next']}").json()
    assert len({row["number"] for row in first["items"] + rest["items"]}) == 6


def test_counts_and_groups_make_sense_of_what_matches(here: World, seen: Client) -> None:
    change(1, here.mina, outcome="failure")
    counted = seen.get("/api/library/counts?search=lift").json()
    assert counted == {
        "episodes": 3, "seconds": 25.0, "reviewed": 1, "outcomes": {"success": 2, "failure": 1, "unlabelled": 0},
    }  # fmt: skip
    tasks = seen.get("/api/library/groups?by=task&search=lift").json()
    assert tasks[0] == {
        "value": "Lift the cube", "label": "Lift the cube", "episodes": 2, "success": 1, "failure": 1, "seconds": 16.0,
    }  # fmt: skip
    (person,) = seen.get("/api/library/groups?by=person").json()
    assert (person["label"], person["episodes"], person["value"]) == ("Mina", 6, "p1")
    offered = seen.get("/api/library/choices").json()
    assert [robot["name"] for robot in offered["robots"]] == ["kestrel-1"]
    assert (offered["may_label"], offered["may_curate"]) == (True, True)


def test_others_see_none_of_it(here: World, seen: Client) -> None:
    other = signed_in(here.otto)
    assert numbers(other, "") == []
    assert other.get("/api/library/counts").json()["episodes"] == 0
    assert other.get("/api/library/groups?by=person").json() == []
    assert not {robot["name"] for robot in other.get("/api/library/choices").json()["robots"]} & {"kestrel-1"}
    id = Episode.objects.get(number=1).pk
    assert other.post("/api/library/label", {"ids": [id], "outcome": "failure"}, "application/json").status_code == 404
    assert (
        signed_in(here.vera).post("/api/library/label", {"ids": [id], "outcome": "failure"}, "application/json").status_code
        == 403
    )


def test_a_role_at_one_site_shows_that_site(here: World, seen: Client) -> None:
    east = Site.objects.create(organisation=here.site.organisation, name="East")
    robot = Robot.objects.create(site=east, name="wren-1", public_key="wren")
    Episode.objects.filter(number=2).update(site=east, robot=robot)
    Membership.objects.filter(person=here.vera).update(site=east)
    assert numbers(signed_in(here.vera), "") == [2]


def test_many_are_labelled_and_it_is_undone(here: World, seen: Client) -> None:
    ids = {episode.number: episode.pk for episode in Episode.objects.all()}
    change(2, here.mina, outcome="failure", failure="slip", tags=["old"])
    body = {
        "ids": [ids[1], ids[2], ids[3]],
        "outcome": "failure",
        "failure": "dropped",
        "add_tags": ["seen"],
        "remove_tags": ["old"],
    }
    done = seen.post("/api/library/label", body, "application/json").json()
    assert (sorted(done["changed"]), done["skipped"]) == (sorted(ids[n] for n in (1, 2, 3)), [])
    assert numbers(seen, "failure=dropped&tag=seen") == [3, 2, 1]
    change(3, here.mina, quality=5)
    undone = seen.post("/api/library/undo", {"undo": done["undo"]}, "application/json").json()
    assert sorted(undone["changed"]) == sorted([ids[1], ids[2]])
    assert "changed again" in undone["skipped"][0]["sentence"]
    assert Episode.objects.get(number=1).outcome == "success"
    second = Episode.objects.get(number=2)
    assert (second.outcome, second.failure, second.tags) == ("failure", "slip", ["old"])
    assert set(EpisodeTag.objects.values_list("episode_id", "tag")) == {(ids[2], "old"), (ids[3], "seen")}
    again = seen.post("/api/library/undo", {"undo": done["undo"]}, "application/json")
    assert (again.status_code, again.json()["code"]) == (409, "already_undone")
    acts = list(AuditEntry.objects.filter(act__startswith="episodes_label").values_list("act", flat=True))
    assert acts == ["episodes_labels_undone", "episodes_labelled"]


def test_undoing_many_leaves_reviewed_only_what_was(here: World, seen: Client) -> None:
    """The first was the robot's word, the second mine, the third another's, the fourth mine and taken away by the change."""
    ids = {episode.number: episode.pk for episode in Episode.objects.all()}
    change(2, here.mina, outcome="failure", failure="slip", quality=2)
    change(3, here.vera, outcome="success")
    change(4, here.mina, outcome="success", flagged=True)
    asked = {"ids": [ids[n] for n in (1, 2, 3)], "outcome": "failure", "failure": "dropped"}

    def standing() -> tuple[list[Any], list[Any]]:
        kept = Episode.objects.order_by("number").values_list("outcome", "failure", "quality", "reviewed_at", "reviewed_by")
        said = Review.objects.order_by("episode__number", "person")
        return list(kept), list(said.values_list("episode", "person", "outcome", "failure", "quality", "at", "blind"))

    before = standing()
    for body in (asked, {"ids": [ids[4]], "outcome": "unlabelled"}):
        done = seen.post("/api/library/label", body, "application/json").json()
        assert len(done["changed"]) == len(body["ids"])
        assert standing() != before
        undone = seen.post("/api/library/undo", {"undo": done["undo"]}, "application/json").json()
        assert (len(undone["changed"]), undone["skipped"]) == (len(body["ids"]), [])
        assert standing() == before


def test_what_one_episode_refuses_leaves_the_others_alone(here: World, seen: Client) -> None:
    ids = list(Episode.objects.order_by("number").values_list("pk", flat=True))
    change(1, here.mina, outcome="failure", failure="slip")
    body = {"ids": ids[:2], "failure": "never heard of"}
    answer = seen.post("/api/library/label", body, "application/json").json()
    assert (answer["changed"], len(answer["skipped"]), answer["undo"]) == ([], 2, "")
    nothing = seen.post("/api/library/label", {"ids": ids[:1]}, "application/json")
    assert nothing.json()["code"] == "nothing_to_change"
    odd = seen.post("/api/library/label", {"ids": ["x"], "outcome": "failure"}, "application/json")
    assert odd.status_code == 400


def test_a_filter_is_kept_under_a_name_by_its_person(here: World, seen: Client) -> None:
    body = {"name": "My  failures", "query": "tag=b&outcome=failure"}
    (saved,) = seen.post("/api/library/filters", body, "application/json").json()
    assert (saved["name"], saved["query"]) == ("My failures", "outcome=failure&tag=b")
    (again,) = seen.post("/api/library/filters", {"name": "My failures", "query": ""}, "application/json").json()
    assert (again["id"], again["query"]) == (saved["id"], "")
    assert signed_in(here.otto).get("/api/library/filters").json() == []
    assert signed_in(here.otto).delete(f"/api/library/filters/{saved['id']}").status_code == 404
    refused = seen.post("/api/library/filters", {"name": "odd", "query": "colour=red"}, "application/json")
    assert refused.json()["code"] == "unknown_field:colour"
    assert seen.delete(f"/api/library/filters/{saved['id']}").json() == []
    assert not SavedFilter.objects.exists()


def test_a_checked_episode_has_a_strip_of_small_pictures(here: World, tmp_path: Path) -> None:
    episode = received(recorded(tmp_path / "robot", here.robot.pk, 40), here.robot)
    client = signed_in(here.mina)
    (row,) = client.get("/api/library").json()["items"]
    picture = cv2.imdecode(np.frombuffer(body_of(client.get(row["strip"])), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None and picture.shape == (HEIGHT, WIDTH * PICTURES, 3)
    gist = read_gist(storage.derived(episode.pk) / storage.GIST)
    assert gist is not None and set(gist.cameras) == {"scene", "wrist"}
    Episode.objects.update(gist=0)
    (storage.derived(episode.pk) / storage.STRIP).unlink()
    assert client.get("/api/library").json()["items"][0]["strip"] == ""
    jobs.reconcile()
    assert (storage.derived(episode.pk) / storage.STRIP).exists()


def test_what_cannot_be_drawn_is_tried_once_for_each_check(here: World, tmp_path: Path, caplog: Any) -> None:
    broken = received(recorded(tmp_path / "robot", here.robot.pk, 40), here.robot)
    whole = received(recorded(tmp_path / "robot", here.robot.pk, 40), here.robot)
    Episode.objects.update(gist=0)
    video = storage.folder(broken.pk) / "video" / "scene.mp4"
    video.chmod(0o600)
    video.write_bytes(b"no video")
    assert gists.draw_missing(20) == 1
    caplog.clear()
    assert gists.draw_missing(20) == 0
    assert "has no strip" not in caplog.text
    broken.refresh_from_db()
    whole.refresh_from_db()
    assert (broken.gist, broken.gist_failed, whole.gist, whole.gist_failed) == (0, MAKE, MAKE, 0)


def test_values_that_occur_are_found_for_the_sites_that_are_asked_for(here: World, seen: Client, tmp_path: Path) -> None:
    change(1, here.mina, tags=["slip", "Bench A"])
    elsewhere = received(recorded(tmp_path / "far", here.other_robot.pk, 5), here.other_robot, checked=False)
    EpisodeTag.objects.create(episode=elsewhere, tag="far")
    mine = [here.site.pk]
    assert occurring.values(EpisodeTag, "tag") == sorted(["Bench A", "far", "slip"])
    assert occurring.values(EpisodeTag, "tag", mine) == ["Bench A", "slip"]
    assert occurring.values(EpisodeTag, "tag", []) == []
    assert occurring.labels(EpisodePerson, "uid", "name", mine) == {"p1": "Mina"}
    assert seen.get("/api/library/choices").json()["tags"] == ["Bench A", "slip"]


def test_a_cursor_of_another_order_is_refused() -> None:
    from episodes.reading import library

    with pytest.raises(Refused):
        library.page(Episode.objects.all(), "longest", "WyJ4IiwieSJd", 5)
