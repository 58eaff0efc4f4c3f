"""Fences that outlive a restart, pictures for a policy, the table of a run, progress, and a policy in this process."""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path
from typing import get_args

import cv2
import msgspec
import numpy as np
import pytest

from protocol.errors import Refused
from protocol.runs import RunPhase, RunReport
from robot import durable
from robot.frame_ring import BLIND, FrameRing
from robot.pilot import local
from robot.pilot.eyes import Eyes, scaled, to_jpeg
from robot.pilot.fences import FILE, MAX_ENDS, Fences
from robot.pilot.local import LocalPolicy
from robot.pilot.progress import Progress
from robot.pilot.run import SENTENCES, TRANSITIONS, Act, Run, lost
from robot.pilot.thinker import Question, Thought, Trouble

RUN = "ab" * 16


def end(run: str = RUN, fence: int = 4) -> RunReport:
    return RunReport(run=run, fence=fence, n=9, time_ns=1, phase="ended", result="success")


# -- fences (I17)


def test_a_fence_is_used_once_also_by_a_new_process(tmp_path: Path) -> None:
    Fences(tmp_path).start(RUN, 4)
    again = Fences(tmp_path)
    assert again.started is not None and (again.started.run, again.started.fence) == (RUN, 4)
    for fence in (4, 3, 0):
        with pytest.raises(Refused, match="fenced"):
            again.start("cd" * 16, fence)
    again.end(end())
    assert again.started is None
    with pytest.raises(Refused, match="fenced"):
        Fences(tmp_path).check(4)
    Fences(tmp_path).check(5)


def test_an_end_is_kept_until_it_is_noted_and_of_many_the_newest(tmp_path: Path) -> None:
    fences = Fences(tmp_path)
    fences.start(RUN, 4)
    fences.recorded("ee" * 16)
    assert Fences(tmp_path).started == fences.started
    assert Fences(tmp_path).episode == "ee" * 16
    fences.end(end())
    assert (Fences(tmp_path).ends, Fences(tmp_path).episode) == ((end(),), "")
    fences.noted("cd" * 16)
    fences.noted(RUN)
    assert (fences.ends, Fences(tmp_path).ends) == ((), (end(),)), "a lease may be held: its heartbeats wait for no disk"
    fences.settle()
    assert Fences(tmp_path).ends == ()
    for number in range(MAX_ENDS + 3):
        fences.end(end(f"{number:032x}", 5 + number))
    assert len(Fences(tmp_path).ends) == MAX_ENDS
    assert Fences(tmp_path).highest == 5 + MAX_ENDS + 2  # also of runs that were refused before they began


def test_a_file_that_cannot_be_read_is_no_licence_to_begin(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b'{"highest":')
    with pytest.raises(Refused, match="runs_unreadable"):
        Fences(tmp_path)


def test_a_disk_that_takes_no_more_begins_nothing_and_its_ends_are_said_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fences = Fences(tmp_path)
    fences.start(RUN, 4)
    write = os.write
    monkeypatch.setattr(durable.os, "write", lambda fd, content: write(fd, content[:5]))  # a nearly full one takes a part
    with pytest.raises(Refused, match="runs_unwritable"):
        fences.start("cd" * 16, 5)
    with pytest.raises(Refused, match="runs_unwritable"):
        fences.end(end())
    assert (fences.highest, fences.ends) == (4, (end(),))
    monkeypatch.undo()
    again = Fences(tmp_path)
    assert again.started is not None and again.started.run == RUN, "what was on the disk is whole"
    fences.noted(RUN)
    with monkeypatch.context() as nearly_full:
        nearly_full.setattr(durable.os, "write", full)
        with pytest.raises(Refused, match="runs_unwritable"):
            fences.settle()
        fences.settle()  # not again and again
    monkeypatch.setattr(Path, "write_text", full)
    again.recorded("ee" * 16)


def full(*_: object) -> int:
    raise OSError(28, "No space left on device")


# -- the table


def test_nothing_leaves_an_end_and_every_other_phase_can_end_and_stand_still() -> None:
    phases, acts = get_args(RunPhase), get_args(Act)
    for phase, act in itertools.product(phases, acts):
        run = Run()
        run.phase = phase
        if (phase, act) in TRANSITIONS:
            assert run.go(act, "doubt") and run.phase == TRANSITIONS[phase, act]
            assert run.sentence == SENTENCES["doubt"]
        else:
            with pytest.raises(Refused, match="run_state"):
                run.go(act)
            assert run.phase == phase
    for phase in set(phases) - {"ended"}:
        assert TRANSITIONS[phase, "end"] == "ended"
        assert (phase, "hold") in TRANSITIONS
    assert not [act for phase, act in TRANSITIONS if phase == "ended"]
    assert ("taken", "follow") not in TRANSITIONS  # never from a person to a policy by itself


def test_the_same_again_is_no_news() -> None:
    run = Run()
    assert run.go("hold", "starved") and not run.go("hold", "starved") and run.go("hold", "doubt")


@pytest.mark.parametrize(
    ("kernel", "reason"),
    [
        ("REMOTE_STOP", "stopped"),
        ("PAGE_LEFT", "released"),
        ("VIDEO_STALE", "video_stale"),
        ("BODY_FOUND", "body_lost"),  # it was there again before the pilot looked
    ],
)
def test_the_kernels_reasons_are_a_runs_reasons(kernel: str, reason: str) -> None:
    assert lost(kernel) == reason
    assert SENTENCES[reason].endswith(".")


# -- progress


def test_progress_is_moving_the_tool_and_time_is_limited() -> None:
    progress = Progress(20.0)
    for tick in range(500):
        assert progress.hindered(0.02, (tick * 0.0005, 0.0, 0.0)) == ""
    said = ""
    for _ in range(390):
        said = progress.hindered(0.02, (1.0, 0.0, 0.0))
    assert said == ""
    assert "1 cm" in "".join(progress.hindered(0.02, (1.0, 0.005, 0.0)) for _ in range(20))
    progress.begin()
    for tick in range(999):
        assert progress.hindered(0.02, (tick * 0.05, 0.0, 0.0)) == ""
    assert "20 s" in progress.hindered(0.03, None)


# -- eyes


def picture(value: int, width: int = 64, height: int = 48) -> np.ndarray:  # type: ignore[type-arg]
    rgb = np.full((height, width, 3), (value, 20, 60), np.uint8)
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420), np.uint8)


@pytest.fixture
def eyes(tmp_path: Path) -> tuple[Eyes, dict[str, FrameRing]]:
    rings = {name: FrameRing.create(tmp_path / name, 64, 48, 4) for name in ("scene", "wrist")}
    return Eyes({name: tmp_path / name for name in ("scene", "wrist", "missing")}), rings


def test_what_is_seen_is_as_old_as_the_oldest_picture_and_has_the_size_that_was_ordered(
    eyes: tuple[Eyes, dict[str, FrameRing]],
) -> None:
    look, rings = eyes
    sizes = {"scene": (32, 24), "wrist": (64, 48)}
    assert look.newest_s(sizes) is None
    rings["scene"].put(1, 10.0, 1000, picture(100))
    assert look.newest_s(sizes) is None
    with pytest.raises(Refused, match="picture_missing"):
        look.look(sizes, 10.1)
    rings["wrist"].put(1, 10.2, 1200, picture(200))
    assert look.newest_s(sizes) == 10.0
    sight = look.look(sizes, 10.3)
    assert (sight.mono_s, sight.time_ns) == (10.0, 1000)
    assert {name: seen.shape for name, seen in sight.pictures.items()} == {"scene": (24, 32, 3), "wrist": (48, 64, 3)}
    assert sight.pictures["scene"].mean((0, 1)) == pytest.approx([100, 20, 60], abs=4)
    with pytest.raises(Refused, match="picture_old"):
        look.look(sizes, 10.51)
    rings["scene"].put(2, 10.4, 1400, picture(100), BLIND)
    with pytest.raises(Refused, match="picture_blind"):
        look.look(sizes, 10.5)
    rings["scene"].put(2, 10.4, 1400, picture(100))
    assert look.look(sizes, 10.6).mono_s == 10.2
    assert look.newest_s({"scene": (1, 1), "missing": (1, 1)}) is None


def test_pictures_that_this_robot_cannot_give_are_refused(eyes: tuple[Eyes, dict[str, FrameRing]]) -> None:
    look, _ = eyes
    for sizes, code in (
        ({"ceiling": (9, 9)}, "camera_unknown"),
        ({}, "invalid_field:pictures"),
        ({"scene": (0, 9)}, "invalid_field:pictures"),
    ):
        with pytest.raises(Refused, match=code):
            look.check(sizes)
    look.check({"scene": (9, 9)})


def test_pictures_are_scaled_as_policies_are_trained_and_keep_their_colours_in_jpeg() -> None:
    from policies.learning.config import CameraSlot
    from policies.learning.preprocess import scaled as trained

    rgb = np.random.default_rng(0).integers(0, 255, (480, 640, 3)).astype(np.uint8)
    assert np.array_equal(scaled(rgb, (96, 72)), trained(rgb, CameraSlot(name="scene")))
    assert scaled(rgb, (640, 480)) is rgb
    flat = np.full((72, 96, 3), (200, 40, 90), np.uint8)
    back = cv2.cvtColor(cv2.imdecode(np.frombuffer(to_jpeg(flat), np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    assert back.mean((0, 1)) == pytest.approx([200, 40, 90], abs=3)


# -- a policy in this process


class Strange:
    """A policy that fails as it is told to."""

    def __init__(self) -> None:
        self.fails: Exception | None = None

    def act(self, batch: list[object]) -> list[object]:
        from protocol.policy import Decision

        if self.fails is not None:
            raise self.fails
        return [Decision(np.zeros((8, 7), np.float32), 0.1, np.zeros(4, np.float32))]


def question(n: int) -> Question:
    return Question(n, RUN, "", 0, "kind", 5, "Go", np.zeros(3, np.float32), {})


def answer(thinker: LocalPolicy) -> Thought | Trouble:
    end_s = time.monotonic() + 20
    while time.monotonic() < end_s:
        if found := thinker.answers():
            return found[0]
        time.sleep(0.005)
    raise AssertionError("no answer")


def test_a_policy_in_this_process_answers_and_its_faults_are_answers_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    strange = Strange()
    monkeypatch.setattr(local, "open_local", lambda folder: (strange, None))
    thinker = LocalPolicy(tmp_path)
    thinker.ask(question(1))
    told = answer(thinker)
    assert isinstance(told, Thought) and (told.n, told.captured_ns, told.doubt) == (1, 5, None)
    strange.fails = Refused("policy_input", "There is no RGB picture.")
    thinker.ask(question(2))
    assert answer(thinker) == Trouble(2, "policy_input", "There is no RGB picture.")
    strange.fails = ZeroDivisionError("by nothing")
    thinker.ask(question(3))
    assert answer(thinker) == Trouble(3, "policy_output", "The policy failed: ZeroDivisionError: by nothing.")
    assert (thinker.away, thinker.loading) == ("", False)
    thinker.close()


@pytest.mark.parametrize("decided", [None, "go left", {"actions": []}])
def test_a_decision_that_is_none_is_a_fault_and_the_policy_answers_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, decided: object
) -> None:
    strange = Strange()
    monkeypatch.setattr(local, "open_local", lambda folder: (strange, None))
    thinker, act = LocalPolicy(tmp_path), strange.act
    monkeypatch.setattr(strange, "act", lambda batch: [decided])
    thinker.ask(question(1))
    told = answer(thinker)
    assert isinstance(told, Trouble) and told.code == "policy_output"
    monkeypatch.setattr(strange, "act", act)
    thinker.ask(question(2))
    assert isinstance(answer(thinker), Thought)
    thinker.close()


def test_a_calibration_of_another_policy_is_said_and_the_policy_answers_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from policies.learning.doubt import Band, Familiar

    usual = Familiar(np.zeros(9), np.eye(9)), Band(np.ones(1), np.ones(1))
    monkeypatch.setattr(local, "open_local", lambda folder: (Strange(), usual))
    thinker = LocalPolicy(tmp_path)
    for n in (1, 2):
        thinker.ask(question(n))
        told = answer(thinker)
        assert isinstance(told, Trouble) and (told.n, told.code) == (n, "calibration_misfit")
    thinker.close()


def test_a_folder_that_holds_no_policy_is_named(tmp_path: Path) -> None:
    thinker = LocalPolicy(tmp_path / "nothing")
    told = answer(thinker)
    assert isinstance(told, Trouble) and told.code == "policy_unusable"
    end_s = time.monotonic() + 5
    while thinker.loading and time.monotonic() < end_s:
        time.sleep(0.005)
    assert thinker.broken and thinker.away


def test_a_policys_folder_is_opened_with_what_is_usual_for_it(tmp_path: Path) -> None:
    from policies.learning.checkpoint import save_policy
    from policies.learning.doubt import Band, Familiar, keep
    from policies.learning.folder import CALIBRATION
    from robot.world.embodiments import TABLETOP
    from tests.policies.learning.test_realtime import observation, policy

    made, folder = policy("flow"), tmp_path / "policy"
    save_policy(folder, made.model, made.scales, made.card)
    width = len(made.act([observation()])[0].features)
    keep(folder / CALIBRATION, Familiar(np.zeros(width), np.eye(width)), Band(np.array([1.0, 2.0]), np.array([0.5, 0.5])))
    thinker, seen = LocalPolicy(folder), observation()
    thinker.ask(
        Question(1, RUN, "", 3, TABLETOP.kind, 5, "Lift it", seen.state, seen.images, np.zeros((4, 7), np.float32), 1)
    )  # fmt: skip
    told = answer(thinker)
    assert isinstance(told, Thought)
    assert told.actions.shape == (8, 7) and told.limit == 2.5 and told.doubt is not None and told.doubt > 0
    assert told.reasoning is not None
    thinker.close()


def test_a_policys_folder_that_lost_its_calibration_is_not_opened_without(tmp_path: Path) -> None:
    from policies.learning.checkpoint import save_policy
    from tests.policies.learning.test_realtime import policy

    made, folder = policy("flow"), tmp_path / "policy"
    card = msgspec.structs.replace(made.card, figures={"doubt": {"alpha": 0.15, "runs": 60}})
    save_policy(folder, made.model, made.scales, card)
    with pytest.raises(Refused) as refused:
        local.open_local(folder)
    assert refused.value.code == "calibration_damaged"
