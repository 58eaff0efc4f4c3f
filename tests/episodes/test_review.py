"""Second looks without seeing the first, agreement, kinds of failure, marks, instructions, what is next to review."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from episodes.data.agreement import agreement
from episodes.models import FAILURES, Episode
from fleet.models import AuditEntry, Membership, Person
from tests.episodes.rig import World, received, recorded, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def priya(here: World) -> Client:
    return signed_in(colleague(here, "priya", "reviewer"))


def colleague(here: World, name: str, role: str) -> Person:
    person = Person.objects.create_user(name, password="secret", first_name=name.title())
    Membership.objects.create(person=person, organisation=here.site.organisation, role=role)
    return person


def one_a_minute(here: World, tmp_path: Path, words: list[str], checked: bool = True) -> list[Episode]:
    """Episodes with these instructions, each recorded a minute after the one before it."""
    made = []
    for minute, text in enumerate(words):
        episode = received(recorded(tmp_path / str(minute), here.robot.pk, 5, text), here.robot, checked)
        Episode.objects.filter(pk=episode.pk).update(started_at=episode.started_at + timedelta(minutes=minute))
        made.append(episode)
    return made


def ask(client: Client, method: str, address: str, **body: Any) -> Any:
    return getattr(client, method)(f"/api/{address}", body, "application/json")


def patch(client: Client, episode: Episode, **values: Any) -> Any:
    episode.refresh_from_db()
    return ask(client, "patch", f"episodes/{episode.pk}", version=episode.version, **values)


def look(client: Client, episode: Episode, **label: Any) -> Any:
    episode.refresh_from_db()
    return ask(client, "post", f"episodes/{episode.pk}/reviews", version=episode.version, **label)


# -- the second look ---------------------------------------------------------------------------------------------------


def test_the_second_reviewer_does_not_see_the_first_label(mina: Client, priya: Client, episode: Episode) -> None:
    patch(mina, episode, outcome="failure", failure="dropped", quality=2, comment="It fell", flagged=True)
    seen = priya.get(f"/api/episodes/{episode.pk}").json()
    assert seen["second_look"]
    assert (seen["outcome"], seen["failure"], seen["quality"], seen["comment"]) == ("unlabelled", "", None, "")
    (row,) = priya.get("/api/episodes").json()["items"]
    assert (row["outcome"], row["second_look"]) == ("unlabelled", True)
    reviews = priya.get(f"/api/episodes/{episode.pk}/reviews").json()
    assert (reviews["asked_by"], reviews["reviews"]) == ("Mina", [])
    own = mina.get(f"/api/episodes/{episode.pk}").json()
    assert (own["outcome"], own["second_look"]) == ("failure", False)


def test_both_labels_are_shown_once_the_second_is_given(mina: Client, priya: Client, episode: Episode) -> None:
    patch(mina, episode, outcome="failure", failure="dropped", flagged=True)
    answer = look(priya, episode, outcome="success", quality=3).json()
    assert (answer["outcome"], answer["second_look"], answer["flagged"]) == ("failure", False, False)
    reviews = mina.get(f"/api/episodes/{episode.pk}/reviews").json()["reviews"]
    assert [(one["person"], one["outcome"], one["blind"], one["me"]) for one in reviews] == [
        ("Mina", "failure", False, True),
        ("Priya", "success", True, False),
    ]


def test_settling_a_difference_leaves_what_each_had_said(mina: Client, priya: Client, episode: Episode) -> None:
    patch(mina, episode, outcome="failure", flagged=True)
    look(priya, episode, outcome="success")
    assert patch(mina, episode, outcome="success").json()["outcome"] == "success"
    (with_priya,) = mina.get(f"/api/episodes/{episode.pk}/reviews").json()["agreements"]
    assert with_priya == {"person": "Priya", "agreed": 0, "both": 1, "kappa": 0.0}


def test_a_label_cannot_be_changed_unseen_nor_a_second_one_be_given_unasked(
    mina: Client, priya: Client, episode: Episode
) -> None:
    unasked = look(priya, episode, outcome="success")
    assert (unasked.status_code, unasked.json()["code"]) == (409, "no_second_look")
    patch(mina, episode, outcome="success", flagged=True)
    for values in ({"outcome": "failure"}, {"quality": 1}, {"comment": "mine"}, {"failure": "dropped"}):
        refused = patch(priya, episode, **values)
        assert (refused.status_code, refused.json()["code"]) == (409, "second_look")
    assert patch(priya, episode, tags=["bench A"]).status_code == 200
    own = look(mina, episode, outcome="success")
    assert own.json()["code"] == "no_second_look"
    assert look(priya, episode, outcome="unlabelled").status_code == 400


def test_a_second_look_needs_a_first_label(mina: Client, episode: Episode) -> None:
    patch(mina, episode, outcome="unlabelled")
    refused = patch(mina, episode, flagged=True)
    assert (refused.status_code, refused.json()["code"]) == (400, "unlabelled")


def test_agreement_counts_only_labels_given_blind_after_the_other(here: World, tmp_path: Path) -> None:
    mina, priya = signed_in(here.mina), signed_in(colleague(here, "priya", "reviewer"))
    answers = [("success", "success"), ("failure", "failure"), ("success", "failure")]
    for number, (first, second) in enumerate(answers):
        episode = received(recorded(tmp_path / str(number), here.robot.pk, 5), here.robot)
        patch(mina, episode, outcome=first, flagged=True)
        look(priya, episode, outcome=second)
    seen = received(recorded(tmp_path / "seen", here.robot.pk, 5), here.robot)
    patch(mina, seen, outcome="success")
    patch(priya, seen, outcome="success")
    (mine,) = mina.get(f"/api/episodes/{seen.pk}/reviews").json()["agreements"]
    assert (mine["agreed"], mine["both"]) == (2, 3)
    assert mine["kappa"] == pytest.approx(0.4)


def test_kappa_is_what_cohen_defined() -> None:
    table = [("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15
    found = agreement(table)
    assert (found.agreed, found.both) == (35, 50)
    assert found.kappa == pytest.approx(0.4)  # p_o 0.7, p_e 0.5
    assert agreement([("yes", "yes")] * 3).kappa is None
    assert agreement([]).kappa is None


# -- what is next ------------------------------------------------------------------------------------------------------


def test_next_goes_through_all_that_nobody_reviewed_and_second_looks_last_asked(here: World, tmp_path: Path) -> None:
    mina, priya = signed_in(here.mina), signed_in(colleague(here, "priya", "reviewer"))
    old, middle, new = one_a_minute(here, tmp_path, ["Wipe the mat"] * 3)
    first = mina.get("/api/reviews/next").json()
    assert (first["id"], first["left"]) == (new.pk, 3)
    after = mina.get(f"/api/reviews/next?after={new.pk}").json()
    assert (after["id"], after["left"]) == (middle.pk, 2)
    assert mina.get(f"/api/reviews/next?after={old.pk}").json()["id"] == new.pk  # from the newest again
    for episode in (old, middle, new):
        patch(mina, episode, outcome="success")
    assert mina.get(f"/api/reviews/next?after={old.pk}").json() == {"url": "", "id": "", "left": 0}
    patch(mina, middle, flagged=True)
    assert mina.get("/api/reviews/next").json()["id"] == ""
    assert priya.get("/api/reviews/next").json()["id"] == middle.pk


def test_next_and_beside_stay_within_the_librarys_filter(here: World, tmp_path: Path) -> None:
    mina, words = signed_in(here.mina), ["Wipe the mat", "Stack the trays", "Wipe the tray", "Wipe the bench"]
    first, other, third, last = one_a_minute(here, tmp_path, words)
    assert mina.get(f"/api/reviews/next?after={last.pk}&search=wipe").json() == {
        "url": f"/episodes/{third.pk}/", "id": third.pk, "left": 2,
    }  # fmt: skip
    beside = mina.get(f"/api/episodes/{third.pk}/beside?search=wipe").json()
    assert beside == {"newer": last.pk, "older": first.pk, "after": ""}
    assert mina.get(f"/api/episodes/{other.pk}/beside?search=wipe").json()["older"] == first.pk  # though not among them
    assert mina.get(f"/api/episodes/{third.pk}/beside?sarch=wipe").json()["code"] == "unknown_field:sarch"


def test_a_list_can_begin_shortly_before_an_episode(here: World, tmp_path: Path) -> None:
    mina = signed_in(here.mina)
    episodes = one_a_minute(here, tmp_path, ["Wipe the mat"] * 13, checked=False)
    after = mina.get(f"/api/episodes/{episodes[0].pk}/beside").json()["after"]
    page = mina.get(f"/api/library?after={after}").json()["items"]
    assert [row["id"] for row in page].index(episodes[0].pk) == 10


def test_taking_a_label_back_makes_it_unreviewed_again(mina: Client, episode: Episode) -> None:
    assert patch(mina, episode, outcome="failure").json()["reviewed"]
    assert not patch(mina, episode, outcome="unlabelled").json()["reviewed"]
    assert not episode.reviews.exists()


def test_undoing_a_label_leaves_the_recorders_word_that_nobody_has_confirmed(mina: Client, episode: Episode) -> None:
    patch(mina, episode, outcome="failure", failure="dropped")
    undone = patch(mina, episode, outcome="success", failure="", reviewed=False).json()
    assert (undone["outcome"], undone["failure"], undone["reviewed"]) == ("success", "", False)
    assert not episode.reviews.exists()
    again = patch(mina, episode, reviewed=True).json()
    assert (again["outcome"], again["reviewed"]) == ("success", True)


# -- kinds of failure --------------------------------------------------------------------------------------------------


def kinds_address(here: World) -> str:
    return f"organisations/{here.site.organisation_id}/failure-kinds"


def test_only_kinds_of_the_organisation_can_be_chosen(mina: Client, episode: Episode) -> None:
    assert patch(mina, episode, failure=FAILURES[0]).status_code == 200
    refused = patch(mina, episode, failure="bad luck")
    assert refused.json()["code"] == "invalid_field:failure"
    assert FAILURES[0] in refused.json()["sentence"]


def test_a_renamed_kind_is_renamed_on_every_episode_also_when_two_change_places(
    here: World, mina: Client, priya: Client, episode: Episode
) -> None:
    patch(mina, episode, failure="dropped")
    kinds = [{"name": "slip", "was": "dropped"}, {"name": "dropped", "was": "slip"}, {"name": "spilled"}]
    answer = ask(priya, "put", kinds_address(here), version=0, kinds=kinds)
    assert answer.json() == {"kinds": ["slip", "dropped", "spilled"], "version": 1}
    read = mina.get(f"/api/episodes/{episode.pk}").json()
    assert (read["failure"], read["failures"]) == ("slip", ["slip", "dropped", "spilled"])
    assert AuditEntry.objects.filter(act="failure_kinds_changed", actor="Priya").exists()


def test_a_kind_left_out_stays_where_it_was_given(here: World, mina: Client, priya: Client, episode: Episode) -> None:
    patch(mina, episode, failure="dropped")
    ask(priya, "put", kinds_address(here), version=0, kinds=[{"name": "slip", "was": "slip"}])
    assert mina.get(f"/api/episodes/{episode.pk}").json()["failure"] == "dropped"
    assert patch(mina, episode, quality=3).status_code == 200


def test_kinds_are_changed_by_reviewers_and_administrators_who_saw_them_as_they_are(
    here: World, mina: Client, priya: Client
) -> None:
    address, kinds = kinds_address(here), [{"name": "slip"}]
    assert ask(mina, "put", address, version=0, kinds=kinds).status_code == 403
    assert ask(priya, "put", address, version=0, kinds=kinds).status_code == 200
    assert ask(priya, "put", address, version=0, kinds=kinds).json()["code"] == "stale_version"
    assert ask(signed_in(here.otto), "put", address, version=1, kinds=kinds).status_code == 404
    for bad in ([], [{"name": ""}], [{"name": "a"}, {"name": "A"}], [{"name": "x" * 41}]):
        assert ask(priya, "put", address, version=1, kinds=bad).status_code == 400
    assert mina.get(f"/api/{address}").json() == {"kinds": ["slip"], "version": 1}


# -- marks -------------------------------------------------------------------------------------------------------------

MARK = {"row": 7, "camera": "scene", "name": "red cube", "x": 0.2, "y": 0.3, "width": 0.1, "height": 0.2}


def test_marks_are_added_changed_and_removed(here: World, mina: Client, episode: Episode) -> None:
    address = f"episodes/{episode.pk}/marks"
    made = ask(mina, "post", address, **MARK).json()
    assert {name: made[name] for name in MARK} == MARK
    changed = ask(mina, "patch", f"{address}/{made['id']}", version=1, x=0.5)
    assert (changed.json()["x"], changed.json()["version"]) == (0.5, 2)
    stale = ask(mina, "patch", f"{address}/{made['id']}", version=1, x=0.6)
    assert stale.json()["code"] == "stale_version"
    assert [mark["name"] for mark in mina.get(f"/api/{address}").json()] == ["red cube"]
    assert mina.delete(f"/api/{address}/{made['id']}").status_code == 204
    assert mina.delete(f"/api/{address}/{made['id']}").status_code == 404
    acts = AuditEntry.objects.filter(subject=episode.pk, act__startswith="mark_").values_list("act", flat=True)
    assert sorted(acts) == ["mark_added", "mark_changed", "mark_removed"]


@pytest.mark.parametrize(
    "change",
    [{"row": 40}, {"camera": "roof"}, {"name": "  "}, {"x": -0.1}, {"x": 1.1}, {"x": 0.95}, {"width": "wide"}, {"row": 2**40}],
)
def test_a_mark_outside_the_episode_or_picture_is_refused(mina: Client, episode: Episode, change: dict[str, Any]) -> None:
    refused = ask(mina, "post", f"episodes/{episode.pk}/marks", **{**MARK, **change})
    assert refused.status_code == 400
    assert not episode.marks.exists()


def test_a_mark_of_another_episode_is_not_found(here: World, mina: Client, episode: Episode, tmp_path: Path) -> None:
    other = received(recorded(tmp_path / "other", here.robot.pk, 5), here.robot)
    mark = ask(mina, "post", f"episodes/{episode.pk}/marks", **MARK).json()["id"]
    assert ask(mina, "patch", f"episodes/{other.pk}/marks/{mark}", version=1, x=0.1).status_code == 404
    assert mina.delete(f"/api/episodes/{episode.pk}/marks/{2**70}").status_code == 404


# -- instructions ------------------------------------------------------------------------------------------------------


def test_every_wording_is_kept_with_who_wrote_it(mina: Client, episode: Episode) -> None:
    patch(mina, episode, instruction="Put the red cube in the tray")
    patch(mina, episode, instruction="Put the red cube in the tray")  # nothing new
    patch(mina, episode, instruction="Lift the red cube")
    found = mina.get(f"/api/episodes/{episode.pk}/instructions").json()
    assert [(one["number"], one["text"], one["person"]) for one in found] == [
        (1, "Put the cube in the tray", ""),
        (2, "Put the red cube in the tray", "Mina"),
        (3, "Lift the red cube", "Mina"),
    ]
