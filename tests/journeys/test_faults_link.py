"""What a bad line and dying processes do to a robot that is driven: the arm stops in time, and nothing starts by itself.

Times are the safety limits with room for a busy machine, never tighter.
"""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser

from tests.journeys.cockpit_page import CockpitPage
from tests.journeys.far import Far, far_demo, press_stop, suspended
from tests.robot_truth import until
from tests.shaped_link import Way, inside

CUT = Way(cut=True)
DEADMAN_S = 0.3 + 0.3  # the promise, and what a busy test machine may add
VIDEO_S = 0.5 + 0.5
STOP_S = 0.15 + 0.35


@pytest.fixture(scope="module")
def far(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Far]:
    with far_demo(tmp_path_factory.mktemp("far"), browser) as far:
        yield far


@pytest.fixture
def cockpit(far: Far) -> Iterator[CockpitPage]:
    cockpit = far.cockpit()
    yield cockpit
    far.link.clear()
    far.let_go(cockpit)


# -- the line ------------------------------------------------------------------------------------------------------------


def test_a_dead_line_stops_the_arm_and_the_page_claims_nothing(far: Far, cockpit: CockpitPage) -> None:
    """F1."""
    far.drive(cockpit)
    far.still_after(far.link.both(CUT), DEADMAN_S)
    until(lambda: far.truth.status().mode == "SAFE_HOLD", 2, "the lease is lost")
    assert far.truth.status().reason == "DEADMAN"
    cockpit.wait("mode", "UNKNOWN", within_s=3)
    assert cockpit.says("lease") != "mine"
    far.link.clear()
    cockpit.wait("connection", "live", within_s=30)
    assert far.stays_still(0.7), "the line came back, the keys are still held, and yet nothing may move"
    assert far.truth.status().lease is None


def test_without_the_robots_word_and_picture_the_arm_stops(far: Far, cockpit: CockpitPage) -> None:
    """F2."""
    far.drive(cockpit)
    far.still_after(far.link.set(to_operator=CUT), VIDEO_S)
    cockpit.wait("mode", "UNKNOWN", within_s=3)


def test_without_the_operators_word_the_arm_stops_while_the_video_goes_on(far: Far, cockpit: CockpitPage) -> None:
    """F3."""
    far.drive(cockpit)
    frames = "document.querySelector('robot-cockpit video').getVideoPlaybackQuality().totalVideoFrames"
    cut_s = far.link.set(to_robot=CUT)
    before = cockpit.page.evaluate(frames)
    far.still_after(cut_s, DEADMAN_S)
    until(lambda: far.truth.status().mode == "SAFE_HOLD", 2, "the lease is lost")
    assert cockpit.page.evaluate(frames) > before


@pytest.mark.parametrize("loss", [0.05, 0.10])
def test_a_line_that_loses_packets_still_drives(far: Far, cockpit: CockpitPage, loss: float) -> None:
    """F4."""
    far.link.both(Way(delay_s=0.02, loss=loss))
    far.drive(cockpit)
    lease = far.truth.status().lease
    start = far.truth.tool()
    until(lambda: bool(np.linalg.norm(far.truth.tool() - start) > 0.03), 6, "the arm went on")
    assert lease is not None
    assert far.truth.status().lease == lease, "no heartbeat that was lost may cost the lease"


def test_latency_changes_what_the_robot_permits(far: Far, cockpit: CockpitPage) -> None:
    """F5: the ladder, down and up again."""
    far.drive(cockpit)
    far.let_go(cockpit)
    far.link.both(Way(delay_s=0.15))
    until(lambda: far.truth.status().permitted in ("step", "supervise"), 10, "no direct motion 300 ms late")
    far.link.both(Way(delay_s=0.3))
    until(lambda: far.truth.status().permitted == "supervise", 10, "nothing but looking 600 ms late")
    cockpit.hold("Space", "KeyR")
    assert far.stays_still(0.7)
    far.let_go(cockpit)
    far.link.clear()
    until(lambda: far.truth.status().permitted in ("direct", "scaled"), 15, "direct motion again")


def test_doubled_and_disordered_packets_move_nothing_twice(far: Far, cockpit: CockpitPage) -> None:
    """F27: what is older than the newest is refused, and driving goes on."""
    far.link.both(Way(duplicate=0.3, reorder=0.3, late_s=0.03))
    far.drive(cockpit)
    start = far.truth.tool()
    until(lambda: far.truth.status().refused.get("replay", 0) > 0, 5, "a command that was overtaken is refused")
    until(lambda: bool(np.linalg.norm(far.truth.tool() - start) > 0.02), 6, "the arm went on")
    assert far.truth.status().mode == "TELEOP"


# -- the robot's processes -----------------------------------------------------------------------------------------------


def test_a_killed_media_process_stops_the_arm_and_comes_back(far: Far, cockpit: CockpitPage) -> None:
    """F7."""
    far.drive(cockpit)
    media = far.truth.process("media")
    at_s = time.monotonic()
    media.kill()
    far.still_after(at_s, VIDEO_S)
    until(lambda: far.truth.process("media").pid != media.pid, 10, "another media process")
    cockpit.page.wait_for_timeout(1500)
    assert far.stays_still(0.5), "the picture is back, the keys are still held: first they are let go"
    far.let_go(cockpit)
    far.drive(cockpit)


def test_a_frozen_kernel_stops_the_arm_and_wakes_without_a_lease(far: Far, cockpit: CockpitPage) -> None:
    """F9: the body's own watchdog; afterwards nothing old counts."""
    far.drive(cockpit)
    with suspended(far.truth.process("kernel")):
        time.sleep(0.5)
        before = far.truth.tool()
        time.sleep(0.5)
        assert np.linalg.norm(far.truth.tool() - before) < 0.002, "the arm moves without its kernel"
        woke_s = time.monotonic()
    until(lambda: far.truth.status().mode == "SAFE_HOLD", 2, "hold after the kernel woke")
    assert far.truth.status().lease is None
    until(lambda: far.output.moving_since_s is None, 0.5, "the kernel's first word is zero")
    assert far.stays_still(0.5)
    assert far.output.halts(woke_s) == 1, "it went from what stood there before to zero, once"


# -- the server's processes ----------------------------------------------------------------------------------------------


def test_a_frozen_server_costs_nothing_and_a_killed_one_not_the_stop(far: Far, cockpit: CockpitPage) -> None:
    """F11: what matters goes from page to robot."""
    lease = far.truth.status().lease
    for _ in range(3):  # a machine so busy that the page falls silent proves nothing
        far.drive(cockpit)
        lease = far.truth.status().lease
        with suspended(far.service("config.serve")):
            time.sleep(2.0)
        time.sleep(1.5)
        if far.truth.status().lease == lease or far.truth.status().reason != "DEADMAN":
            break
        far.let_go(cockpit)
    assert far.truth.status().lease == lease, "renewed again, the same lease"
    server = far.service("config.serve")
    server.kill()
    time.sleep(1.0)
    assert far.output.moving_since_s is not None, "driving goes on without a server"
    far.still_after(press_stop(cockpit), STOP_S)
    cockpit.wait("stop", "stopped", within_s=3)
    assert far.truth.status().mode == "ESTOP"
    far.let_go(cockpit)
    cockpit.wait("server", "open", within_s=60)
    far.clear_stops(cockpit)


def test_a_frozen_redis_leaves_pages_and_deadman_alone(far: Far, cockpit: CockpitPage) -> None:
    """F13."""
    far.drive(cockpit)
    with suspended(far.service("-server 127.0.0.1:")):
        time.sleep(0.3)
        assert _answers_within(far, 5.0), "the server waits for Redis"
        if far.truth.status().lease is None:  # the renewals have run out while we asked
            pytest.fail("the lease ended before its 5 s")
        far.still_after(far.link.both(CUT), DEADMAN_S)
        far.link.clear()
    far.let_go(cockpit)


def test_a_killed_redis_leaves_the_stop_alone_and_all_comes_back(far: Far, cockpit: CockpitPage) -> None:
    """F12."""
    far.drive(cockpit)
    far.service("-server 127.0.0.1:").send_signal(signal.SIGKILL)
    time.sleep(0.3)
    far.still_after(press_stop(cockpit), STOP_S)
    cockpit.wait("stop", "stopped", within_s=3)
    far.let_go(cockpit)
    far.clear_stops(cockpit)
    far.drive(cockpit)


def _answers_within(far: Far, seconds: float) -> bool:
    """The health page, good or bad."""
    with inside(far.link.robot):
        try:
            urllib.request.urlopen(f"{far.demo.url}/healthz", timeout=seconds)  # noqa: S310
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
    return True


# -- rights -------------------------------------------------------------------------------------------------


def test_a_right_taken_away_ends_the_lease_at_once(far: Far, cockpit: CockpitPage) -> None:
    """F34: in the database, as any administrator's tool would."""
    far.drive(cockpit)
    email = far.demo.people["operator"][0]
    mine = "WHERE person_id = (SELECT id FROM fleet_person WHERE username = ?) AND role = ?"
    with contextlib.closing(sqlite3.connect(far.demo.data / "reins.sqlite3", timeout=10)) as database:
        try:
            with database:
                changed = database.execute(f"UPDATE fleet_membership SET role = 'viewer' {mine}", (email, "operator"))  # noqa: S608
            at_s = time.monotonic()
            assert changed.rowcount == 1
            far.still_after(at_s, 1.0 + 1.0)
            until(lambda: far.truth.status().lease is None, 2, "the lease is over")
            assert far.truth.status().reason == "REVOKED"
        finally:
            with database:
                database.execute(f"UPDATE fleet_membership SET role = 'operator' {mine}", (email, "viewer"))  # noqa: S608
