"""Remote stops, switches, deadman and everything else that ends motion, at its exact time."""

from __future__ import annotations

import math

import pytest

from robot.kernel.authority import Authority
from tests.robot.kernel.rig import FORTH, POINT, ZERO, Rig, refused


def test_i3_a_stop_is_zero_in_the_same_step_and_ends_the_lease() -> None:
    rig = Rig()
    lease = rig.drive()
    rig.now = 0.1
    rig.authority.stop("bob", 0.1)
    assert rig.authority.mode == "ESTOP"
    assert rig.authority.reason == "REMOTE_STOP"
    assert rig.authority.actor == "bob"
    assert rig.authority.since_s == 0.1
    assert not rig.moves()
    assert rig.authority.lease is None
    with refused("no_lease"):
        rig.command(FORTH, lease=lease)
    entry = rig.authority.log[-1]
    assert (entry.event, entry.before, entry.after, entry.seq) == ("stop", "TELEOP", "ESTOP", 1)
    assert entry.detail == {"sources": ("bob",)}
    assert entry.mono_s == 0.1


def test_repeating_a_stop_changes_nothing() -> None:
    rig = Rig()
    rig.authority.stop("bob", 0.0)
    rig.authority.stop("bob", 1.0)
    assert rig.authority.stops == ("bob",)
    assert rig.authority.since_s == 0.0
    assert len(rig.authority.log) == 2


def test_i3_every_source_must_be_cleared() -> None:
    rig = Rig()
    rig.authority.stop("bob", 0.0)
    rig.authority.stop("ann", 1.0)
    assert rig.authority.stops == ("bob", "ann")
    assert rig.authority.since_s == 0.0, "it has been stopped since the first"
    rig.authority.clear_at_robot("bob", "eve", 2.0)
    assert rig.authority.stops == ("ann",)
    assert rig.authority.mode == "ESTOP"
    assert rig.authority.reason == "REMOTE_STOP"
    assert rig.authority.log[-1].detail == {"source": "bob", "sources": ("ann",)}
    with refused("stopped"):
        rig.acquire()
    rig.authority.clear_at_robot("ann", "eve", 3.0)
    assert rig.authority.mode == "SAFE_HOLD"
    assert rig.authority.reason == "CLEARED"
    assert rig.authority.actor == "eve"
    assert rig.authority.since_s == 3.0


def test_i6_clearing_starts_no_motion_and_gives_no_lease_back() -> None:
    rig = Rig()
    lease = rig.drive()
    rig.authority.stop("ann", 0.0)
    rig.authority.clear("ann", rig.claim("bob", "clear"), "BB", 0.0)
    assert rig.authority.log[-1].actor == "bob"
    assert not rig.moves()
    with refused("no_lease"):
        rig.command(ZERO, lease=lease)


def test_i3_only_a_person_with_a_permit_to_clear_clears_from_afar() -> None:
    rig = Rig()
    rig.authority.stop("ann", 0.0)
    for act in ("drive", "policy"):
        with refused("permit_wrong_act"):
            rig.authority.clear("ann", rig.claim("bob", act), "BB", 0.0)
    with refused("fingerprint_mismatch"):
        rig.authority.clear("ann", rig.claim("bob", "clear"), "AA", 0.0)
    claim = rig.claim("bob", "clear")
    with refused("permit_expired"):
        rig.authority.clear("ann", claim, "BB", 10.001)
    assert rig.authority.stops == ("ann",)


def test_what_is_not_latched_cannot_be_cleared() -> None:
    rig = Rig()
    rig.authority.stop("ann", 0.0)
    with pytest.raises(Exception, match="not_latched") as caught:
        rig.authority.clear_at_robot("bob", "eve", 0.0)
    assert caught.value.detail == {"sources": ["ann"]}  # type: ignore[attr-defined]
    with refused("not_latched"):
        Rig().authority.clear_at_robot("bob", "eve", 0.0)
    assert rig.authority.stops == ("ann",)


def test_a_flood_of_sources_is_latched_together_and_never_refused() -> None:
    rig = Rig()
    for number in range(16 + 5):
        rig.authority.stop(f"p{number}", 0.0)
    assert rig.authority.stops == (*(f"p{number}" for number in range(16)), "more")
    rig.authority.stop("p3", 1.0)
    assert len(rig.authority.stops) == 16 + 1
    rig.authority.clear_at_robot("more", "eve", 2.0)
    assert len(rig.authority.stops) == 16
    rig.authority.stop("p3", 3.0)
    assert len(rig.authority.stops) == 16


def test_i5_without_heartbeat_the_lease_is_lost_after_250_ms() -> None:
    rig = Rig()
    rig.drive()
    rig.tick(0.25)
    assert rig.authority.mode == "TELEOP"
    rig.tick(0.0001)
    assert rig.authority.mode == "SAFE_HOLD"
    assert rig.authority.reason == "DEADMAN"
    entry = rig.authority.log[-1]
    assert (entry.event, entry.actor, entry.seq) == ("lost", "kernel", 1)
    assert rig.authority.lease is None


def test_commands_are_no_heartbeat() -> None:
    rig = Rig()
    rig.drive()
    for _ in range(12):
        rig.now += 0.02
        rig.command(FORTH)
    assert rig.moves()
    rig.now = 0.2501
    assert not rig.moves(), "asking alone finds out"
    assert rig.authority.reason == "DEADMAN"


def test_the_first_heartbeat_has_a_second_because_the_grant_must_travel() -> None:
    rig = Rig()
    rig.acquire()
    rig.tick(0.5)
    rig.authority.heartbeat("AA", rig._datagram(1, None, 0), 0.5, 0.5)
    assert rig.authority.lease is not None
    silent = Rig()
    silent.acquire()
    silent.tick(1.0)
    assert silent.authority.lease is not None
    silent.tick(0.0001)
    assert silent.authority.reason == "DEADMAN"


@pytest.mark.parametrize("act", ["drive", "policy"])
def test_i9_a_lost_lease_is_followed_by_holding_never_by_autonomy(act: str) -> None:
    rig = Rig()
    rig.drive("ann", act)
    rig.tick(0.3)
    assert rig.authority.mode == "SAFE_HOLD"


def test_i5_without_renewal_the_lease_is_lost_after_five_seconds() -> None:
    rig = Rig()
    rig.acquire()
    for step in range(1, 41):
        rig.now = step * 0.125
        rig.beat(seen=rig.now)
        rig.tick()
        assert rig.authority.mode == "TELEOP"
    rig.tick(0.0001)
    assert rig.authority.reason == "SERVER_LOST"
    assert rig.authority.log[-1].event == "lost"
    assert rig.authority.lease is None


def test_the_switch_at_the_robot_ends_motion_and_switching_it_on_starts_none() -> None:
    rig = Rig()
    rig.drive()
    rig.authority.set_remote_motion(True, 0.0)
    assert rig.moves(), "it was on"
    rig.authority.set_remote_motion(False, 0.0)
    assert (rig.authority.mode, rig.authority.reason) == ("SAFE_HOLD", "REMOTE_MOTION_OFF")
    assert rig.authority.log[-1].event == "remote_motion"
    assert rig.authority.remote_motion is False
    assert not rig.moves()
    rig.authority.set_remote_motion(True, 0.0)
    assert (rig.authority.mode, rig.authority.reason) == ("SAFE_HOLD", "REMOTE_MOTION_ON")
    assert rig.authority.remote_motion is True


def test_a_key_that_is_live_twice_holds_the_robot() -> None:
    rig = Rig()
    rig.drive()
    rig.authority.set_held(False, 0.0)
    assert rig.moves()
    rig.authority.set_held(True, 0.0)
    assert (rig.authority.mode, rig.authority.reason) == ("SAFE_HOLD", "KEY_HELD")
    assert rig.authority.held is True
    rig.authority.set_held(True, 0.0)
    rig.authority.set_held(False, 0.0)
    assert rig.authority.reason == "KEY_SETTLED"
    assert [entry.event for entry in rig.authority.log][-2:] == ["held", "held"]


def test_a_body_that_does_not_answer_for_250_ms_ends_the_lease() -> None:
    rig = Rig()
    rig.drive()
    rig.tick(body_age=0.25)
    assert rig.moves()
    rig.tick(body_age=0.2501)
    assert (rig.authority.mode, rig.authority.reason) == ("SAFE_HOLD", "BODY_LOST")
    rig.tick(0.02, body_age=0.3)
    rig.tick(0.02, body_age=math.inf)
    assert [entry.event for entry in rig.authority.log] == ["boot", "granted", "body"]
    rig.tick(0.02)
    assert (rig.authority.mode, rig.authority.reason) == ("SAFE_HOLD", "BODY_FOUND")


def test_i3_nothing_at_the_robot_unlatches_a_stop() -> None:
    rig = Rig()
    rig.authority.stop("bob", 0.0)
    rig.tick(0.1, body_age=9.0)
    rig.authority.set_remote_motion(False, rig.now)
    rig.authority.set_remote_motion(True, rig.now)
    rig.authority.set_held(True, rig.now)
    rig.authority.set_held(False, rig.now)
    rig.tick(0.1)
    assert (rig.authority.mode, rig.authority.reason) == ("ESTOP", "REMOTE_STOP")
    assert rig.authority.stops == ("bob",)
    assert rig.authority.log[-1].detail == {"now": "BODY_FOUND"}
    assert rig.authority.log[2].detail == {"now": "BODY_LOST"}


def test_i12_each_entry_of_the_log_begins_where_the_last_ended() -> None:
    rig = Rig()
    rig.drive()
    rig.authority.stop("bob", 0.0)
    rig.authority.clear_at_robot("bob", "eve", 0.0)
    rig.drive("pi", "policy")
    rig.tick(0.3)
    entries = rig.authority.log
    assert [(e.before, e.after) for e in entries] == [
        ("SAFE_HOLD", "SAFE_HOLD"), ("SAFE_HOLD", "TELEOP"), ("TELEOP", "ESTOP"), ("ESTOP", "SAFE_HOLD"),
        ("SAFE_HOLD", "AUTONOMY"), ("AUTONOMY", "SAFE_HOLD"),
    ]  # fmt: skip
    assert all(entry.reason and entry.actor for entry in entries)


def test_i11_only_differences_of_the_given_times_matter() -> None:
    def story(start: float) -> list[tuple[float, str]]:
        rig = Rig(now=start)
        rig.drive()
        rig.tick(0.125)
        rig.beat(seen=rig.now)
        rig.command(FORTH)
        rig.tick(0.5)
        return [(entry.mono_s - start, entry.reason) for entry in rig.authority.log]

    assert story(0.0) == story(4096.0) == story(-4096.0)


def test_i11_the_pure_parts_import_no_clock() -> None:
    from robot.kernel import authority, command_clock, gate, ladder, lease, nonces, session, step, values

    for module in (authority, command_clock, gate, ladder, lease, nonces, session, step, values):
        assert not {"time", "datetime", "asyncio", "socket", "os"} & set(vars(module))


def test_the_first_entry_is_the_boot() -> None:
    authority = Authority(POINT, 3, lambda: "n", (), 5.0)
    entry = authority.log[0]
    assert (entry.event, entry.reason, entry.actor, entry.epoch, entry.seq) == ("boot", "BOOT", "kernel", 3, 0)
    assert entry.mono_s == authority.since_s == 5.0
    assert entry.detail == {}
    assert authority.remote_motion is True
    assert authority.held is False
