"""What people may write on an episode: each label kept as it should be, each one that cannot be is refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from episodes.models import Episode
from tests.episodes.rig import World, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(here: World) -> Client:
    return signed_in(here.mina)


def patch(client: Client, episode: Episode, **values: Any) -> Any:
    episode.refresh_from_db()
    return client.patch(f"/api/episodes/{episode.pk}", {"version": episode.version, **values}, "application/json")


def test_every_label_is_kept_and_read_again(client: Client, episode: Episode) -> None:
    wanted = {
        "quality": 4, "tags": ["slip", "bench A"], "trim_first": 3, "trim_last": 30, "comment": "Two\nlines", "flagged": True,
    }  # fmt: skip
    answer = patch(client, episode, **wanted)
    assert answer.status_code == 200
    read = client.get(f"/api/episodes/{episode.pk}").json()
    assert {name: read[name] for name in wanted} == wanted
    assert read["outcome"] == "success"  # what was not sent stays
    (row,) = client.get("/api/episodes").json()["items"]
    assert (row["quality"], row["tags"], row["reviewed"]) == (4, ["slip", "bench A"], True)


def test_null_takes_a_quality_and_a_trim_away(client: Client, episode: Episode) -> None:
    patch(client, episode, quality=2, trim_first=3, trim_last=30)
    answer = patch(client, episode, quality=None, trim_first=None, trim_last=None).json()
    assert (answer["quality"], answer["trim_first"], answer["trim_last"]) == (None, None, None)


def test_a_trim_at_the_ends_is_none(client: Client, episode: Episode) -> None:
    answer = patch(client, episode, trim_first=0, trim_last=39).json()
    assert (answer["trim_first"], answer["trim_last"]) == (None, None)


def test_tags_are_tidied_and_stand_once(client: Client, episode: Episode) -> None:
    assert patch(client, episode, tags=["  slip ", "Slip", "bench   A"]).json()["tags"] == ["slip", "bench A"]


def test_a_tag_or_comment_alone_is_no_review(client: Client, episode: Episode) -> None:
    assert not patch(client, episode, tags=["slip"], comment="look").json()["reviewed"]
    assert patch(client, episode, outcome="success").json()["reviewed"]


def test_a_kind_of_failure_goes_with_the_outcome(client: Client, episode: Episode) -> None:
    failed = patch(client, episode, failure="dropped").json()
    assert (failed["outcome"], failed["failure"]) == ("failure", "dropped")
    after = patch(client, episode, outcome="success").json()
    assert (after["outcome"], after["failure"]) == ("success", "")


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("quality", {"quality": 0}),
        ("quality", {"quality": 6}),
        ("quality", {"quality": 3.5}),
        ("outcome", {"outcome": None}),
        ("instruction", {"instruction": None}),
        ("tags", {"tags": None}),
        ("tags", {"tags": [""]}),
        ("tags", {"tags": ["a,b"]}),
        ("tags", {"tags": [str(n) for n in range(21)]}),
        ("comment", {"comment": "x" * 2001}),
        ("failure", {"failure": "dropped", "outcome": "success"}),
        ("trim_first", {"trim_first": 40}),
        ("trim_first", {"trim_first": 20, "trim_last": 10}),
        ("trim_last", {"trim_last": 40}),
        ("trim_first", {"trim_first": -1}),
        ("trim_last", {"trim_last": 2**31}),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name_and_nothing_changes(
    client: Client, episode: Episode, field: str, values: dict[str, Any]
) -> None:
    answer = patch(client, episode, **values)
    assert answer.status_code == 400
    assert answer.json()["code"].startswith("invalid_field:")
    assert field in answer.json()["code"] or field in answer.json()["sentence"] or field == "tags"
    before = episode.version
    episode.refresh_from_db()
    assert (episode.version, episode.outcome) == (before, "success")
