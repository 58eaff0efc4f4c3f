"""From a command to what is wanted: replay, age, neutral, deadman, picture, chunks."""

from __future__ import annotations

import math

import pytest

from protocol.clamps import DEADMAN, NEUTRAL_FIRST, STALE_COMMAND, STALE_PICTURE
from robot.kernel.lease import Origin
from tests.robot.kernel.rig import FORTH, ZERO, Rig, chunk, ready, refused


def test_an_accepted_command_is_what_is_wanted() -> None:
    rig = ready()
    rig.command(FORTH)
    motion = rig.wanted()
    assert motion.values == FORTH
    assert motion.bits == 0
    assert motion.origin == Origin()
    assert rig.moves()


def test_i10_the_first_command_of_a_lease_must_be_neutral() -> None:
    rig = Rig()
    rig.acquire()
    rig.beat()
    with refused("neutral_first"):
        rig.command(FORTH)
    assert rig.wanted().values == FORTH, "what was asked is kept for the record"
    assert rig.wanted().bits == NEUTRAL_FIRST
    assert not rig.moves()
    rig.command((0.0, 0.0, 0.0, 0.0, 0.75))
    rig.command(FORTH)
    assert rig.moves()


def test_neutral_counts_only_once_a_heartbeat_was_heard() -> None:
    rig = Rig()
    rig.acquire()
    rig.command(ZERO)
    with refused("neutral_first"):
        rig.command(FORTH)
    rig.beat(n=0)
    with refused("neutral_first"):
        rig.command(FORTH, n=50)
    rig.command(ZERO, n=51)
    rig.command(FORTH, n=52)
    assert rig.moves()


def test_i14_each_command_counts_once() -> None:
    rig = ready()
    rig.command(FORTH, n=100)
    for n in (100, 99, 0):
        with refused("replay"):
            rig.command((0.1, 0.0, 0.0, 0.0, 0.0), n=n)
    assert rig.wanted().values == FORTH


def test_the_first_command_may_be_number_zero() -> None:
    rig = Rig()
    rig.acquire()
    rig.command(ZERO, n=0)
    rig.beat(n=0)


def test_a_late_command_is_refused_and_changes_nothing() -> None:
    rig = ready()
    rig.now = 0.15
    rig.command(FORTH, sent=0.15)
    rig.command((0.1, 0.0, 0.0, 0.0, 0.0), sent=0.0)
    assert rig.wanted().values == (0.1, 0.0, 0.0, 0.0, 0.0), "150 ms are allowed"
    assert rig.authority.age_s == 0.15
    with refused("stale"):
        rig.command(FORTH, sent=-0.000001)
    assert rig.wanted().values == (0.1, 0.0, 0.0, 0.0, 0.0)
    assert rig.authority.age_s == 0.15


def test_a_refused_number_can_be_used_again() -> None:
    rig = ready()
    rig.now = 0.2
    rig.beat()
    rig.command(ZERO, n=9)
    with refused("stale"):
        rig.command(FORTH, n=11, sent=0.0)
    rig.command(FORTH, n=10)
    assert rig.moves()


def test_a_command_from_the_future_is_refused_once() -> None:
    rig = ready()
    with refused("future"):
        rig.command(FORTH, sent=1.0)
    assert not rig.moves()
    rig.command(FORTH, sent=1.0)
    assert rig.moves()


@pytest.mark.parametrize(("values", "code"), [
    ((0.1,) * 4, "axis_count"), ((math.nan, 0.0, 0.0, 0.0, 0.0), "not_finite"),
    ((0.0, math.inf, 0.0, 0.0, 0.0), "not_finite"), ((1e308, 0.0, 0.0, 0.0, 0.0), "not_finite"),
    ((1e-40, 0.0, 0.0, 0.0, 0.0), "denormal"),
])  # fmt: skip
def test_what_is_no_number_changes_nothing(values: tuple[float, ...], code: str) -> None:
    rig = ready()
    rig.command(FORTH)
    with refused(code):
        rig.command(values)
    assert rig.wanted().values == FORTH
    with refused(code):
        rig.goal(values)
    assert rig.wanted().values == FORTH


def test_the_output_is_zero_150_ms_after_the_last_command() -> None:
    rig = ready()
    rig.command(FORTH)
    rig.now = 0.1499
    assert rig.moves()
    rig.now = 0.15
    assert rig.wanted().values is None
    assert rig.wanted().bits == STALE_COMMAND
    assert rig.authority.lease is not None, "the lease stays"
    rig.command(FORTH)
    assert rig.moves()


def test_letting_go_of_the_deadman_stops_and_keeps_the_lease() -> None:
    rig = ready()
    rig.command(FORTH)
    rig.command(FORTH, deadman=False)
    assert rig.wanted().values == FORTH
    assert rig.wanted().bits == DEADMAN
    assert not rig.moves()
    rig.command(FORTH)
    assert rig.moves()


def test_a_neutral_command_without_deadman_is_neutral_too() -> None:
    rig = Rig()
    rig.acquire()
    rig.beat()
    rig.command(ZERO, deadman=False)
    rig.command(FORTH)
    assert rig.moves()


def test_several_reasons_not_to_move_are_all_said() -> None:
    rig = Rig()
    rig.acquire()
    with refused("neutral_first"):
        rig.command(FORTH, deadman=False)
    assert rig.wanted().bits == NEUTRAL_FIRST | DEADMAN


def test_i16_who_has_seen_no_picture_moves_nothing() -> None:
    rig = ready()
    rig.command(FORTH)
    with refused("video_stale"):
        rig.command(FORTH, seen=None)
    assert not rig.moves()
    assert rig.wanted().bits == STALE_PICTURE
    assert rig.authority.reason == "GRANTED"


def test_a_picture_from_the_future_is_refused() -> None:
    rig = ready()
    rig.command(FORTH)
    for seen in (0.001, math.nan):
        with refused("capture_time"):
            rig.command(ZERO, seen=seen)
        with refused("capture_time"):
            rig.beat(seen=seen)
    assert rig.wanted().values == FORTH
    rig.now = 0.2
    rig.beat(seen=0.2, n=1000)
    with refused("capture_time"):
        rig.beat(seen=0.3, n=1001)
    rig.beat(seen=0.2, n=1001)


def test_i16_a_picture_up_to_half_a_second_old_will_do() -> None:
    rig = ready()
    rig.now = 0.125
    rig.beat()
    rig.command(ZERO, seen=-0.375)
    rig.tick()
    assert rig.authority.reason == "GRANTED"
    rig.tick(0.001)
    assert rig.authority.reason == "VIDEO_STALE"


def test_i16_a_frozen_picture_stops_a_person_keeps_the_lease_and_wants_neutral_again() -> None:
    rig = ready()
    for _ in range(6):
        rig.now += 0.1
        rig.beat(seen=0.0)
        if rig.now < 0.5:
            rig.command((0.1, 0.0, 0.0, 0.0, 0.0), seen=rig.now - 0.01)
            rig.beat(seen=0.0)
    entry = rig.authority.log[-1]
    assert (entry.event, entry.reason, entry.before, entry.after) == ("paused", "VIDEO_STALE", "TELEOP", "TELEOP")
    assert rig.authority.lease is not None
    assert not rig.moves()
    assert rig.authority.permitted(rig.now) == "supervise"
    with refused("video_stale"):
        rig.command(ZERO, seen=0.0)
    with refused("supervise_only"):
        rig.goal()
    with refused("neutral_first"):
        rig.command(FORTH, seen=rig.now)
    entry = rig.authority.log[-1]
    assert (entry.event, entry.reason, entry.actor) == ("resumed", "GRANTED", "kernel")
    assert not rig.moves()
    rig.command(ZERO)
    rig.command(FORTH)
    assert rig.moves()


def test_a_pause_is_logged_once() -> None:
    rig = ready()
    for _ in range(10):
        rig.now += 0.1
        rig.beat(seen=0.0)
        rig.tick()
    assert [entry.event for entry in rig.authority.log] == ["boot", "granted", "paused"]


def test_a_motion_under_way_stops_when_the_picture_freezes() -> None:
    rig = ready()
    rig.command(ZERO)
    rig.now = 0.2
    rig.beat(seen=0.0)
    rig.now = 0.4
    rig.beat(seen=0.0)
    rig.command(FORTH, seen=0.0)
    rig.now = 0.5
    assert rig.moves()
    rig.now = 0.5001
    assert not rig.moves()
    assert rig.authority.reason == "VIDEO_STALE"


def test_a_policy_loses_its_lease_with_the_picture() -> None:
    rig = ready("policy", "pi")
    rig.now = 0.25
    rig.beat("pi", seen=0.0)
    rig.now = 0.5
    rig.beat("pi", seen=0.0)
    rig.tick(0.001)
    entry = rig.authority.log[-1]
    assert (entry.event, entry.reason, entry.after) == ("lost", "VIDEO_STALE", "SAFE_HOLD")
    assert rig.authority.lease is None


def test_a_policys_command_with_an_old_picture_ends_its_lease_and_does_nothing() -> None:
    rig = ready("policy", "pi")
    with refused("video_stale"):
        rig.command(FORTH, "pi", seen=-0.6, origin=chunk(1.0))
    assert rig.authority.lease is None
    assert rig.authority.reason == "VIDEO_STALE"
    assert not rig.moves()


def test_a_policys_command_must_say_when_its_chunk_dies() -> None:
    rig = ready("policy", "pi")
    for dies in (math.inf, math.nan):
        with refused("chunk_missing"):
            rig.command(FORTH, "pi", origin=chunk(dies))
    assert not rig.moves()


def test_a_chunk_moves_the_robot_until_it_dies() -> None:
    rig = ready("policy", "pi")
    rig.command(FORTH, "pi", origin=chunk(0.1))
    assert rig.wanted().origin == chunk(0.1)
    rig.now = 0.0999
    assert rig.moves()
    rig.now = 0.1
    assert not rig.moves()
    assert rig.authority.reason == "GRANTED"
    rig.tick(0.001)
    entry = rig.authority.log[-1]
    assert (entry.event, entry.reason, entry.after) == ("paused", "STARVATION", "AUTONOMY")
    assert rig.authority.lease is not None


def test_a_starved_policy_goes_on_from_neutral_with_a_fresh_chunk() -> None:
    rig = ready("policy", "pi")
    rig.command(FORTH, "pi", origin=chunk(0.1))
    rig.now = 0.2
    rig.tick()
    with refused("chunk_dead"):
        rig.command(FORTH, "pi", origin=chunk(0.19))
    assert rig.wanted().bits == STALE_COMMAND
    with refused("neutral_first"):
        rig.command(FORTH, "pi", origin=chunk(0.5))
    assert rig.authority.log[-1].event == "resumed"
    rig.command(ZERO, "pi", origin=chunk(0.5))
    rig.command(FORTH, "pi", origin=chunk(0.5))
    assert rig.moves()


def test_a_person_needs_no_chunk_and_a_dead_one_is_nothing_to_them() -> None:
    rig = ready()
    rig.command(FORTH, origin=Origin())
    rig.now = 0.14
    assert rig.moves()


def test_a_policy_is_not_on_the_persons_ladder() -> None:
    rig = ready("policy", "pi")
    rig.command(FORTH, "pi", seen=-0.4, origin=chunk(1.0))
    rig.command(FORTH, "pi", seen=-0.4, origin=chunk(1.0))
    rig.command(FORTH, "pi", seen=-0.4, origin=chunk(1.0))
    assert rig.moves()


def test_a_neutral_command_may_still_move_the_gripper() -> None:
    rig = ready()
    rig.command((0.0, 0.0, 0.0, 0.0, 0.75))
    assert (rig.wanted().values, rig.wanted().bits) == ((0.0, 0.0, 0.0, 0.0, 0.75), 0)


def test_a_persons_command_comes_from_no_chunk() -> None:
    rig = ready()
    origin = rig.wanted().origin
    assert (origin.pilot, origin.chunk, origin.dies_s) == ("operator", -1, math.inf)
    assert math.isnan(origin.uncertainty)
