"""What the robot says about itself is what its processes say, and nothing of those that are silent."""

from __future__ import annotations

import math

from protocol import wire
from protocol.robot_link import Report
from protocol.state import RobotState
from robot.kernel.door import Holder
from robot.link.report import Known, robot_state
from robot.media import door as media_door
from robot.vitals import Vitals
from robot.world.embodiments import TABLETOP
from tests.robot.test_launcher import make_status

HOLDER = Holder(epoch=3, seq=2, kind="human", person="p", name="Ada", fingerprint="F", since_mono_s=4.0)


def told(known: Known, now_s: float = 10.0) -> RobotState:
    return robot_state(known, TABLETOP, 1, now_s, 77)


def camera(**changes: object) -> media_door.Health:
    rest = {
        "camera": "wrist", "width": 320, "height": 240, "fps": 30.0, "newest_mono_s": 9.9, "live": True, "dropped": 0,
        "kbit_s": 900.0,
    }  # fmt: skip
    return media_door.Health(**{**rest, **changes})  # type: ignore[arg-type]


def test_a_live_kernels_word_is_passed_on() -> None:
    status = make_status(mono_s=9.9, mode="TELEOP", reason="GRANTED", lease=HOLDER, since_mono_s=4.0, permitted="direct")
    state = told(Known(status=status))
    assert (state.mode, state.reason, state.permitted, state.nonce) == ("TELEOP", "GRANTED", "direct", "n")
    assert state.since_s == 6.0
    assert state.lease is not None and (state.lease.held_s, state.lease.name) == (6.0, "Ada")


def test_a_silent_kernel_holds_no_lease_but_its_latched_stops() -> None:
    assert (told(Known()).mode, told(Known()).reason) == ("SAFE_HOLD", "KERNEL_AWAY")
    status = make_status(mono_s=9.4, mode="TELEOP", lease=HOLDER)
    state = told(Known(status=status))
    assert (state.mode, state.reason, state.lease, state.nonce) == ("SAFE_HOLD", "KERNEL_AWAY", None, "")
    stopped = told(Known(status=make_status(mono_s=0.0, mode="ESTOP", stops=("ada",))))
    assert (stopped.mode, stopped.stops) == ("ESTOP", ("ada",))


def test_a_word_half_a_second_old_still_counts() -> None:
    assert told(Known(status=make_status(mono_s=9.5))).reason == "BOOT"


def test_every_camera_is_listed_and_a_silent_media_process_claims_nothing() -> None:
    known = Known(cameras=media_door.Cameras(cameras=(camera(),)), cameras_s=9.0)
    scene, wrist = told(known).cameras
    assert (scene.name, scene.live, scene.age_ms, scene.width) == ("scene", False, None, 640)
    assert (wrist.name, wrist.live, wrist.fps) == ("wrist", True, 30.0)
    assert wrist.age_ms is not None and math.isclose(wrist.age_ms, 100.0, abs_tol=1e-6)
    assert not any(c.live or c.fps for c in told(known, now_s=11.1).cameras)


def test_troubles_are_notes_in_sentences() -> None:
    cameras = media_door.Cameras(cameras=(camera(sentence="no device"),))
    known = Known(held="Held.", notes=("Clock.",), cameras=cameras, cameras_s=9.0, vitals=Vitals(12.5, {"media": 2}))
    health = told(known).health
    assert health.notes == ("Held.", "Clock.", "Camera wrist: no device")
    assert (health.cpu_pct, health.restarts) == (12.5, {"media": 2})


def test_no_number_breaks_json() -> None:
    status = make_status(
        mono_s=10.0, state=(math.nan, 1.0), torque=(math.inf,), control_latency_ms=math.nan, loop_p99_ms=math.inf
    )
    state = told(Known(status=status))
    assert (state.state, state.torque, state.control_latency_ms, state.health.loop_p99_ms) == ((0.0, 1.0), (0.0,), None, None)
    assert wire.decode(wire.encode(Report(state=state)), Report) == Report(state=state)
