"""The latency ladder as the authority applies it, and the steps of step mode."""

from __future__ import annotations

import pytest

from protocol.clamps import STALE_PICTURE
from tests.robot.kernel.rig import DT_S, FORTH, ZERO, Rig, ready, refused

STEP = (0.02, 0.0, 0.0, 0.0, 0.75)


def slow(latency: float) -> Rig:
    """Ready, with a second of commands that name pictures `latency` old."""
    rig = ready()
    for _ in range(51):
        rig.now += 0.02
        rig.beat(seen=rig.now - latency)
        rig.command(ZERO, seen=rig.now - latency)
    return rig


@pytest.mark.parametrize(("latency", "permitted"), [
    (0.05, "direct"), (0.2, "scaled"), (0.3, "step"), (0.48, "step"),
])  # fmt: skip
def test_the_median_latency_of_the_commands_chooses_the_rung(latency: float, permitted: str) -> None:
    rig = slow(latency)
    assert rig.authority.latency_s(rig.now) == pytest.approx(latency)
    assert rig.authority.permitted(rig.now) == permitted


def test_without_a_lease_there_is_no_latency_and_no_age() -> None:
    rig = Rig()
    assert rig.authority.latency_s(0.0) is None
    assert rig.authority.age_s is None
    assert rig.authority.permitted(0.0) == "supervise"
    rig.acquire()
    assert rig.authority.latency_s(0.0) is None
    assert rig.authority.age_s == 0.0
    assert rig.authority.permitted(0.0) == "supervise"


@pytest.mark.parametrize("latency", [0.3, 0.45])
def test_in_step_mode_only_steps_move(latency: float) -> None:
    rig = slow(latency)
    with refused("steps_only"):
        rig.command(FORTH, seen=rig.now - latency)
    assert rig.wanted().bits == STALE_PICTURE
    assert not rig.moves()
    rig.goal()
    assert rig.moves()


def test_up_to_250_ms_commands_move() -> None:
    rig = slow(0.2)
    rig.command(FORTH, seen=rig.now - 0.2)
    assert rig.moves()


def test_a_very_slow_link_permits_neither() -> None:
    rig = slow(0.3)
    lease = rig.held()
    for _ in range(60):
        rig.now += 0.02
        rig.beat(seen=rig.now - 0.5)
        rig.command(ZERO, seen=rig.now - 0.5)
    assert rig.authority.lease == lease
    assert rig.authority.reason == "GRANTED"
    assert rig.authority.permitted(rig.now) == "supervise"
    with refused("supervise_only"):
        rig.goal()
    with refused("steps_only"):
        rig.command(FORTH, seen=rig.now - 0.5)


def test_a_step_is_driven_until_it_is_covered() -> None:
    rig = ready()
    rig.goal(STEP)
    motion = rig.wanted()
    assert motion.values == pytest.approx((0.2, 0.0, 0.0, 0.0, 0.75))
    assert (motion.bits, motion.until_s) == (0, 1.0)
    assert rig.authority.age_s == 0.0
    for _ in range(5):
        rig.authority.moved((0.2, 0.0, 0.0, 0.0, 0.75), DT_S)
    assert not rig.moves()


def test_moved_without_a_step_is_nothing() -> None:
    rig = Rig()
    rig.authority.moved(FORTH, DT_S)
    rig.acquire()
    rig.authority.moved(FORTH, DT_S)
    assert not rig.moves()


def test_a_step_dies_one_second_after_it_was_sent() -> None:
    rig = ready()
    rig.now = 0.25
    rig.beat(seen=0.25)
    rig.command(ZERO)
    rig.goal((0.2, 0.0, 0.0, 0.0, 0.0), sent=0.0)
    while rig.now < 0.9:
        rig.now += 0.1
        rig.beat(seen=rig.now)
        assert rig.moves()
    rig.now = 0.9999
    rig.beat(seen=rig.now)
    assert rig.moves()
    rig.now = 1.0
    assert not rig.moves()


def test_the_age_of_a_step_is_exact_on_any_clock() -> None:
    rig = Rig(now=5000.0)
    rig.acquire()
    rig.beat(seen=rig.now)
    rig.command(ZERO)
    rig.goal(sent=rig.now - 0.25)
    assert rig.wanted().until_s == pytest.approx(5000.75, abs=1e-6)


def test_a_step_that_comes_a_second_late_is_refused() -> None:
    rig = ready()
    for _ in range(10):
        rig.now += 0.125
        rig.beat(seen=rig.now)
        rig.command(ZERO)
    rig.goal(sent=rig.now - 1.0)
    with refused("stale"):
        rig.goal(sent=rig.now - 1.000001)


def test_i14_each_step_counts_once() -> None:
    rig = ready()
    rig.goal(STEP, n=0)
    with refused("replay"):
        rig.goal((-0.02, 0.0, 0.0, 0.0, 0.0), n=0)
    assert rig.wanted().values == pytest.approx((0.2, 0.0, 0.0, 0.0, 0.75))
    rig.goal((-0.02, 0.0, 0.0, 0.0, 0.0), n=1)
    assert rig.wanted().values == pytest.approx((-0.2, 0.0, 0.0, 0.0, 0.0)), "the newest replaces the one before"


def test_a_refused_step_leaves_its_number_free() -> None:
    rig = ready()
    with refused("goal_too_far"):
        rig.goal((9.0, 0.0, 0.0, 0.0, 0.0), n=4)
    rig.goal(STEP, n=4)


def test_i10_a_step_needs_neutral_first_too() -> None:
    rig = Rig()
    rig.acquire()
    rig.beat(seen=0.0)
    with refused("neutral_first"):
        rig.command(FORTH)
    with refused("neutral_first"):
        rig.goal()
    assert not rig.moves()


def test_i16_a_step_must_be_aimed_in_a_fresh_picture() -> None:
    rig = ready()
    for seen in (None, -0.5001):
        with refused("video_stale"):
            rig.goal(seen=seen)
    assert not rig.moves()
    rig.goal(seen=-0.5)
    assert rig.moves()


def test_i16_the_picture_of_a_step_counts_from_when_it_was_sent() -> None:
    rig = ready()
    rig.now = 0.25
    rig.command(ZERO)
    with refused("video_stale"):
        rig.goal(sent=0.0, seen=-0.5001)
    rig.goal(sent=0.0, seen=-0.5)
    assert rig.moves()


def test_a_policy_takes_no_steps() -> None:
    rig = ready("policy", "pi")
    with refused("goal_not_human"):
        rig.goal(who="pi")


def test_lifting_the_deadman_ends_a_step() -> None:
    rig = ready()
    rig.goal(STEP)
    rig.command(ZERO, deadman=False)
    assert not rig.moves()
    rig.command(ZERO)
    assert not rig.moves(), "and it does not come back"


def test_lifting_the_deadman_ends_a_step_also_in_a_command_that_is_refused() -> None:
    rig = slow(0.3)
    rig.goal()
    with refused("steps_only"):
        rig.command(FORTH, seen=rig.now - 0.3, deadman=False)
    assert not rig.moves()


def test_a_step_by_click_needs_no_deadman_but_ends_when_one_is_lifted() -> None:
    rig = ready()
    rig.command(ZERO, deadman=False)
    rig.goal(STEP)
    rig.command(ZERO, deadman=False)
    assert rig.moves()
    rig.command(ZERO)
    assert rig.moves()
    rig.command(ZERO, deadman=False)
    assert not rig.moves()


def test_a_new_lease_knows_no_deadman_of_the_one_before() -> None:
    rig = ready()
    rig.acquire()
    rig.beat(seen=0.0)
    assert not rig.authority._session.deadman  # type: ignore[union-attr]


@pytest.mark.parametrize("delta", [ZERO, (-0.02, 0.0, 0.0, 0.0, 0.0)])
def test_a_newer_step_ends_the_one_before_also_when_it_is_refused(delta: tuple[float, ...]) -> None:
    rig = ready()
    rig.goal((0.2, 0.0, 0.0, 0.0, 0.0))
    with refused("video_stale"):
        rig.goal(delta, seen=None)
    assert not rig.moves()


def test_a_step_to_nowhere_ends_the_one_before() -> None:
    rig = ready()
    rig.goal((0.2, 0.0, 0.0, 0.0, 0.0))
    rig.goal(ZERO)
    assert not rig.moves()


def test_neutral_commands_let_a_step_go_on_and_others_end_it() -> None:
    rig = ready()
    rig.goal(STEP)
    rig.command(ZERO)
    assert rig.wanted().values == pytest.approx((0.2, 0.0, 0.0, 0.0, 0.75))
    rig.command((0.0, 0.1, 0.0, 0.0, 0.0))
    assert rig.wanted().values == (0.0, 0.1, 0.0, 0.0, 0.0)
    rig.command(ZERO)
    assert not rig.moves()


def test_a_step_ends_with_the_picture() -> None:
    rig = ready()
    rig.goal((0.2, 0.0, 0.0, 0.0, 0.0))
    for _ in range(4):
        rig.now += 0.125
        rig.beat(seen=0.0)
    assert rig.moves()
    rig.now += 0.001
    assert not rig.moves()
    rig.beat(seen=rig.now)
    assert not rig.moves(), "and does not come back with it"


def test_a_step_ends_with_the_lease() -> None:
    rig = ready()
    rig.goal((0.2, 0.0, 0.0, 0.0, 0.0))
    rig.now = 0.25
    assert rig.moves()
    rig.now = 0.2501
    assert not rig.moves()
    assert rig.authority.reason == "DEADMAN"
