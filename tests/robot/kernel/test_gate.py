"""The gate: limits, speed, latency, slew, workspace, each at its exact border, and that nothing gets past (I13)."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.clamps import LATENCY, LIMIT, NOT_FINITE, SLEW, SPEED, WORKSPACE
from protocol.embodiment import Axis, Embodiment
from robot.kernel.gate import Gate
from tests.robot.kernel.rig import DT_S, POINT, ZERO

MIDDLE = (0.0, 0.0, 0.5)
QUICK = msgspec.structs.replace(
    POINT, action=tuple(msgspec.structs.replace(axis, slew=1000.0) for axis in POINT.action), workspace=None
)
FREE = msgspec.structs.replace(POINT, workspace=None)


def through(
    asked: tuple[float, ...],
    embodiment: Embodiment = QUICK,
    latency: float = 0.0,
    tool: tuple[float, ...] | None = MIDDLE,
) -> tuple[list[float], int]:
    done, bits = Gate(embodiment, DT_S).step(asked, tool, latency)
    assert done.dtype == np.float32
    return done.tolist(), bits


def test_what_is_harmless_passes_unchanged() -> None:
    done, bits = through((0.1, -0.2, 0.3, -0.9, 1.0))
    assert done == pytest.approx([0.1, -0.2, 0.3, -0.9, 1.0])
    assert bits == 0


def test_each_limit_itself_is_allowed() -> None:
    assert through((0.5, 0.0, 0.0, 1.0, 1.0)) == ([0.5, 0.0, 0.0, 1.0, 1.0], 0)
    assert through((0.0, -0.5, 0.0, -1.0, 0.0)) == ([0.0, -0.5, 0.0, -1.0, 0.0], 0)


def test_beyond_a_limit_is_cut_and_said() -> None:
    assert through((0.6, 0.0, 0.0, 0.0, 0.0)) == ([0.5, 0.0, 0.0, 0.0, 0.0], LIMIT)
    assert through((0.0, 0.0, 0.0, -7.0, 0.0)) == ([0.0, 0.0, 0.0, -1.0, 0.0], LIMIT)
    assert through((0.0, 0.0, 0.0, 0.0, 1.5)) == ([0.0, 0.0, 0.0, 0.0, 1.0], LIMIT)
    assert through((0.0, 0.0, 0.0, 0.0, -1.5)) == ([0.0, 0.0, 0.0, 0.0, 0.0], LIMIT)


def test_the_translation_as_a_whole_keeps_the_speed_limit_and_its_direction() -> None:
    done, bits = through((0.5, 0.5, -0.5, 0.9, 0.0))
    assert math.hypot(*done[:3]) == pytest.approx(0.5)
    assert done[0] == done[1] == -done[2]
    assert done[3] == pytest.approx(0.9)
    assert bits == SPEED
    assert through((0.3, 0.4, 0.0, 0.0, 0.0))[1] == 0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_becomes_rest(bad: float) -> None:
    gate = Gate(QUICK, DT_S)
    gate.step((0.1, 0.0, 0.0, 0.0, 0.75), MIDDLE, 0.0)
    done, bits = gate.step((bad, 0.2, 0.0, 0.0, bad), MIDDLE, 0.0)
    assert done.tolist() == pytest.approx([0.0, 0.2, 0.0, 0.0, 0.75])
    assert bits == NOT_FINITE


def test_up_to_two_hundred_milliseconds_the_whole_speed_is_allowed() -> None:
    assert through((0.5, 0.0, 0.0, 1.0, 1.0), latency=0.2) == ([0.5, 0.0, 0.0, 1.0, 1.0], 0)


def test_above_it_speed_falls_in_inverse_proportion() -> None:
    done, bits = through((0.5, 0.0, 0.0, -1.0, 1.0), latency=0.4)
    assert done == pytest.approx([0.25, 0.0, 0.0, -0.5, 1.0])
    assert bits == LATENCY
    done, bits = through((0.3, 0.3, 0.0, 0.4, 1.0), latency=0.4)
    assert math.hypot(*done[:2]) == pytest.approx(0.25)
    assert done[3] == pytest.approx(0.4)
    assert bits == LATENCY
    assert through((0.25, 0.0, 0.0, 0.5, 1.0), latency=0.4) == ([0.25, 0.0, 0.0, 0.5, 1.0], 0)
    assert through((0.0, 0.0, 0.0, 0.75, 0.0), latency=0.4)[0][3] == 0.5
    assert through((0.0, 0.0, 0.0, 0.75, 0.0), latency=0.4)[1] == LATENCY


def test_a_rate_rises_by_its_slew_and_falls_at_once() -> None:
    gate = Gate(FREE, DT_S)
    for asked, reached, bits in ((0.25, 0.1, SLEW), (0.25, 0.2, SLEW), (0.25, 0.25, 0), (0.1, 0.1, 0), (0.0, 0.0, 0)):
        done, clamped = gate.step((asked, 0.0, 0.0, -2 * asked, 0.0), None, 0.0)
        assert done[0] == pytest.approx(reached)
        assert done[3] == pytest.approx(-2 * reached)
        assert clamped == bits
    assert gate.step((-0.3, 0.0, 0.0, 0.0, 0.0), None, 0.0)[0][0] == pytest.approx(-0.1)
    assert gate.step((-0.3, 0.0, 0.0, 0.0, 0.0), None, 0.0)[0][0] == pytest.approx(-0.2)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_reversal_passes_through_zero(sign: float) -> None:
    gate = Gate(FREE, DT_S)
    gate.step((sign * 0.1, 0.0, 0.0, 0.0, 0.0), None, 0.0)
    assert gate.step((sign * -0.1, 0.0, 0.0, 0.0, 0.0), None, 0.0)[0].tolist() == [0.0] * 5
    assert gate.step((sign * -0.3, 0.0, 0.0, 0.0, 0.0), None, 0.0)[0][0] == pytest.approx(sign * -0.1)


def test_a_target_moves_by_its_slew_both_ways() -> None:
    gate = Gate(FREE, DT_S)
    gate.last[4] = 0.5
    assert gate.step((0.0, 0.0, 0.0, 0.0, 1.0), None, 0.0)[0][4] == pytest.approx(0.6)
    assert gate.step((0.0, 0.0, 0.0, 0.0, 0.0), None, 0.0)[0][4] == pytest.approx(0.5)
    assert gate.step((0.0, 0.0, 0.0, 0.0, 0.45), None, 0.0)[1] == 0


def test_standing_still_is_one_tick_away_and_keeps_the_gripper() -> None:
    gate = Gate(QUICK, DT_S)
    gate.step((0.5, 0.0, 0.0, 1.0, 0.75), None, 0.0)
    done, bits = gate.step(None, None, 9.0)
    assert done.tolist() == [0.0, 0.0, 0.0, 0.0, 0.75]
    assert gate.rest() == (0.0, 0.0, 0.0, 0.0, 0.75)
    assert bits == 0


def test_a_restarted_gate_takes_the_gripper_as_it_stands() -> None:
    gate = Gate(POINT, DT_S)
    gate.adopt([0.25, 0.625])
    assert gate.rest() == (0.0, 0.0, 0.0, 0.0, 0.625)
    gate.adopt([0.25, 1.5])
    assert gate.rest()[4] == 1.0
    gate.adopt([0.25, -0.5])
    assert gate.rest()[4] == 0.0


def test_only_targets_that_the_state_names_are_taken() -> None:
    odd = msgspec.structs.replace(POINT, action=(Axis("x", "m/s", -1, 1, 1.0), Axis("lid", "1", 0.0, 1.0, 1.0)), workspace=None)
    gate = Gate(odd, DT_S)
    gate.adopt([0.25, 0.625])
    assert gate.last == [0.0, 0.0]


@pytest.mark.parametrize("side", [0, 1, 2])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_outward_at_the_border_stops_and_inward_passes(side: int, sign: float) -> None:
    boxed = msgspec.structs.replace(QUICK, workspace=POINT.workspace)
    tool, asked = [0.0, 0.0, 0.5], [0.0] * 5
    assert boxed.workspace is not None
    tool[side] = boxed.workspace.high[side] if sign > 0 else boxed.workspace.low[side]
    asked[side] = sign * 0.3
    assert through(tuple(asked), boxed, tool=tuple(tool)) == ([0.0] * 5, WORKSPACE)
    asked[side] = sign * -0.3
    assert through(tuple(asked), boxed, tool=tuple(tool))[1] == 0
    tool[side] += sign * 0.01
    done, bits = through(tuple(asked), boxed, tool=tuple(tool))
    assert done[side] == pytest.approx(sign * -0.3)
    assert bits == 0
    asked[side] = sign * 0.3
    assert through(tuple(asked), boxed, tool=tuple(tool)) == ([0.0] * 5, WORKSPACE)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_near_the_border_it_brakes(sign: float) -> None:
    boxed = msgspec.structs.replace(QUICK, workspace=POINT.workspace)
    done, bits = through((sign * 0.45, 0.1, 0.0, 0.0, 0.0), boxed, tool=(sign * 0.96875, 0.0, 0.5))
    assert done[:2] == pytest.approx([sign * 0.3125, 0.1])
    assert bits == WORKSPACE
    assert through((sign * 0.3125, 0.0, 0.0, 0.0, 0.0), boxed, tool=(sign * 0.96875, 0.0, 0.5))[1] == 0


def test_with_a_workspace_and_no_known_tool_nothing_translates() -> None:
    boxed = msgspec.structs.replace(QUICK, workspace=POINT.workspace)
    assert through((0.3, -0.3, 0.1, 0.5, 0.75), boxed, tool=None) == ([0.0, 0.0, 0.0, 0.5, 0.75], WORKSPACE)


def test_axes_are_found_by_name_not_by_place() -> None:
    mixed = msgspec.structs.replace(QUICK, action=QUICK.action[::-1], workspace=POINT.workspace)
    done, bits = through((0.5, 0.9, 0.5, 0.0, 0.0), mixed, tool=(0.0, 0.0, 1.0))
    assert done == pytest.approx([0.5, 0.9, 0.0, 0.0, 0.0])
    assert bits == WORKSPACE


def test_joint_robots_have_no_translation_to_limit() -> None:
    joints = msgspec.structs.replace(POINT, action=(Axis("q1", "rad/s", -1, 1, 100.0),), workspace=None)
    assert through((2.0,), joints) == ([1.0], LIMIT)
    assert through((1.0,), joints, latency=0.4) == ([0.5], LATENCY)
    camera_only = msgspec.structs.replace(POINT, action=(), workspace=None)
    assert through((), camera_only) == ([], 0)


numbers = st.one_of(st.floats(-2.0, 2.0, width=32), st.sampled_from([0.0, 0.5, -0.5, 1.0, math.nan, math.inf, -math.inf, 3e38]))


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.tuples(*[numbers] * 5)), st.floats(0.0, 2.0),
            st.one_of(st.none(), st.tuples(*[st.floats(-1.2, 1.2)] * 3)),
        ),
        max_size=8,
    )
)  # fmt: skip
def test_i13_nothing_gets_past_limits_speed_latency_slew_and_workspace(
    ticks: list[tuple[tuple[float, ...] | None, float, tuple[float, float, float] | None]],
) -> None:
    gate, last = Gate(POINT, DT_S), np.zeros(5)
    for asked, latency, tool in ticks:
        done, bits = gate.step(asked, tool, latency)
        share = min(1.0, 0.2 / latency) if latency else 1.0
        assert np.isfinite(done).all()
        assert np.hypot.reduce(done[:3]) <= 0.5 * share + 1e-6
        assert abs(done[3]) <= 1.0 * share + 1e-6
        assert 0.0 <= done[4] <= 1.0
        slews = np.array([axis.slew for axis in POINT.action]) * DT_S
        assert (np.abs(done[:4]) <= np.abs(last[:4]) + slews[:4] + 1e-6).all()
        assert (done[:4] * last[:4] >= 0).all()
        assert abs(done[4] - last[4]) <= slews[4] + 1e-6
        if asked is None:
            assert not done[:4].any()
            assert bits == 0
        for side in range(3):
            if tool is None or tool[side] >= (1.0, 1.0, 1.0)[side]:
                assert done[side] <= 0
            if tool is None or tool[side] <= (-1.0, -1.0, 0.0)[side]:
                assert done[side] >= 0
        if asked is not None and not np.allclose(done, asked, atol=1e-6):
            assert bits, "a change must be said"
        last = done.astype(float)


def test_rest_before_anything_is_zero() -> None:
    assert Gate(POINT, DT_S).rest() == ZERO
