"""A worker's job watches the process that serves: begins it again when it dies, ends it when nobody needs it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from policies import jobs, watching
from policies.models import PolicyServer, PolicyVersion
from policies.services import registry, serving
from policies.watching import End, Watch
from protocol.inference import Chunk
from tests.episodes.rig import World
from tests.policies.serving.rig import PLACES, Ear, client, leave, question


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    client().flushall()
    watching.leaving.clear()
    yield
    watching.leaving.clear()


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    told: list[str] = []
    monkeypatch.setattr("policies.services.serving.wake", told.append)
    return told


@pytest.fixture
def policy(here: World, starter: Path) -> PolicyVersion:
    return registry.bring(starter, here.site.organisation, None)


class Clock:
    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watch(policy: PolicyVersion, clock: Clock, woken: list[str]) -> Iterator[Watch]:
    serving.want(policy.pk)
    server = PolicyServer.objects.select_related("policy").get()
    fence = server.claim("here:1")
    assert fence is not None
    one = Watch(server, fence, clock)
    one.begin()
    yield one
    one.stop()


def until(watch: Watch, wanted: Callable[[], object], within_s: float = 30.0) -> End | None:
    end_s = time.monotonic() + within_s
    while not wanted():
        assert time.monotonic() < end_s
        if (end := watch.turn()) is not None:
            return end
    return None


def pass_by(watch: Watch, clock: Clock, seconds: float) -> None:
    """So long with us looking on."""
    for _ in range(round(seconds / watching.LATE_S)):
        clock.ahead_s += watching.LATE_S
        assert watch.turn() is None


def row() -> PolicyServer:
    return PolicyServer.objects.get()


def test_it_says_since_when_it_answers_and_answers(watch: Watch, policy: PolicyVersion) -> None:
    assert until(watch, lambda: watch.ready) is None
    assert row().ready_at is not None
    ear = Ear()
    leave(question(policy=policy.pk))
    assert isinstance(ear.next()[1], Chunk)
    ear.close()


def test_a_killed_process_is_begun_again_at_once(watch: Watch, policy: PolicyVersion) -> None:
    """Killed while robots ask: they are answered again within ten seconds."""
    until(watch, lambda: watch.ready)
    ear = Ear()
    killed_s = time.monotonic()
    assert watch.process is not None
    watch.process.kill()
    assert until(watch, lambda: not watch.ready) is None
    assert (row().state, row().ready_at, row().deaths) == ("running", None, 1)
    until(watch, lambda: watch.ready)
    leave(question(policy=policy.pk))
    assert isinstance(ear.next()[1], Chunk)
    assert time.monotonic() - killed_s < 10
    ear.close()


def test_a_process_that_hangs_is_begun_again(watch: Watch, clock: Clock) -> None:
    until(watch, lambda: watch.ready)
    assert watch.process is not None
    os.kill(watch.process.pid, signal.SIGSTOP)
    pass_by(watch, clock, watching.HUNG_S)
    assert until(watch, lambda: watch.died) is None
    assert watch.died == 1


def test_a_machine_that_stalls_for_both_costs_no_server(watch: Watch, clock: Clock) -> None:
    until(watch, lambda: watch.ready)
    assert watch.process is not None
    os.kill(watch.process.pid, signal.SIGSTOP)
    clock.ahead_s += 3 * watching.HUNG_S  # we ourselves have not looked either
    assert watch.turn() is None and watch.turn() is None
    os.kill(watch.process.pid, signal.SIGCONT)
    assert until(watch, lambda: watch.silent_s == 0) is None
    assert not watch.died


def test_one_that_waits_for_a_policy_elsewhere_is_given_the_time_that_it_said(watch: Watch, clock: Clock) -> None:
    until(watch, lambda: watch.ready)
    assert watch.process is not None
    watch._hear({"ready": True, "batch_s": 0.0, "longest_s": 9.0})
    os.kill(watch.process.pid, signal.SIGSTOP)
    pass_by(watch, clock, 8)
    assert not watch.died
    pass_by(watch, clock, 2)
    assert until(watch, lambda: watch.died) is None


def test_robots_are_answered_within_ten_seconds_after_a_process_has_hung(
    watch: Watch, policy: PolicyVersion, clock: Clock
) -> None:
    until(watch, lambda: watch.ready)
    assert watch.process is not None and watch.batch_s > 0
    os.kill(watch.process.pid, signal.SIGSTOP)
    pass_by(watch, clock, watching.HUNG_S)
    noticed_s, ear = time.monotonic(), Ear()
    assert until(watch, lambda: watch.died and watch.ready) is None
    leave(question(policy=policy.pk))
    assert isinstance(ear.next()[1], Chunk)
    assert watching.HUNG_S + time.monotonic() - noticed_s < 10
    ear.close()


def test_a_policy_that_thinks_for_long_is_not_taken_for_one_that_hangs(watch: Watch, clock: Clock) -> None:
    until(watch, lambda: watch.ready)
    assert watch.process is not None
    watch.batch_s = 3.0
    os.kill(watch.process.pid, signal.SIGSTOP)
    pass_by(watch, clock, 8)
    assert not watch.died
    pass_by(watch, clock, 2)
    assert until(watch, lambda: watch.died) is None


def test_one_that_dies_again_and_again_is_given_up_and_says_so(watch: Watch) -> None:
    for _ in range(watching.MOST_DEATHS - 1):
        assert watch.process is not None
        watch.process.kill()
        before = watch.died
        assert until(watch, lambda before=before: watch.died > before) is None  # type: ignore[misc]
    assert watch.process is not None
    watch.process.kill()
    end = until(watch, lambda: False)
    assert end is not None
    assert (end.state, end.code) == ("failed", "server_dies")
    assert "starter 1 died 5 times" in end.sentence


def test_what_cannot_be_loaded_fails_with_the_reason_and_rests(policy: PolicyVersion, clock: Clock, woken: list[str]) -> None:
    weights = policy.folder / "policy.safetensors"
    raw = bytearray(weights.read_bytes())
    raw[-1] ^= 1
    weights.write_bytes(raw)
    serving.want(policy.pk)
    jobs.serve(row().pk)
    assert (row().state, row().problem_code, row().problem[-1]) == ("failed", "policy_damaged", ".")
    woken.clear()
    serving.want(policy.pk)
    assert (row().state, woken) == ("failed", [])
    PolicyServer.objects.update(ended_at=timezone.now() - timedelta(minutes=1))
    serving.want(policy.pk)
    assert (row().state, row().problem, woken) == ("queued", "", [row().pk])


def test_a_calibration_that_went_missing_fails_the_server_instead_of_serving_without_doubt(
    policy: PolicyVersion, woken: list[str]
) -> None:
    PolicyVersion.objects.update(calibration={"alpha": 0.15, "sha256": "0" * 64})
    serving.want(policy.pk)
    jobs.serve(row().pk)
    assert (row().state, row().problem_code) == ("failed", "calibration_damaged")
    assert "backup" in row().problem


def asked(policy: PolicyVersion, robots: int, ago_s: float = 0.0) -> None:
    now_s = time.time() - ago_s
    client().zadd(PLACES.asks(policy.pk), {f"robot{n}": now_s for n in range(robots)})
    client().zadd(PLACES.wanted(), {policy.pk: now_s})


def test_nobody_asks_and_it_ends(watch: Watch, policy: PolicyVersion, clock: Clock) -> None:
    until(watch, lambda: watch.ready)
    clock.ahead_s += serving.IDLE_S - 20
    asked(policy, 1)
    assert until(watch, lambda: watch.needed_s > watch.began_s) is None
    client().flushall()
    clock.ahead_s += serving.IDLE_S + 1
    assert until(watch, lambda: False) == End("done")


def test_after_its_time_it_ends_at_a_pause_and_is_queued_again(watch: Watch, policy: PolicyVersion, clock: Clock) -> None:
    until(watch, lambda: watch.ready)
    asked(policy, 1)
    clock.ahead_s += watching.LIFE_S + 1
    assert until(watch, lambda: watch.needed_s > watch.began_s) is None  # somebody asks this moment
    asked(policy, 1, ago_s=5)
    assert until(watch, lambda: False) == End("queued")
    asked(policy, 1)


def test_a_withdrawn_policy_is_not_served_on(watch: Watch, policy: PolicyVersion, clock: Clock) -> None:
    asked(policy, 1)
    until(watch, lambda: watch.ready)
    PolicyVersion.objects.update(withdrawn_reason="it dropped things")
    assert until(watch, lambda: False) == End("done")
    serving.want(policy.pk)
    assert row().state == "running"  # as it was: nothing was asked of it


def test_who_has_lost_the_row_lets_go(watch: Watch) -> None:
    until(watch, lambda: watch.ready)
    PolicyServer.objects.update(fence=9)
    assert until(watch, lambda: False) == End("")


def test_a_worker_that_is_told_to_end_leaves_its_servers_to_another(watch: Watch) -> None:
    jobs.leave()
    assert until(watch, lambda: False) == End("queued")


# -- rows ----------------------------------------------------------------------------------------------


def test_a_dead_workers_server_is_free_after_a_few_seconds(policy: PolicyVersion, woken: list[str]) -> None:
    serving.want(policy.pk)
    server = row()
    assert server.claim("dead:1") == 1
    assert row().claim("other:1") is None
    woken.clear()
    serving.want(policy.pk)
    assert woken == []
    PolicyServer.objects.update(heartbeat=timezone.now() - timedelta(seconds=5))
    serving.want(policy.pk)
    assert woken == [server.pk]
    assert row().claim("other:1") == 2
    assert server.beat(1) is False


def test_as_many_servers_as_robots_need_and_no_more(policy: PolicyVersion, woken: list[str]) -> None:
    asked(policy, 9)
    serving.reconcile()
    serving.reconcile()
    assert [one.place for one in PolicyServer.objects.all()] == [0, 1]
    asked(policy, 100)
    serving.reconcile()
    assert PolicyServer.objects.count() == 2
    assert [serving.places_for(robots) for robots in (0, 1, 8, 9, 500)] == [1, 1, 1, 2, 2]


def test_a_server_that_is_expected_is_begun_before_the_first_question(policy: PolicyVersion, woken: list[str]) -> None:
    serving.expect(policy.pk)
    serving.reconcile()
    assert (row().state, set(woken)) == ("queued", {row().pk})


def test_what_nobody_asks_for_any_more_is_not_begun(policy: PolicyVersion, woken: list[str]) -> None:
    asked(policy, 1)
    serving.reconcile()
    client().flushall()
    woken.clear()
    serving.reconcile()
    assert (row().state, woken) == ("done", [])


def test_a_row_that_somebody_has_is_left_alone(policy: PolicyVersion, woken: list[str]) -> None:
    serving.want(policy.pk)
    assert row().claim("other:1") == 1
    jobs.serve(row().pk)
    jobs.serve("0" * 32)
    assert (row().state, row().owner, row().fence) == ("running", "other:1", 1)
