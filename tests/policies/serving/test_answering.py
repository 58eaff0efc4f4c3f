"""What one robot sends, or what the policy says to it, harms no other robot of its batch."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from policies.learning.doubt import Band, fit, keep
from policies.serving import pictures
from policies.serving.answering import CalibratedGauge, answer
from policies.serving.question import Question
from protocol.errors import Refused
from protocol.inference import Chunk, Trouble
from protocol.policy import Observation, Policy, Reasoning, Target
from tests.policies.serving.rig import Acting, decision, heard, jpeg, question

WRONG: dict[str, Any] = {
    "NaN": decision(actions=np.full((4, 2), np.nan, np.float32)),
    "too few axes": decision(actions=np.zeros((4, 1), np.float32)),
    "one row": decision(actions=np.zeros(2, np.float32)),
    "no step at all": decision(actions=np.zeros((0, 2), np.float32)),
    "huge": decision(actions=np.full((4, 2), 1e6, np.float32)),
    "infinite": decision(actions=np.full((4, 2), np.inf, np.float32)),
    "whole numbers": decision(actions=np.zeros((4, 2), np.int64)),
    "a list": decision(actions=[[0.0] * 2]),
    "steps without length": decision(dt_s=math.nan),
    "features that are no numbers": decision(features=np.full(3, np.nan, np.float32)),
    "steps of words": decision(dt_s="soon"),
    "scores of words": decision(scores={"spread": "wide"}),
    "scores that are none": decision(scores=None),
    "nothing": None,
    "words": "go left",
}


def says(batch: list[Question], policy: Policy, gauge: Any = None) -> list[Chunk | Trouble]:
    return [heard(one) for _, one in answer(batch, policy, gauge).said]


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_decision_is_trouble_for_its_robot_alone(case: str) -> None:
    def act(one: Observation) -> Any:
        return WRONG[case] if one.instruction == "bad" else decision()

    said = says([question("a"), question("b", instruction="bad"), question("c")], Acting(act))
    assert [type(one) for one in said] == [Chunk, Trouble, Chunk]
    assert isinstance(said[1], Trouble)
    assert (said[1].code, said[1].sentence[-1]) == ("policy_output", ".")


@pytest.mark.parametrize("answered", [[], [decision()], None])
def test_too_few_answers_are_trouble_for_all_of_them(answered: Any) -> None:
    class Short:
        def act(self, batch: list[Observation]) -> Any:
            return [] if len(batch) == 1 else answered

    said = says([question("a"), question("b"), question("c")], Short())
    assert [one.code for one in said if isinstance(one, Trouble)] == ["policy_output"] * 3


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), Refused("policy_input", "No.")])
def test_a_batch_that_fails_is_halved_until_it_is_known_whose_fault_it_is(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)

    def act(one: Observation) -> Any:
        if one.instruction == "bad":
            raise error
        return decision()

    batch = [question(str(index), instruction="bad" if index == 5 else "good") for index in range(8)]
    policy = Acting(act)
    said = says(batch, policy)
    assert [index for index, one in enumerate(said) if isinstance(one, Trouble)] == [5]
    assert policy.asked == [8, 4, 4, 2, 1, 1, 2]


@pytest.mark.parametrize(
    "fields",
    [
        {"state": b"123"},
        {"state": b""},
        {"pictures": {"scene": b"no picture"}},
        {"pictures": {"nowhere": jpeg()}},
        {"pictures": {"scene": jpeg()[:200]}},
        {"prefix": b"1234567890"},
        {"delay_steps": 3},
        {"prefix": np.full(2, np.nan, "<f4").tobytes(), "delay_steps": 1},
    ],
)
def test_what_cannot_be_read_never_reaches_the_policy(fields: dict[str, Any]) -> None:
    policy = Acting(lambda _: decision())
    first, second = says([question("a", **fields), question("b")], policy)
    assert isinstance(first, Trouble)
    assert isinstance(second, Chunk)
    assert policy.asked == [1]


def test_a_picture_that_claims_to_be_huge_is_refused_before_it_is_decoded() -> None:
    raw = jpeg()
    at = raw.index(b"\xff\xc0")
    bomb = raw[: at + 5] + b"\xff\xff\xff\xff" + raw[at + 9 :]
    assert pictures.size_of(bomb) == (65535, 65535)
    with pytest.raises(Refused, match="640"):
        pictures.decode(bomb, "scene")


def test_colours_come_out_as_they_went_in() -> None:
    import cv2

    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 2] = 255  # as OpenCV has them
    decoded = pictures.decode(bytes(cv2.imencode(".jpg", red)[1]), "scene")
    assert decoded[8, 8].tolist()[0] > 240
    assert decoded[8, 8].tolist()[2] < 15


def test_what_the_policy_is_given_is_what_the_robot_sent() -> None:
    seen: list[Observation] = []

    def act(one: Observation) -> Any:
        seen.append(one)
        return decision()

    prefix = np.arange(4, dtype="<f4").tobytes()
    [said] = says([question(captured_ns=77, prefix=prefix, delay_steps=1, n=9)], Acting(act))
    assert isinstance(said, Chunk)
    assert (said.n, said.captured_ns, said.axes, said.batch) == (9, 77, 2, 1)
    [one] = seen
    assert one.prefix is not None
    assert (one.prefix.shape, one.delay_steps, one.images["scene"].shape) == ((2, 2), 1, (24, 32, 3))


def test_a_place_that_is_no_number_is_not_shown() -> None:
    wild = Reasoning("reach", Target("red cube", 0.9, position_m=(math.nan, 0.0, 0.0)))
    good = Reasoning("reach", Target("red cube", 0.9, position_m=(0.1, 0.0, 0.0)))
    answers = iter([decision(reasoning=wild, scores={"spread": math.inf, "x": 1.0}), decision(reasoning=good)])
    first, second = says([question("a"), question("b")], Acting(lambda _: next(answers)))
    assert isinstance(first, Chunk) and isinstance(second, Chunk)
    assert (first.reasoning, second.reasoning) == (None, good)
    assert first.scores == {"x": 1.0}


@pytest.mark.parametrize(
    "reasoning",
    ["I think", Reasoning("reach", keypoints={"main": np.zeros((3, 2))}), Reasoning("x" * 100_000)],  # type: ignore[dict-item]
)
def test_a_reasoning_that_no_message_carries_is_left_out(reasoning: Any) -> None:
    [said] = says([question()], Acting(lambda _: decision(reasoning=reasoning)))
    assert isinstance(said, Chunk) and said.reasoning is None


# -- doubt --------------------------------------------------------------------------------------------


@pytest.fixture
def gauge(tmp_path: Path) -> CalibratedGauge:
    features = np.random.default_rng(0).normal(size=(200, 3))
    keep(tmp_path / "calibration.safetensors", fit(features), Band(np.array([1.0, 2.0]), np.array([0.5, math.inf])))
    return CalibratedGauge(tmp_path / "calibration.safetensors")


def test_doubt_is_told_with_the_limit_of_the_run_s_step(gauge: CalibratedGauge) -> None:
    far = decision(features=np.full(3, 9.0, np.float32))
    near, away = (
        says([question(n=n, step=0)], Acting(lambda _, what=what: what), gauge)[0] for n, what in ((1, decision()), (2, far))
    )
    assert isinstance(near, Chunk) and isinstance(away, Chunk)
    assert near.doubt is not None and away.doubt is not None and near.limit == away.limit == 1.5
    assert near.doubt < near.limit < away.doubt


def test_a_limit_that_nothing_reaches_is_no_limit(gauge: CalibratedGauge) -> None:
    [later] = says([question(step=40)], Acting(lambda _: decision()), gauge)
    assert isinstance(later, Chunk) and (later.limit, later.doubt is not None) == (None, True)


def test_a_calibration_that_holds_no_number_is_not_used(tmp_path: Path) -> None:
    familiar, path = fit(np.random.default_rng(0).normal(size=(200, 3))), tmp_path / "calibration.safetensors"
    for mean, width in ((1.0, math.nan), (math.nan, 1.0), (1.0, -math.inf)):
        keep(path, familiar, Band(np.array([mean]), np.array([width])))
        with pytest.raises(Refused, match="calibration_damaged"):
            CalibratedGauge(path)


def test_who_is_not_calibrated_says_so(gauge: CalibratedGauge) -> None:
    [plain] = says([question()], Acting(lambda _: decision()))
    assert isinstance(plain, Chunk) and (plain.doubt, plain.limit) == (None, None)
    other = decision(features=np.zeros(5, np.float32))
    [misfit] = says([question()], Acting(lambda _: other), gauge)
    assert isinstance(misfit, Trouble) and misfit.code == "calibration_misfit"
