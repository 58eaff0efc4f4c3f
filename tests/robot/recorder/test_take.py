"""I18: the recording never claims an episode saved before it was read back from the disk."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from protocol.episode_folder import check_folder
from protocol.errors import Refused
from robot.recorder.contents import Tick
from robot.recorder.finalise import Home
from robot.recorder.take import TRANSITIONS, Act, State, Take
from tests.robot.recorder.rig import START_NS, recorder, ticks

STATES: tuple[State, ...] = ("idle", "recording", "finalising", "saved", "failed")
ACTS: tuple[Act, ...] = ("begin", "end", "discard", "keep", "save", "fail", "empty")
SPOILT = ("", "", "scene.mp4", "frames.parquet")
KILLED = ("", "", "hashed", "renamed")
SOME: list[Tick] = []


def some_ticks() -> list[Tick]:
    """Made once: encoding them again in each example would only cost time."""
    if not SOME:
        SOME.extend(ticks(6))
    return SOME


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("act", ACTS)
def test_only_the_transitions_of_the_table_are_possible(state: State, act: Act) -> None:
    take = Take()
    take.state = state
    if (state, act) in TRANSITIONS:
        take.check(act)
    else:
        with pytest.raises(Refused, match="recording_state"):
            take.check(act)


def test_saved_is_reached_from_finalising_alone() -> None:
    assert {source for (source, _), target in TRANSITIONS.items() if target == "saved"} == {"finalising"}


def test_recording_is_not_claimed_before_the_log_has_bytes() -> None:
    take = Take()
    with pytest.raises(Refused, match="recording_state"):
        take.begin("0" * 32, 0)
    assert take.state == "idle"


def test_another_episode_read_back_saves_nothing(tmp_path: Path) -> None:
    rec = recorder(tmp_path)
    rec.start("", START_NS)
    for tick in some_ticks():
        rec.tick(tick)
    meta = check_folder(rec.stop())
    take = Take()
    take.keep("f" * 32)
    with pytest.raises(Refused, match="recording_state"):
        take.save(meta)
    assert take.state == "finalising"


class Killed(Exception):
    """Stands for kill -9 at a step: nothing after it runs."""


class Saving(RuleBasedStateMachine):
    """A recorder on a real folder that is killed, whose disk lies, and that is started again."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="take-"))
        self.rec = recorder(self.folder)
        self.kept: dict[str, int] = {}  # episodes that were claimed saved, and their rows

    @precondition(lambda self: self.rec.take.state in ("idle", "saved", "failed"))
    @rule()
    def start(self) -> None:
        self.rec.start("Put it there", START_NS)

    @precondition(lambda self: self.rec.take.state == "recording")
    @rule(count=st.integers(1, 6))
    def record(self, count: int) -> None:
        for tick in some_ticks()[:count]:
            self.rec.tick(tick)

    @precondition(lambda self: self.rec.take.state == "recording")
    @rule(
        spoil=st.sampled_from(("", "", "scene.mp4", "frames.parquet")),
        kill=st.sampled_from(("", "", "hashed", "renamed")),
    )
    def stop(self, spoil: str, kill: str) -> None:
        log = self.rec.end("success")
        self.save(log, spoil, kill)

    @precondition(lambda self: self.rec.take.state in ("idle", "saved", "failed"))
    @rule(count=st.integers(1, 6), spoil=st.sampled_from(SPOILT), kill=st.sampled_from(KILLED))
    def whole_take(self, count: int, spoil: str, kill: str) -> None:
        """Rules chosen blindly seldom reach a save; this one always does."""
        self.start()
        self.record(count)
        self.stop(spoil, kill)

    @precondition(lambda self: self.rec.take.state == "recording")
    @rule()
    def discard(self) -> None:
        self.rec.discard()

    @precondition(lambda self: self.rec.take.state in ("idle", "saved", "failed"))
    @rule()
    def undo(self) -> None:
        try:
            log = self.rec.undo()
        except Refused as refused:
            assert refused.code == "nothing_discarded"
        else:
            self.save(log, "", "")

    @rule(torn=st.integers(0, 60))
    def kill_and_start_again(self, torn: int) -> None:
        if self.rec.take.state == "recording":
            log = self.rec.home.log(self.rec.take.episode)
            raw = log.read_bytes()
            log.write_bytes(raw[: len(raw) - torn])
        self.rec = recorder(self.folder)
        for log in self.rec.left_over():
            self.rec.take.keep(log.stem)
            self.save(log, "", "")

    def save(self, log: Path, spoil: str, kill: str) -> None:
        def step(name: str) -> None:
            assert self.rec.take.state == "finalising"
            if name == kill:
                raise Killed
            if name == "written" and spoil:
                (path,) = (self.rec.home.episodes / f".new-{log.stem}").rglob(spoil)
                raw = bytearray(path.read_bytes())
                raw[len(raw) // 2] ^= 1
                path.write_bytes(raw)

        try:
            meta = self.rec.save(log, step)
        except Killed:
            self.rec = recorder(self.folder)
        except Refused:
            assert spoil
            assert log.exists()
        else:
            assert not spoil or meta is None
            if meta is not None:
                self.kept[meta.id] = meta.rows

    @invariant()
    def saved_means_whole_on_the_disk(self) -> None:
        if not hasattr(self, "rec"):
            return
        if self.rec.take.state == "saved":
            folder = self.rec.home.episodes / self.rec.take.episode
            assert check_folder(folder).rows == self.kept[self.rec.take.episode]

    @invariant()
    def whatever_bears_a_name_is_whole(self) -> None:
        if hasattr(self, "rec"):
            for folder in Home(self.folder).saved():
                check_folder(folder)

    @invariant()
    def what_was_saved_stays(self) -> None:
        if hasattr(self, "rec"):
            assert set(self.kept) <= set(os.listdir(self.rec.home.episodes))

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)


TestSaving = Saving.TestCase
TestSaving.settings = settings(
    max_examples=60, stateful_step_count=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
