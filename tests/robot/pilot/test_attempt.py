"""A run in lock step with a real kernel: what makes it move, hold, go on and end."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from protocol import wire
from protocol.policy import Reasoning
from protocol.runs import RunReport
from robot.kernel import door as kernel_door
from robot.pilot.thinker import Question, Thought, Trouble
from robot.recorder import door as recorder_door
from tests.robot.pilot.lock_step import FORTH, HORIZON, LockStep, forth, moving, still, thought


def test_it_takes_the_lease_records_and_follows_chunks_under_its_own_name(stage: LockStep) -> None:
    assert stage.told[0].phase == "starting"
    moving(stage)
    row = stage.bench.row()
    assert (row.pilot, row.mode, row.chunk) == ("policy", "AUTONOMY", stage.attempt.queue.chunk.number)  # type: ignore[union-attr]
    (start,) = stage.recorder
    assert isinstance(start, recorder_door.Start)
    assert (start.instruction, start.name) == ("Go forth", "starter 1")
    assert stage.episodes == [stage.told[-1].episode] == ["ee" * 16]
    pilots = stage.pilots()
    assert pilots[pilots.index("policy") - 1] == "hold" or "hold" in pilots  # neutral first
    stage.tick(5.0)
    assert stage.attempt.run.phase == "moving"
    chunks = [report for report in stage.told if report.phase == "moving"]
    assert len(chunks) <= 60 and all(b.n == a.n + 1 for a, b in pairwise(chunks))
    assert stage.told[-1].delay_ms == pytest.approx(80, abs=21)
    assert stage.told[-1].seam == pytest.approx(0.0, abs=1e-6)


def test_questions_say_what_will_be_done_meanwhile_and_count(stage: LockStep) -> None:
    moving(stage)
    stage.tick(1.0)
    first, *_, last = stage.thinker.asked
    assert first.prefix is None and first.delay_steps == 0
    assert last.prefix is not None and last.prefix.shape[1] == 5
    assert [question.step for question in stage.thinker.asked] == list(range(len(stage.thinker.asked)))
    assert len({question.captured_ns for question in stage.thinker.asked}) == len(stage.thinker.asked)


def test_without_pictures_no_lease_is_asked_for(stage: LockStep) -> None:
    stage.eyes.age_s = None
    stage.tick(2.0)
    assert stage.bench.status().lease is None
    report = stage.until("ended")
    assert (report.result, report.reason) == ("refused", "picture_missing")
    assert stage.recorder == [] and stage.kept == [report]


def test_a_permit_that_is_old_is_refused_and_nothing_is_recorded(stage: LockStep) -> None:
    stage.eyes.age_s = None
    stage.tick(1.0)
    stage.bench.kernel.authority.nonces.burn()
    stage.eyes.age_s = 0.02
    report = stage.until("ended")
    assert (report.result, report.reason) == ("refused", "permit_expired")
    assert stage.recorder == []


def test_a_recorder_that_is_busy_is_asked_again_and_one_that_refuses_ends_it(tmp_path: Path) -> None:
    busy = recorder_door.Answer(code="recording_state", sentence="Being saved.", detail={"state": "finalising"})
    full = recorder_door.Answer(code="disk_full", sentence="The disk is full.")
    stage = LockStep(tmp_path)
    stage.refusals = [busy, busy]
    stage.until("moving")
    assert len(stage.recorder) == 3
    (tmp_path / "b").mkdir()
    other = LockStep(tmp_path / "b")
    other.refusals = [full]
    report = other.until("ended")
    assert (report.result, report.reason) == ("refused", "disk_full")
    other.bench.tick()
    assert other.bench.status().lease is None
    (tmp_path / "c").mkdir()
    silent = LockStep(tmp_path / "c")
    silent.records = False
    assert silent.until("ended").reason == "recorder_away"
    stop = silent.recorder[-1]  # whatever it has begun meanwhile
    assert isinstance(stop, recorder_door.Stop) and stop.discard


def test_an_end_before_the_recorder_has_answered_stops_what_it_begins(stage: LockStep) -> None:
    stage.records = False
    stage.tick(1.5)
    assert isinstance(stage.recorder[-1], recorder_door.Start)
    stage.end("cancelled")
    stop = stage.recorder[-1]
    assert isinstance(stop, recorder_door.Stop) and (stop.outcome, stop.discard) == ("unlabelled", False)


@pytest.mark.parametrize(
    "actions",
    [
        np.full((HORIZON, 5), np.nan),
        np.full((HORIZON, 5), np.inf),
        np.full((HORIZON, 5), 1e9),
        np.zeros((HORIZON, 4)),
        np.zeros((0, 5)),
        np.zeros((2000, 5)),
        np.zeros(5),
    ],
)
def test_a_chunk_that_no_robot_may_follow_is_not_followed_for_a_single_tick(stage: LockStep, actions: object) -> None:
    moving(stage)
    stage.thinker.says = lambda question: thought(question, actions)
    report = stage.until("holding", "policy_output")
    assert report.sentence.endswith("Take over or end the run.")
    still(stage)
    asked = len(stage.thinker.asked)
    stage.tick(3.0)
    assert len(stage.thinker.asked) == asked  # nothing would come of asking again
    assert stage.bench.status().lease is not None
    assert stage.bench.row().pilot == "hold"
    stage.thinker.says = forth
    stage.resume()
    moving(stage)


def test_trouble_that_asking_again_would_not_cure_holds_and_other_trouble_starves(stage: LockStep) -> None:
    moving(stage)
    stage.thinker.says = lambda question: Trouble(question.n, "queue_full", "Too many robots ask.")
    report = stage.until("holding", "starved")
    assert report.sentence == "Too many robots ask."
    asked = len(stage.thinker.asked)
    stage.tick(2.0)
    assert asked < len(stage.thinker.asked) <= asked + 9
    stage.thinker.says = forth
    moving(stage)
    stage.thinker.says = lambda question: Trouble(question.n, "policy_output", "The policy failed.")
    assert stage.until("holding", "policy_output").sentence == "The policy failed."


def test_silence_starves_within_a_horizon_and_it_goes_on_by_itself(stage: LockStep) -> None:
    moving(stage)
    stage.thinker.says = lambda question: None
    began = stage.bench.now
    stage.until("holding", "starved")
    assert stage.bench.now - began < HORIZON * 0.1 + 0.1
    still(stage, 0.06)
    stage.tick(5.0)
    assert stage.bench.status().lease is not None and stage.bench.status().reason == "GRANTED"
    stage.thinker.says = forth
    moving(stage)


def test_a_policy_that_thinks_for_ten_seconds_moves_nothing(stage: LockStep) -> None:
    """SAFETY F31."""
    moving(stage)
    stage.thinker.delay_s = 10.0
    stage.until("holding", "starved")
    stage.tick(15.0)
    assert stage.attempt.run.phase == "holding"
    assert "came 10" in stage.attempt.run.sentence
    still(stage)
    stage.thinker.delay_s = 0.05
    moving(stage)


def test_a_server_that_is_away_is_named_and_waited_for(stage: LockStep) -> None:
    moving(stage)
    stage.thinker.away = "it does not answer"
    stage.thinker.says = lambda question: None
    assert "it does not answer" in stage.until("holding", "server_away").sentence
    stage.thinker.away, stage.thinker.says = "", forth
    moving(stage)


def test_a_start_without_a_chunk_says_why_it_does_not_move(stage: LockStep) -> None:
    stage.thinker.says = lambda question: Trouble(question.n, "policy_loading", "The policy is being loaded.")
    report = stage.until("starting", "policy_loading")
    assert report.sentence == "The policy is being loaded." and report.seconds == 0.0
    stage.until("holding", "starved", 40.0)
    stage.thinker.says = forth
    moving(stage)


@pytest.mark.parametrize(
    ("doubt", "limit", "holds"), [(1.0, 1.0, True), (0.9, 1.0, False), (float("nan"), 1.0, True), (9.0, None, False)]
)
def test_doubt_holds_at_its_limit(stage: LockStep, doubt: float, limit: float | None, holds: bool) -> None:
    moving(stage)
    stage.thinker.says = lambda question: thought(question, np.tile(FORTH, (HORIZON, 1)), doubt, limit)
    stage.tick(1.0)
    assert (stage.attempt.run.phase, stage.attempt.run.reason) == (("holding", "doubt") if holds else ("moving", ""))
    if holds:
        still(stage)
        stage.resume()  # looks again, and doubts again
        stage.until("holding", "resuming")
        stage.until("holding", "doubt")
        stage.resume(doubt_off_s=5.0)
        moving(stage)
        stage.until("holding", "doubt", 6.0)
    elif limit is not None:
        assert stage.bench.row().uncertainty == pytest.approx(0.9)


@pytest.mark.parametrize(
    "reasoning",
    [
        Reasoning("reach", keypoints={"scene": [(1.0, 2.0)] * 50_000}),
        Reasoning("reach", waypoint_m=(float("nan"), 0.0, 0.0)),
    ],
)
def test_a_reasoning_that_no_report_can_carry_is_left_out_of_it(stage: LockStep, reasoning: Reasoning) -> None:
    stage.thinker.says = lambda question: replace(forth(question), reasoning=reasoning)
    moving(stage)
    for report in stage.told:
        assert wire.decode(wire.encode(report), RunReport) == report


def test_a_long_sentence_of_a_policy_is_cut(stage: LockStep) -> None:
    moving(stage)
    stage.thinker.says = lambda question: Trouble(question.n, "policy_output", "No. " * 100_000)
    report = stage.until("holding", "policy_output")
    assert wire.decode(wire.encode(report), RunReport) == report


def test_an_answer_to_the_acquire_of_another_run_is_none_to_this_one(tmp_path: Path) -> None:
    asked = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        hands = LockStep(tmp_path / name).attempt.hands
        hands.acquire(None, 1.0)  # type: ignore[arg-type]
        asked.append(hands._asked)
    assert asked[0] != asked[1]


def test_no_progress_holds(stage: LockStep) -> None:
    moving(stage)  # its body says that the tool stays where it is
    report = stage.until("holding", "no_progress", 9.0)
    assert "1 cm" in report.sentence
    still(stage)
    stage.resume()
    moving(stage)
    assert stage.until("holding", "no_progress", 9.0)


def test_the_world_ends_it_when_its_goal_is_reached(stage: LockStep) -> None:
    moving(stage)
    stage.reached = True
    report = stage.until("ended")
    assert (report.result, report.judge, report.reason) == ("success", "world", "done")
    assert stage.kept == [report] and stage.told[-1] == report
    stop = stage.recorder[-1]
    assert isinstance(stop, recorder_door.Stop) and stop.outcome == "success"
    stage.bench.tick()
    stage.bench.tick()
    assert stage.bench.status().lease is None and stage.speed == 0.0
    stage.end("failure")  # it is over
    stage.tick(1.0)
    assert stage.kept == [report]


@pytest.mark.parametrize(
    ("result", "outcome"),
    [("success", "success"), ("failure", "failure"), ("cancelled", "unlabelled"), ("interrupted", "unlabelled")],
)
def test_a_person_ends_it_and_says_how_it_went(stage: LockStep, result: str, outcome: str) -> None:
    moving(stage)
    stage.end(result)
    assert (stage.told[-1].result, stage.told[-1].judge, stage.told[-1].phase) == (result, "person", "ended")
    assert stage.recorder[-1].outcome == outcome  # type: ignore[attr-defined]


def test_a_silent_kernel_refuses_the_run(stage: LockStep) -> None:
    for _ in range(200):
        stage.bench.now += 0.02
        stage.attempt.tick(stage.bench.now, kernel_door.decode_status(stage.bench.status_box.get()[0]))  # type: ignore[index]
    assert (stage.told[-1].result, stage.told[-1].reason) == ("refused", "kernel_silent")


def test_a_recording_that_ends_by_itself_ends_the_run(stage: LockStep) -> None:
    moving(stage)
    for episode in ("dd" * 16, stage.attempt.episode):
        assert stage.attempt.run.phase == "moving"
        happened = recorder_door.Happened(time_ns=1, event="record_saved", episode=episode)
        stage.attempt.on_recorder(happened, stage.bench.now)
    assert (stage.told[-1].result, stage.told[-1].reason) == ("interrupted", "recording_ended")
    still(stage)


def test_trouble_of_the_run_before_is_none_of_this(stage: LockStep) -> None:
    stage.thinker.says = lambda asked: Trouble(asked.n, "policy_output", "Of the run before.")
    stage.thinker.ask(Question(57, "ef" * 16, "", 0, "point", 5, "Go", np.zeros(5, np.float32), {}))
    stage.thinker.says = forth
    moving(stage)


def test_answers_of_another_run_are_none_of_this(stage: LockStep) -> None:
    def other(question: Question) -> Thought:
        mine = forth(question)
        return Thought(mine.n, mine.captured_ns - 1, mine.actions, mine.dt_s)

    stage.thinker.says = other
    stage.tick(3.0)
    assert stage.attempt.run.phase == "starting" and stage.speed == 0.0
