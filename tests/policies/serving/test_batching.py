"""When a batch is closed, and what is in it: the newest question of each robot, no late ones, not too many who wait."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from policies.serving.batching import Gathering, Rules
from policies.serving.question import decode_question
from policies.serving.taking import Desk
from protocol import inference
from protocol.inference import Observed
from tests.policies.serving.rig import PLACES, POLICY, client, leave, question


def test_a_batch_is_closed_when_full() -> None:
    gathering = Gathering(Rules(most=3, wait_s=10))
    gathering.add(["a", "b"], 0)
    assert not gathering.closed(0, asking=9)
    assert gathering.room() == 1
    gathering.add(["c"], 0)
    assert gathering.closed(0, asking=9)


def test_nobody_is_waited_for_who_does_not_ask() -> None:
    gathering = Gathering(Rules(most=8, wait_s=10))
    gathering.add(["a"], 0)
    assert gathering.closed(0, asking=1)
    assert not gathering.closed(0, asking=2)


def test_the_first_waits_no_longer_than_it_may() -> None:
    gathering = Gathering(Rules(most=8, wait_s=0.01))
    gathering.add(["a"], 5.0)
    gathering.add(["b"], 5.009)
    assert not gathering.closed(5.009, asking=8)
    assert gathering.closed(5.0101, asking=8)


def test_a_robot_is_in_a_batch_once() -> None:
    gathering = Gathering(Rules())
    gathering.add(["a", "a"], 0)
    gathering.add(["b", "a"], 0)
    assert gathering.robots == ["a", "b"]
    assert not Gathering(Rules()).closed(9, asking=0)


# -- in Redis -----------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def empty() -> Iterator[None]:
    client().flushall()
    yield


def desk(**rules: float) -> Desk:
    return Desk(client(), PLACES, POLICY, Rules(**{"most": 8, "wait_s": 0.0, **rules}))  # type: ignore[arg-type]


def test_the_newest_observation_of_a_robot_wins() -> None:
    for n in (1, 2, 3):
        assert leave(question(n=n))
    [taken] = desk().take(0.1)
    assert inference.decode(taken.observed, Observed).n == 3
    assert desk().take(0.01) == []


def test_a_late_observation_is_dropped_and_counted() -> None:
    leave(question(), life_ms=1)
    here = desk()
    while client().exists(PLACES.question("one")):
        pass
    assert here.take(0.1) == []
    assert here.dropped == 1


def test_at_most_so_many_robots_are_taken_at_once_in_the_order_they_came() -> None:
    for robot in "abcde":
        leave(question(robot))
    here = desk(most=3)
    assert [one.robot for one in here.take(0.1)] == ["a", "b", "c"]
    assert [one.robot for one in here.take(0.1)] == ["d", "e"]


def test_two_servers_share_and_no_question_is_answered_twice() -> None:
    for robot in "abcdef":
        leave(question(robot))
    first, second = desk(most=2), desk(most=2)
    taken = [one.robot for here in (first, second, first, second) for one in here.take(0.01)]
    assert sorted(taken) == list("abcdef")


def test_who_is_one_too_many_is_told_and_who_waits_already_may_ask_anew() -> None:
    assert leave(question("a"), most=2)
    assert leave(question("b"), most=2)
    assert not leave(question("c"), most=2)
    assert not client().exists(PLACES.question("c"))
    assert leave(question("a", n=7), most=2)
    assert [one.robot for one in desk().take(0.1)] == ["a", "b"]


def test_a_robot_whose_word_was_lost_with_its_server_waits_again() -> None:
    """A server is killed between taking the robot from the list and taking its question."""
    leave(question(n=1))
    client().lpop(PLACES.wake(POLICY))
    leave(question(n=2))
    [taken] = desk().take(0.1)
    assert inference.decode(taken.observed, Observed).n == 2


def test_a_question_to_another_policy_is_not_taken() -> None:
    leave(question())
    leave(question(policy="b" * 32))
    here = desk()
    assert here.take(0.1) == []
    assert here.dropped == 1


def test_what_another_version_has_left_is_passed_over() -> None:
    leave(question("a"))
    client().set(PLACES.question("a"), b"\xc1")
    here = desk()
    assert here.take(0.1) == []
    assert here.dropped == 1
    with pytest.raises(Exception, match="question_damaged"):
        decode_question(msgspec.msgpack.encode([1]))
