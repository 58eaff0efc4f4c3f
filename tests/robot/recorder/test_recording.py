"""What the recorder answers, when it ends an episode by itself, what it keeps from before."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from protocol.episode_folder import check_folder
from protocol.errors import Refused
from robot.recorder import door
from robot.recorder.contents import Happening
from robot.recorder.episode_recorder import Limits
from robot.recorder.finalise import finalise
from robot.recorder.preroll import PreRoll
from robot.recorder.recording import Now, Recording
from robot.recorder.ticks import NewPicture, TickMaker
from tests.robot.recorder import rig
from tests.robot.recorder.rig import SMALL, START_NS, picture, row, ticks


class Desk:
    """A recording whose clock and finaliser are ours."""

    def __init__(self, folder: Path, limits: Limits = rig.LIMITS) -> None:
        self.rec = rig.recorder(folder, limits)
        self.logs: list[Path] = []
        self.told: list[door.Happened] = []
        self.recording = Recording(self.rec, self.logs.append, self.told.append)
        self.mono_s = 100.0
        self.maker = TickMaker(SMALL)
        self.count = 0

    @property
    def now(self) -> Now:
        return Now(self.mono_s, START_NS + round(self.mono_s * 1e9))

    def ask(self, request: door.ToRecorder, by: str = "link") -> door.Answer:
        return self.recording.ask(request, self.now, by)

    def tick(self, count: int = 1, mode: str = "TELEOP", happened: list[Happening] | None = None) -> None:
        for _ in range(count):
            self.mono_s += 1 / 30
            pilot = "operator" if mode == "TELEOP" else "hold"
            now_row = row(self.count, self.mono_s, pilot, mode=mode)
            key = self.recording.key_due
            tick = self.maker.make(self.mono_s, self.now.time_ns, now_row, {}, key=key)
            self.recording.tick(tick, happened or [], self.now)
            self.count += 1

    def settle(self) -> None:
        """Finalises what waits, as the thread would."""
        while self.logs:
            log = self.logs.pop(0)
            try:
                result = finalise(self.rec.home, log)
            except Refused as refused:
                result = refused  # type: ignore[assignment]
            self.recording.finalised(log, result, self.now)

    @property
    def state(self) -> str:
        return self.recording.state(self.now, 0, None).state

    def saved(self) -> list[int]:
        return [check_folder(folder).rows for folder in self.rec.home.saved()]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_an_episode_is_saved_only_after_the_finaliser_read_it_back(desk: Desk) -> None:
    answer = desk.ask(door.Start(id="1", instruction="Wipe the mat", person="p1", name="Mina"))
    assert answer.code == ""
    assert desk.state == "recording"
    desk.tick(10)
    assert desk.ask(door.Stop(id="2", outcome="failure")).episode == answer.episode
    assert desk.state == "finalising"
    desk.settle()
    assert desk.state == "saved"
    assert desk.saved() == [10]
    assert [told.event for told in desk.told] == ["record_started", "record_saved"]
    assert desk.told[0].actor == "p1"


def test_a_take_of_a_campaign_names_it_also_after_undo_and_the_next_does_not(desk: Desk) -> None:
    desk.ask(door.Start(instruction="lift", campaign="c" * 32, prompt="d" * 32))
    desk.tick(4)
    desk.ask(door.Stop(discard=True))
    desk.ask(door.Undo())
    desk.settle()
    desk.ask(door.Start(instruction="lift"))
    desk.tick(5)
    desk.ask(door.Stop(outcome="success"))
    desk.settle()
    metas = sorted((check_folder(folder) for folder in desk.rec.home.saved()), key=lambda meta: meta.rows)
    assert [(meta.campaign, meta.prompt) for meta in metas] == [("c" * 32, "d" * 32), ("", "")]


def test_a_second_start_and_a_stop_of_nothing_are_refused(desk: Desk) -> None:
    assert desk.ask(door.Stop(id="0")).code == "recording_state"
    desk.ask(door.Start(instruction="a"))
    second = desk.ask(door.Start(id="2", instruction="b"))
    assert (second.code, second.sentence) == ("recording_state", "An episode is being recorded. End it first.")
    desk.tick(3)
    desk.ask(door.Stop())
    assert desk.ask(door.Start(instruction="c")).code == "recording_state"
    desk.settle()
    assert desk.ask(door.Start(instruction="c")).code == ""


@pytest.mark.parametrize("instruction", ["x" * 501, "two\nlines", "nul\0", "hidden\u202e"])
def test_an_instruction_that_is_no_line_of_text_is_refused(desk: Desk, instruction: str) -> None:
    assert desk.ask(door.Start(instruction=instruction)).code == "invalid_field:instruction"
    assert desk.state == "idle"


def test_a_discarded_take_can_be_brought_back_for_ten_minutes(desk: Desk) -> None:
    desk.ask(door.Start(instruction="a"))
    desk.tick(7)
    desk.ask(door.Stop(discard=True))
    assert (desk.state, desk.saved()) == ("idle", [])
    desk.mono_s += 599
    desk.recording.keep_house(desk.now)
    assert desk.ask(door.Undo()).code == ""
    desk.settle()
    assert (desk.state, desk.saved()) == ("saved", [7])


def test_a_take_discarded_to_record_again_can_be_brought_back_meanwhile(desk: Desk) -> None:
    discarded = desk.ask(door.Start(instruction="a")).episode
    desk.tick(7)
    desk.ask(door.Stop(discard=True))
    desk.ask(door.Start(instruction="a"))
    desk.tick(4)
    answer = desk.ask(door.Undo(id="1", person="p2"))
    assert (answer.code, answer.episode) == ("", discarded)
    assert (desk.told[-1].event, desk.told[-1].actor) == ("record_restored", "p2")
    assert desk.state == "recording"
    desk.tick(2)
    desk.recording.keep_house(desk.now)
    assert desk.logs == [], "one after the other"
    desk.ask(door.Stop())
    desk.settle()
    desk.recording.keep_house(desk.now)
    desk.settle()
    assert sorted(desk.saved()) == [6, 7]


def test_a_discarded_take_is_gone_after_ten_minutes(desk: Desk) -> None:
    desk.ask(door.Start(instruction="a"))
    desk.tick(7)
    desk.ask(door.Stop(discard=True))
    desk.mono_s += 601
    desk.recording.keep_house(desk.now)
    assert desk.ask(door.Undo()).code == "nothing_discarded"
    assert list(desk.rec.home.discarded.iterdir()) == []


def test_a_lost_lease_does_not_end_the_take_but_a_minute_without_one_does(desk: Desk) -> None:
    desk.ask(door.Start(instruction="a"))
    desk.tick(30)
    desk.tick(30 * 59, mode="SAFE_HOLD")
    assert desk.state == "recording"
    desk.tick(31, mode="SAFE_HOLD")
    assert desk.state == "finalising"
    desk.settle()
    meta = check_folder(desk.rec.home.saved()[0])
    assert (meta.cut, meta.outcome) == (False, "unlabelled")
    assert desk.told[-1].event == "record_saved"
    events = (desk.rec.home.saved()[0] / "events.jsonl").read_text()
    assert "Nobody has driven for 60 s." in events


def test_a_runs_episode_is_the_pilots_alone_and_waits_long_for_help(desk: Desk) -> None:
    assert desk.ask(door.Start(id="a", instruction="Lift it", target="red cube"), "pilot").code == ""
    for request in (door.Start(id="b", instruction="Mine"), door.Stop(id="c"), door.Stop(id="d", discard=True)):
        refused = desk.ask(request)
        assert (refused.code, refused.detail) == ("recording_state", {"state": "recording"})
        assert "End the run first" in refused.sentence
    desk.tick()
    desk.mono_s += 120.0
    desk.tick(mode="SAFE_HOLD")
    assert desk.state == "recording"
    assert desk.ask(door.Stop(id="e", outcome="failure"), "pilot").code == ""
    desk.settle()
    (folder,) = desk.rec.home.saved()
    meta = check_folder(folder)
    assert (meta.outcome, meta.world["target"]) == ("failure", "red cube")


def test_a_run_does_not_begin_into_a_persons_recording(desk: Desk) -> None:
    desk.ask(door.Start(id="a", instruction="Mine"))
    for request in (door.Start(id="b", instruction="Theirs"), door.Stop(id="c")):
        assert "Somebody records" in desk.ask(request, "pilot").sentence
    desk.tick()
    assert desk.ask(door.Stop(id="d")).code == ""


def test_an_episode_ends_after_thirty_minutes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robot.recorder.recording.MAX_S", 2.0)
    desk.ask(door.Start(instruction="a"))
    desk.tick(59)
    assert desk.state == "recording"
    desk.tick(1)
    assert desk.state == "finalising"


def test_the_last_seconds_are_kept_from_before_anybody_pressed_record(desk: Desk) -> None:
    desk.recording.ask(door.Live(live=True), desk.now)
    desk.tick(100)
    assert desk.recording.state(desk.now, 0, None).preroll_s == pytest.approx(100 / 30)
    answer = desk.ask(door.SaveLast(id="1", seconds=2.0, instruction="that one"))
    assert answer.code == ""
    desk.settle()
    assert desk.state == "saved"
    (rows,) = desk.saved()
    assert 45 <= rows <= 60  # begins at a key frame, which comes every 15


def test_the_pre_roll_holds_thirty_seconds_and_goes_with_the_session(desk: Desk) -> None:
    desk.recording.ask(door.Live(live=True), desk.now)
    desk.tick(30 * 31)
    assert desk.recording.state(desk.now, 0, None).preroll_s == pytest.approx(30.0)
    desk.recording.ask(door.Live(live=False), desk.now)
    assert not desk.recording.active
    assert desk.ask(door.SaveLast()).code == "no_preroll"
    assert desk.ask(door.SaveLast(seconds=31.0)).code == "invalid_field:seconds"


def test_other_privacy_masks_begin_the_pre_roll_anew() -> None:
    kept, maker = PreRoll(30.0), TickMaker(SMALL)
    for i in range(60):
        new = {name: NewPicture(picture(i), START_NS + i, 7 if i >= 40 else 0) for name in ("scene", "wrist")}
        kept.add(maker.make(i / 30, START_NS + i, row(i, i / 30), new))
    seen = {picture.masks for tick in kept.last(30.0) for picture in tick.pictures}
    assert (kept.seconds, seen) == (pytest.approx(20 / 30), {7})


def test_a_take_that_starts_amid_the_pre_roll_begins_with_key_frames(desk: Desk) -> None:
    desk.recording.ask(door.Live(live=True), desk.now)
    desk.tick(8)
    desk.ask(door.Start(instruction="a"))
    assert desk.recording.key_due
    desk.tick(9)
    desk.ask(door.Stop())
    desk.settle()
    assert desk.saved() == [9]


def test_too_little_room_refuses_the_start_with_what_to_do(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Limits(free_bytes=10**18))
    answer = desk.ask(door.Start(instruction="a"))
    assert answer.code == "disk_full"
    assert "MB" in answer.sentence
    assert desk.state == "idle"


def test_a_disk_that_fills_up_ends_the_take_and_keeps_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.ask(door.Start(instruction="a"))
    desk.tick(40)
    monkeypatch.setattr(desk.rec, "free_bytes", lambda: 1000)
    desk.tick(20)
    assert desk.state == "finalising"
    desk.settle()
    meta = check_folder(desk.rec.home.saved()[0])
    assert meta.cut
    assert 40 < meta.rows <= 60
    assert "disk" in meta.cut_reason


def test_what_a_crash_left_is_finished_at_the_next_start(tmp_path: Path) -> None:
    first = Desk(tmp_path)
    first.ask(door.Start(instruction="a"))
    first.tick(12)
    again = Desk(tmp_path)
    again.recording.keep_house(again.now)
    assert again.state == "finalising"
    again.settle()
    assert again.saved() == [12]
    assert again.told[-1].event == "record_recovered"


def test_a_failed_save_says_so_and_is_tried_again(desk: Desk) -> None:
    desk.ask(door.Start(instruction="a"))
    desk.tick(5)
    desk.ask(door.Stop())
    log = desk.logs.pop()
    desk.recording.finalised(log, Refused("disk", "The disk is full."), desk.now)
    assert desk.state == "failed"
    assert "kept" in desk.recording.state(desk.now, 0, None).sentence
    desk.recording.keep_house(desk.now)
    assert desk.logs == []  # not at once
    desk.mono_s += 31
    desk.recording.keep_house(desk.now)
    desk.settle()
    assert (desk.state, desk.saved()) == ("saved", [5])


def left_behind(desk: Desk, count: int) -> list[Path]:
    """Logs that nobody finalised, oldest first."""
    for _ in range(count):
        desk.ask(door.Start(instruction="a"))
        desk.tick(5)
        desk.ask(door.Stop())
        desk.recording.finalised(desk.logs.pop(), Refused("disk", "Not now."), desk.now)
        desk.mono_s += 31
    return desk.rec.left_over()


def fail(desk: Desk) -> Path:
    """One round of housekeeping whose log cannot be saved."""
    desk.recording.keep_house(desk.now)
    log = desk.logs.pop()
    desk.recording.finalised(log, Refused("episode_damaged", "It differs when read back."), desk.now)
    return log


def test_a_log_that_fails_lets_the_others_be_saved(desk: Desk) -> None:
    first, second, third = left_behind(desk, 3)
    assert fail(desk) == first
    desk.recording.keep_house(desk.now)
    assert desk.logs == [second], "at once"
    desk.settle()
    desk.mono_s += 31
    desk.recording.keep_house(desk.now)
    assert desk.logs == [third], "what failed less goes first"


def test_a_log_that_cannot_be_saved_three_times_is_put_aside(desk: Desk) -> None:
    (log,) = left_behind(desk, 1)
    assert fail(desk) == log
    assert log.exists()
    desk.mono_s += 31
    assert fail(desk) == log
    desk.mono_s += 31
    desk.recording.keep_house(desk.now)
    assert desk.logs == []
    assert [path.name for path in desk.rec.home.quarantine.iterdir()] == [log.name]
    assert "put aside" in desk.recording.state(desk.now, 0, None).sentence
    assert "put aside" in desk.told[-1].reason
    assert desk.ask(door.Start(instruction="next")).code == ""


def test_a_full_disk_puts_no_log_aside(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk.rec, "free_bytes", lambda: 10**9)
    (log,) = left_behind(desk, 1)
    monkeypatch.setattr(desk.rec, "free_bytes", lambda: 1000)
    for _ in range(5):
        assert fail(desk) == log
        desk.mono_s += 31
    assert log.exists()
    assert "tried again" in desk.recording.state(desk.now, 0, None).sentence


def test_a_log_that_cannot_even_be_put_aside_stops_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    left_behind(desk, 1)

    def broken(log: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(desk.rec, "quarantine", broken)
    for _ in range(3):
        fail(desk)
        desk.mono_s += 31
    assert "cannot be put aside" in desk.recording.state(desk.now, 0, None).sentence
    assert desk.ask(door.Start(instruction="next")).code == ""


def test_a_silent_kernel_is_recorded_as_a_hold_without_motion() -> None:
    maker = TickMaker(SMALL)
    old = row(1, 100.0)
    fresh = maker.make(100.1, START_NS, old, {})
    stale = maker.make(100.2, START_NS, old, {})
    assert fresh.row.pilot == "operator"
    assert stale.row.pilot == "hold"
    assert stale.row.action == stale.row.action_done == (0.0, 1.0)


def test_a_body_that_has_not_answered_yet_is_recorded_as_not_known(desk: Desk) -> None:
    silent = row(1, 100.0)
    silent.state = ()
    assert [math.isnan(value) for value in desk.maker.make(100.0, START_NS, silent, {}).row.state] == [True] * 3


def test_a_camera_without_a_new_picture_repeats_it_flagged() -> None:
    made = ticks(20)
    assert [tick.pictures[1].repeated for tick in made].count(True) == 2
    assert not any(tick.pictures[0].repeated for tick in made)
    assert made[9].pictures[1].capture_ns == made[8].pictures[1].capture_ns
    assert picture(0).shape == (72, 64)
