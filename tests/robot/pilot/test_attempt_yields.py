"""What takes the robot from a run: people, stops, switches, a body, pictures or a server that is lost; and that only a person
gives it back."""

from __future__ import annotations

import numpy as np

from protocol import command
from robot.kernel import door as kernel_door
from tests.robot.kernel.rig import ZERO
from tests.robot.pilot.lock_step import FORTH, LockStep, forth, moving, still, thought


def take(stage: LockStep) -> None:
    """A person takes from the policy through the link, and holds still."""
    permit = stage.bench.permit("drive", "AA")
    stage.bench.doors["link"].send(kernel_door.Acquire(id="p", fingerprint="AA", permit=permit))


def drive(stage: LockStep, seconds: float, vx: float = 0.0) -> None:
    for _ in range(round(seconds / 0.02)):
        stage.bench.send(command.HEARTBEAT)
        stage.bench.send(command.COMMAND, (vx, *ZERO[1:]))
        stage.tick()


def test_a_person_takes_without_a_jerk_and_hands_back(stage: LockStep) -> None:
    moving(stage)
    take(stage)
    drive(stage, 0.1)
    assert stage.attempt.run.phase == "taken" and stage.told[-1].sentence == "Ann drives."
    assert stage.bench.row().pilot == "operator"
    before = len(stage.bench.body.told)
    drive(stage, 0.4, -0.4)
    speeds = [told[0] for told in stage.bench.body.told[before:] if isinstance(told, tuple)]
    steps = np.abs(np.diff(speeds))
    assert max(steps) <= 5.0 * 0.02 + 1e-6  # the gate's slew, also from one hand to the other
    asked = len(stage.thinker.asked)
    drive(stage, 1.0)
    assert len(stage.thinker.asked) == asked and stage.attempt.run.phase == "taken"
    assert len(stage.recorder) == 1  # the same recording goes on
    stage.resume()  # the person still drives
    drive(stage, 0.2)
    assert stage.attempt.run.phase == "taken" and stage.told[-1].reason == "held"
    hand_back(stage)
    report = stage.until("holding", "released")
    assert "Hand the run back" in report.sentence
    stage.resume()
    moving(stage)
    assert {"policy", "hold", "operator"} <= set(stage.pilots())


def hand_back(stage: LockStep) -> None:
    lease = stage.bench.status().lease
    assert lease is not None
    stage.bench.doors["link"].send(kernel_door.Release(fingerprint="AA", epoch=lease.epoch, seq=lease.seq, reason="handed_over"))
    stage.until("holding", "released")


def test_what_was_asked_before_a_person_drove_is_not_followed_after(stage: LockStep) -> None:
    """Actions of a large policy are good for seconds; what they were for is not there any more."""
    stage.thinker.says = lambda question: thought(question, np.tile(FORTH, (50, 1)))
    moving(stage)
    stage.thinker.delay_s = 4.0
    asked = len(stage.thinker.asked)
    while len(stage.thinker.asked) == asked:
        stage.tick()
    stage.thinker.says = lambda question: None
    take(stage)
    drive(stage, 1.0, -0.4)
    hand_back(stage)
    stage.resume()
    stage.until("holding", "resuming")
    for _ in range(200):
        stage.tick()
        assert (stage.attempt.run.phase, stage.speed) == ("holding", 0.0)
    stage.thinker.delay_s, stage.thinker.says = 0.06, forth
    moving(stage)


def test_what_was_asked_before_a_person_looked_is_not_followed_after_they_said_go_on(stage: LockStep) -> None:
    moving(stage)
    stage.thinker.says = lambda question: thought(question, np.tile(FORTH, (50, 1)))
    stage.thinker.delay_s = 2.0
    asked = len(stage.thinker.asked)
    while len(stage.thinker.asked) == asked:
        stage.tick()
    stage.thinker.says = lambda question: None
    stage.eyes.age_s = 0.6
    stage.until("holding", "video_stale")
    stage.eyes.age_s = 0.02
    stage.resume()
    stage.until("holding", "resuming")
    still(stage, 3.0)
    assert stage.attempt.run.phase == "holding"
    stage.thinker.delay_s, stage.thinker.says = 0.06, forth
    moving(stage)


def test_a_person_who_drives_can_end_it(stage: LockStep) -> None:
    moving(stage)
    take(stage)
    drive(stage, 0.1)
    stage.end("success")
    drive(stage, 0.1)
    lease = stage.bench.status().lease
    assert lease is not None and lease.kind == "human"  # their lease is theirs
    assert stage.told[-1].phase == "ended"


def test_a_remote_stop_holds_and_nothing_goes_on_by_itself_when_it_is_cleared(stage: LockStep) -> None:
    moving(stage)
    stage.bench.doors["link"].send(kernel_door.Stop(source="bob"))
    stage.tick(0.04)
    assert stage.speed == 0.0
    stage.until("holding", "stopped")
    stage.resume()
    assert stage.until("holding", "stopped").reason == "stopped"
    stage.bench.doors["launcher"].send(kernel_door.Clear(source="bob"))
    stage.tick(3.0)
    assert stage.speed == 0.0 and stage.bench.status().lease is None
    stage.resume()
    moving(stage)


def test_the_local_switch_holds(stage: LockStep) -> None:
    moving(stage)
    stage.bench.doors["launcher"].send(kernel_door.SetRemoteMotion(allowed=False))
    assert "Switch it on there" in stage.until("holding", "remote_motion_off").sentence
    stage.resume()
    assert stage.until("holding", "remote_motion_off")
    stage.bench.doors["launcher"].send(kernel_door.SetRemoteMotion(allowed=True))
    stage.tick(1.0)
    assert stage.speed == 0.0
    stage.resume()
    moving(stage)


def test_a_body_or_pictures_that_are_lost_end_the_lease_and_hold(stage: LockStep) -> None:
    moving(stage)
    stage.eyes.age_s = 0.6
    stage.until("holding", "video_stale")
    stage.eyes.age_s = 0.02
    stage.resume()
    moving(stage)
    state, stage.bench.body.state = stage.bench.body.state, None
    stage.until("holding", "body_lost")
    stage.bench.body.state = state
    stage.tick(0.1)
    stage.resume()
    moving(stage)


def test_without_the_servers_word_the_lease_ends_after_five_seconds(stage: LockStep) -> None:
    moving(stage)
    stage.renews = False
    stage.until("holding", "server_lost", 6.0)
    stage.renews = True
    stage.resume()
    moving(stage)
