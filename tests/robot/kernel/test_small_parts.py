"""Nonces, command ages, the ladder, numbers and steps, each at its exact limits."""

from __future__ import annotations

import itertools
import math

import pytest

from protocol.embodiment import Axis
from robot.kernel.command_clock import CommandClock
from robot.kernel.ladder import Ladder
from robot.kernel.nonces import Nonces
from robot.kernel.step import Step
from robot.kernel.values import check_values, is_neutral
from tests.robot.kernel.rig import POINT, refused

AXES = POINT.action
TINY = 2.0**-126
HUGE = (2 - 2**-23) * 2.0**127


def nonces() -> Nonces:
    count = itertools.count(1)
    return Nonces(lambda: f"n{next(count)}")


def test_a_nonce_is_replaced_after_five_seconds_and_not_before() -> None:
    minted = nonces()
    assert minted.current(0.0) == "n1"
    assert minted.current(4.999) == "n1"
    assert minted.current(5.0) == "n2"
    assert minted.current(9.999) == "n2"
    assert minted.current(10.0) == "n3"


def test_a_nonce_counts_for_ten_seconds() -> None:
    minted = nonces()
    minted.current(0.0)
    minted.current(5.0)
    assert minted.is_live("n1", 10.0)
    assert minted.is_live("n2", 10.0)
    assert not minted.is_live("n1", 10.001)
    assert minted.is_live("n2", 10.001)
    assert not minted.is_live("n2", 15.001)


def test_a_nonce_counts_at_most_until_the_second_after_it() -> None:
    minted = nonces()
    minted.current(0.0)
    minted.current(5.0)
    minted.current(10.0)
    assert not minted.is_live("n1", 10.0)
    assert minted.is_live("n2", 10.0)
    assert minted.is_live("n3", 10.0)


def test_only_minted_nonces_count() -> None:
    minted = nonces()
    assert not minted.is_live("", 0.0)
    minted.current(0.0)
    assert not minted.is_live("n2", 0.0)
    assert not minted.is_live("", 0.0)


def test_a_long_silence_leaves_one_fresh_nonce() -> None:
    minted = nonces()
    minted.current(0.0)
    assert minted.current(100.0) == "n2"
    assert not minted.is_live("n1", 100.0)
    assert minted.is_live("n2", 100.0)


def test_burning_ends_all_of_them() -> None:
    minted = nonces()
    minted.current(0.0)
    minted.current(5.0)
    minted.burn()
    assert not minted.is_live("n1", 5.0)
    assert not minted.is_live("n2", 5.0)
    assert minted.current(5.0) == "n3"


def test_the_first_command_has_no_age_whatever_the_clocks_say() -> None:
    assert CommandClock().age_s(1000.0, 3.0) == 0.0
    assert CommandClock().age_s(3.0, 1000.0) == 0.0


def test_age_is_the_delay_above_the_smallest_of_the_session() -> None:
    clock = CommandClock()
    clock.age_s(10.0, 4.0)
    assert clock.age_s(10.0, 3.75) == 0.25
    assert clock.age_s(10.0, 4.0) == 0.0
    assert clock.age_s(10.0, 4.03125) == 0.0
    assert clock.age_s(10.0, 4.0) == 0.03125


def test_the_smallest_delay_creeps_up_by_a_hundred_parts_per_million() -> None:
    clock = CommandClock()
    clock.age_s(100.0, 100.0)
    assert clock.age_s(1100.0, 1099.5) == pytest.approx(0.4)
    assert clock.age_s(2100.0, 2099.5) == pytest.approx(0.3)
    assert clock.age_s(2100.0, 2099.5) == pytest.approx(0.3)


def test_a_command_up_to_fifty_milliseconds_early_moves_the_floor() -> None:
    clock = CommandClock()
    clock.age_s(0.0, 0.0)
    assert clock.age_s(0.0, 0.05) == 0.0


def test_an_earlier_command_is_refused_once_and_the_next_counts() -> None:
    clock = CommandClock()
    clock.age_s(0.0, 0.0)
    with refused("future"):
        clock.age_s(0.0, 0.050001)
    assert clock.age_s(0.0, 0.050001) == 0.0
    assert clock.age_s(0.0, 0.0) == 0.050001


def test_a_single_early_command_leaves_the_others_as_young_as_they_were() -> None:
    clock = CommandClock()
    clock.age_s(0.0, 0.0)
    for _ in range(2):
        with refused("future"):
            clock.age_s(0.0, 5.0)
        assert clock.age_s(0.0, 0.0) == 0.0


def rung(latency: float, before: float | None = None) -> str:
    ladder = Ladder()
    if before is not None:
        ladder.add(0.0, before)
        ladder.permitted(0.0)
    ladder.add(2.0, latency)
    return ladder.permitted(2.0)


@pytest.mark.parametrize(
    ("latency", "permitted"),
    [(0.0, "direct"), (0.0999, "direct"), (0.1, "scaled"), (0.2499, "scaled"), (0.25, "step"), (0.4999, "step"),
     (0.5, "supervise"), (3.0, "supervise")],
)  # fmt: skip
def test_each_rung_begins_at_its_limit(latency: float, permitted: str) -> None:
    assert rung(latency, before=0.01) == permitted
    assert rung(latency) == permitted


@pytest.mark.parametrize(
    ("latency", "permitted"),
    [
        (0.0899, "direct"),
        (0.1 * 0.9, "scaled"),
        (0.2249, "scaled"),
        (0.25 * 0.9, "step"),
        (0.4499, "step"),
        (0.5 * 0.9, "supervise"),
    ],
)
def test_the_way_back_up_needs_a_margin(latency: float, permitted: str) -> None:
    assert rung(latency, before=9.0) == permitted


def test_the_median_of_the_last_second_decides() -> None:
    ladder = Ladder()
    for at, latency in ((0.0, 9.0), (0.5, 0.2), (1.0, 0.3), (1.25, 0.4)):
        ladder.add(at, latency)
    assert ladder.latency_s(1.25) == pytest.approx(0.3)
    assert ladder.latency_s(1.5) == pytest.approx(0.3)
    assert ladder.latency_s(1.501) == pytest.approx(0.35)


def test_without_commands_there_is_no_latency_and_only_supervision() -> None:
    ladder = Ladder()
    assert ladder.latency_s(0.0) is None
    assert ladder.permitted(0.0) == "supervise"
    ladder.add(0.0, 0.05)
    assert ladder.permitted(1.0) == "direct"
    assert ladder.permitted(1.001) == "supervise"
    ladder.add(2.0, 0.095)
    assert ladder.permitted(2.0) == "direct"
    ladder.add(2.0, 0.7)
    ladder.add(2.0, 0.7)
    assert ladder.permitted(2.0) == "supervise"
    assert ladder.permitted(4.0) == "supervise"
    ladder.add(4.0, 0.095)
    assert ladder.permitted(4.0) == "direct", "what was before the silence is forgotten"


@pytest.mark.parametrize("values", [(), (0.0,) * 4, (0.0,) * 6])
def test_another_number_of_axes_is_refused(values: tuple[float, ...]) -> None:
    with refused("axis_count"):
        check_values(values, AXES)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e308, -1e308, math.nextafter(HUGE, 1e39)])
@pytest.mark.parametrize("axis", [0, 4])
def test_what_is_no_number_is_refused(bad: float, axis: int) -> None:
    values = [0.0] * 5
    values[axis] = bad
    with refused("not_finite"):
        check_values(values, AXES)


@pytest.mark.parametrize("bad", [5e-324, -5e-324, TINY * 0.999, -TINY * 0.999])
def test_denormal_numbers_are_refused(bad: float) -> None:
    with refused("denormal"):
        check_values((0.0, 0.0, bad, 0.0, 0.0), AXES)


def test_the_largest_and_the_smallest_float32_are_numbers() -> None:
    check_values((HUGE, -HUGE, TINY, -TINY, -0.0), AXES)


def test_neutral_means_all_rates_zero_whatever_the_gripper() -> None:
    assert is_neutral((0.0, -0.0, 0.0, 0.0, 0.7), AXES)
    assert not is_neutral((0.0, 0.0, 0.0, 1e-6, 0.0), AXES)
    assert not is_neutral((-1e-6, 0.0, 0.0, 0.0, 0.0), AXES)


def test_a_step_goes_straight_at_its_share_of_the_limit() -> None:
    step = Step((0.1, -0.05, 0.0, 0.0, 0.75), AXES, 9.0)
    assert step.until_s == 9.0
    assert step.values(0.02) == pytest.approx((0.2, -0.1, 0.0, 0.0, 0.75))


def test_the_slowest_axis_sets_the_pace() -> None:
    assert Step((0.01, 0.0, 0.0, -0.4, 0.0), AXES, 0.0).values(0.02) == pytest.approx((0.01, 0.0, 0.0, -0.4, 0.0))


def test_a_step_ends_where_it_was_told_and_then_stands() -> None:
    step = Step((0.011, 0.0, 0.0, -0.05, 0.5), AXES, 9.0)
    x = turned = 0.0
    for _ in range(20):
        done = step.values(0.02)
        step.moved(done, 0.02)
        x, turned = x + done[0] * 0.02, turned + done[3] * 0.02
    assert (x, turned) == pytest.approx((0.011, -0.05), abs=1e-6)
    assert step.values(0.02) == (0.0, 0.0, 0.0, 0.0, 0.5)


def test_what_the_gate_held_back_is_still_to_come() -> None:
    step = Step((0.1, 0.0, 0.0, 0.0, 0.0), AXES, 9.0)
    step.moved((0.5, 0.0, 0.0, 0.0, 0.0), 0.02)
    assert step.values(0.02)[0] == pytest.approx(0.2)
    step.moved((0.5, 0.0, 0.0, 0.0, 0.0), 0.17)
    assert step.values(0.02)[0] == pytest.approx(0.005 / 0.025)
    step.moved((0.2, 0.0, 0.0, 0.0, 0.0), 0.02)
    assert step.values(0.02)[0] == pytest.approx(0.001 / 0.02)


def test_less_than_a_micrometre_is_not_worth_a_tick() -> None:
    step = Step((0.1, -0.1, 0.0, 0.0, 0.0), AXES, 9.0)
    step.moved((0.1 - 0.9e-6, -0.1 + 2e-6, 0.0, 0.0, 0.0), 1.0)
    assert step.values(1.0) == pytest.approx((0.0, -2e-6, 0.0, 0.0, 0.0), abs=1e-12)
    exact = Step((2e-6, 0.0, 0.0, 0.0, 0.0), AXES, 9.0)
    exact.moved((1e-6, 0.0, 0.0, 0.0, 0.0), 1.0)
    assert exact.values(1.0)[0] == 0.0


def test_a_step_that_needs_more_than_its_life_is_refused() -> None:
    assert Step((0.2, 0.0, 0.0, 0.4, 1.0), AXES, 9.0).values(0.02)[0] == pytest.approx(0.2)
    with refused("goal_too_far"):
        Step((0.2001, 0.0, 0.0, 0.0, 0.0), AXES, 9.0)
    with refused("goal_too_far"):
        Step((0.0, 0.0, 0.0, -0.4001, 0.0), AXES, 9.0)


def test_the_wider_side_of_an_axis_counts_for_its_pace() -> None:
    lopsided = (Axis("vx", "m/s", -0.5, 0.1, 5.0),)
    assert Step((0.2,), lopsided, 9.0).values(0.02)[0] == pytest.approx(0.2)
    grip = (Axis("gripper", "1", 0.0, 1.0, 5.0),)
    assert Step((0.7,), grip, 9.0).values(0.02) == (0.7,)
