"""One tick at a time with real doors, mailbox, rings and signatures, and a body that writes down what it was told."""

from __future__ import annotations

import base64
import itertools
import math
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol import command as wire
from protocol.clamps import LIMIT, SLEW, STALE_COMMAND
from protocol.command import Command
from protocol.errors import Refused
from protocol.permit import Permit, Renewal, Signed, seal
from robot.door import Door, door_pair
from robot.kernel import door as words
from robot.kernel.door import Stopped
from robot.kernel.latch import Latch
from robot.kernel.lease import Claim
from robot.kernel.permits import ServerKey
from tests.robot.kernel.rig import FORTH, ZERO
from tests.robot.kernel.tick_bench import SERVER, Bench, sign


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    yield Bench(tmp_path)


def test_a_kernel_that_starts_holds_still_and_keeps_the_gripper(bench: Bench) -> None:
    status = bench.tick()
    assert (status.mode, status.reason, status.lease) == ("SAFE_HOLD", "BOOT", None)
    assert bench.body.told == [(0.0, 0.0, 0.0, 0.0, 0.25)]
    assert status.state == (0.0, 0.25)
    assert status.nonce


def test_a_permit_through_the_link_gives_a_lease_and_commands_move(bench: Bench) -> None:
    answer = bench.answer(words.Acquire(id="a1", fingerprint="AA", permit=bench.permit()))
    assert (answer.id, answer.code, answer.epoch, answer.seq) == ("a1", "", 1, 1)
    bench.send(wire.HEARTBEAT)
    bench.send(wire.COMMAND, ZERO)
    bench.send(wire.COMMAND, FORTH)
    status = bench.tick()
    assert status.mode == "TELEOP"
    assert status.lease is not None
    assert (status.lease.person, status.lease.name, status.lease.fingerprint) == ("ann", "Ann", "AA")
    assert bench.body.told[-1][0] == pytest.approx(0.1)
    assert status.asked == bench.row().action == pytest.approx(FORTH)
    assert status.done[0] == pytest.approx(0.1)
    assert status.clamps == SLEW
    assert status.apply_ms == pytest.approx(1.0)
    assert status.control_latency_ms == pytest.approx(20.0)
    assert status.permitted == "direct"
    row = bench.row()
    assert (row.pilot, row.person, row.lease_seq, row.mode) == ("operator", "ann", 1, "TELEOP")
    assert row.action_done == status.done


def test_each_tick_is_a_row(bench: Bench) -> None:
    for _ in range(3):
        bench.tick()
    rows = [words.decode_row(record) for record in bench.rows.reader(oldest=True).read()[0]]
    assert [row.tick for row in rows] == [0, 1, 2]
    assert [row.pilot for row in rows] == ["hold"] * 3
    assert rows[2].time_ns == 10**18 + 60_000_000
    assert math.isnan(rows[0].latency_ms)


def test_a_permit_says_which_lease_it_may_end() -> None:
    server = ServerKey(base64.b64encode(SERVER.public_key().public_bytes_raw()).decode(), "robot-1")
    permit = Permit(
        robot="robot-1", act="drive", person="ann", name="Ann", fingerprint="AA", nonce="n", take=True, over_epoch=3, over_seq=4
    )
    assert server.claim(sign(permit)) == Claim("drive", "ann", "Ann", "AA", "n", True, (3, 4))


@pytest.mark.parametrize(("permit", "code"), [
    (lambda b: b.permit(robot="robot-2"), "permit_wrong_robot"),
    (lambda b: b.permit(fingerprint="BB"), "fingerprint_mismatch"),
    (lambda b: sign(Renewal(robot="robot-1", epoch=1, seq=1, counter=1)), "permit_invalid"),
    (lambda b: seal(b"{}", SERVER.sign(b"{}")), "permit_invalid"),
    (lambda b: Signed(b.permit().payload, b.permit("clear").signature), "signature_invalid"),
    (lambda b: Signed("no base64!", "?"), "signature_invalid"),
    (lambda b: b.permit("clear"), "permit_wrong_act"),
])  # fmt: skip
def test_no_other_permit_gives_a_lease(bench: Bench, permit: object, code: str) -> None:
    answer = bench.answer(words.Acquire(id="a", fingerprint="AA", permit=permit(bench)))  # type: ignore[operator]
    assert answer.code == code
    assert answer.sentence.endswith(".")
    assert bench.status().mode == "SAFE_HOLD"


def test_another_servers_signature_is_none(bench: Bench) -> None:
    payload = base64.b64decode(bench.permit().payload)
    forged = seal(payload, Ed25519PrivateKey.generate().sign(payload))
    assert bench.answer(words.Acquire(id="a", fingerprint="AA", permit=forged)).code == "signature_invalid"


def test_a_server_key_that_cannot_be_read_is_refused() -> None:
    for key in ("", "not base64!", "YWJj"):
        with pytest.raises(Refused, match="server_key_invalid"):
            ServerKey(key, "robot-1")


def test_a_stop_is_zero_latched_on_disk_and_acknowledged_each_time(bench: Bench) -> None:
    bench.drive()
    (stopped,) = bench.ask(words.Stop(source="bob"))
    assert stopped == Stopped(source="bob", mono_s=bench.now)
    assert bench.body.told[-2:] == ["stop", (0.0, 0.0, 0.0, 0.0, pytest.approx(0.15))]
    assert Latch(bench.folder / "latch").read() == ("bob",)
    assert bench.status().mode == "ESTOP"
    (again,) = bench.ask(words.Stop(id="server:bob", source="bob"))
    assert again == Stopped(id="server:bob", source="bob", mono_s=bench.now)
    assert bench.status().stops == ("bob",)


def test_i3_a_killed_kernel_comes_back_stopped(bench: Bench, tmp_path: Path) -> None:
    bench.ask(words.Stop(source="bob"))
    again = Bench(tmp_path, epoch=2)
    assert again.tick().mode == "ESTOP"
    assert again.status().stops == ("bob",)
    assert again.answer(words.Clear(id="c", source="bob"), "launcher").code == ""
    assert again.status().mode == "SAFE_HOLD"
    assert Bench(tmp_path, epoch=3).tick().mode == "SAFE_HOLD"


def test_a_latch_that_cannot_be_read_counts_as_a_stop(bench: Bench) -> None:
    bench.ask(words.Stop(source="bob"))
    raw = bytearray((bench.folder / "latch").read_bytes())
    raw[64 + 24] ^= 0xFF
    (bench.folder / "latch").write_bytes(bytes(raw))
    assert Latch(bench.folder / "latch").read() == ("latch",)


def test_clearing_from_afar_needs_a_permit_to_clear(bench: Bench) -> None:
    bench.ask(words.Stop(source="bob"))
    for clear, code in (
        (words.Clear(id="c", fingerprint="AA", source="bob"), "permit_missing"),
        (words.Clear(id="c", fingerprint="AA", source="bob", permit=bench.permit()), "permit_wrong_act"),
        (words.Clear(id="c", fingerprint="AA", source="eve", permit=bench.permit("clear")), "not_latched"),
        (words.Clear(id="c", fingerprint="AA", source="bob", permit=bench.permit("clear")), ""),
    ):
        assert bench.answer(clear).code == code
    assert Latch(bench.folder / "latch").read() == ()
    assert bench.status().actor == "ann"


def test_the_switch_is_turned_at_the_robot_only(bench: Bench, tmp_path: Path) -> None:
    off = words.SetRemoteMotion(id="s", allowed=False)
    assert bench.answer(off).code == "local_only"
    assert bench.answer(off, "pilot").code == "local_only"
    assert bench.answer(off, "launcher").code == ""
    assert bench.status().remote_motion is False
    assert bench.answer(words.Acquire(id="a", fingerprint="AA", permit=bench.permit())).code == "remote_motion_off"
    (tmp_path / "other").mkdir()
    assert Bench(tmp_path / "other", remote_motion=False).tick().remote_motion is False


def test_no_peer_can_pass_for_a_door(bench: Bench) -> None:
    forged = words.Acquire(id="a", fingerprint="pilot", permit=bench.permit("policy", "pilot"))
    assert bench.answer(forged).code == "fingerprint_mismatch"


def test_the_pilot_drives_through_its_own_door(bench: Bench) -> None:
    acquire = words.Acquire(id="a", fingerprint="anything", permit=bench.permit("policy", "pilot"))
    assert bench.answer(acquire, "pilot").code == ""
    assert bench.status().mode == "AUTONOMY"
    assert bench.row().pilot == "policy"
    bench.send(wire.HEARTBEAT, door="pilot")
    for values in (ZERO, FORTH):
        bench.send(wire.COMMAND, values, "pilot", dies_mono_s=bench.now + 0.5, chunk=4, uncertainty=0.25, pilot="primitive")
    bench.tick()
    row = bench.row()
    assert (row.pilot, row.chunk, row.uncertainty) == ("primitive", 4, 0.25)
    assert row.action_done[0] == pytest.approx(0.1)
    bench.send(wire.COMMAND, FORTH)
    status = bench.tick()
    assert "not_holder" in bench.kernel._refusals._running
    assert status.mode == "AUTONOMY"


def test_rows_bear_the_fence_that_the_pilot_says_and_nobody_else(bench: Bench) -> None:
    assert bench.answer(words.SetFence(id="f", fence=7)).code == "pilot_only"
    assert bench.answer(words.SetFence(id="f", fence=7), "launcher").code == "pilot_only"
    assert bench.row().fence == 0
    assert bench.answer(words.SetFence(id="f", fence=7), "pilot").code == ""
    bench.drive()  # also while a person drives in that run
    assert (bench.row().fence, bench.row().pilot) == (7, "operator")
    assert bench.answer(words.SetFence(id="f", fence=0), "pilot").code == ""
    assert bench.row().fence == 0


def test_a_pilot_that_holds_says_so_in_the_rows(bench: Bench) -> None:
    bench.answer(words.Acquire(id="a", permit=bench.permit("policy", "pilot")), "pilot")
    bench.send(wire.HEARTBEAT, door="pilot")
    bench.send(wire.COMMAND, ZERO, "pilot", dies_mono_s=bench.now + 0.5, pilot="hold")
    bench.tick()
    assert (bench.row().pilot, bench.row().mode) == ("hold", "AUTONOMY")


def test_refusals_are_counted_by_code_and_told_once_a_second(bench: Bench) -> None:
    bench.drive()
    for bad in (b"", b"x" * 28, wire.pack(Command(wire.PROBE, 0, 1, 1, 1, 0, 0)), b"\x01\x00" + bytes(26)):
        bench.doors["link"].send(words.Command(fingerprint="AA", raw=bad, seen_capture_mono_s=None))
    bench.send(wire.COMMAND, (math.nan, 0.0, 0.0, 0.0, 0.0))
    bench.tick()
    assert bench.body.told[-1][0] == pytest.approx(0.2), "what was asked before goes on"
    assert bench.status().refused == {}
    for _ in range(50):
        bench.send(wire.HEARTBEAT)
        bench.tick()
    counts = {"command_size": 1, "command_version": 1, "command_kind": 1, "lease_old": 1, "not_finite": 1}
    assert bench.status().refused == counts
    assert bench.status().last_refusal.endswith(".")
    noted = [event for event in bench.told_events() if event.event == "refused"]
    assert [event.detail["counts"] for event in noted] == [counts]
    for _ in range(50):
        bench.tick()
    assert bench.status().refused == {}


def test_what_is_no_message_is_counted(bench: Bench) -> None:
    ours, theirs = door_pair()
    bench.kernel._doors["link"] = Door(ours)  # type: ignore[index]
    for raw in (b"\x00", b"\xff" * 100, msgspec.msgpack.encode({"type": "stop", "source": "x", "more": 1}),
                msgspec.msgpack.encode({"type": "nonsense"}), msgspec.msgpack.encode({"type": "stop", "source": 3})):  # fmt: skip
        theirs.send(raw)
    bench.tick()
    assert bench.kernel._refusals._running == {"door_message_invalid": 5}
    assert bench.status().mode == "SAFE_HOLD"


def test_renewals_keep_the_lease_and_a_revocation_ends_it(bench: Bench) -> None:
    bench.drive()
    assert bench.ask(words.Renew(renewal=sign(Renewal(robot="robot-1", epoch=1, seq=1, counter=1)))) == []
    assert bench.answer(words.Renew(id="r", renewal=bench.permit())).code == "permit_invalid"
    other = sign(Renewal(robot="robot-2", epoch=1, seq=1, counter=9, revoke=True))
    assert bench.answer(words.Renew(id="r", renewal=other)).code == "permit_wrong_robot"
    assert bench.status().mode == "TELEOP"
    revoke = sign(Renewal(robot="robot-1", epoch=1, seq=1, counter=2, revoke=True, reason="left"))
    assert bench.answer(words.Renew(id="r", renewal=revoke)).code == ""
    assert bench.status().reason == "REVOKED"
    assert bench.body.told[-1][0] == 0.0


def test_release_hold_and_steps_pass_through(bench: Bench) -> None:
    bench.drive(ZERO)
    goal = words.Goal(
        id="g",
        fingerprint="AA",
        epoch=1,
        seq=1,
        n=1,
        sent_us=round(bench.now * 1e6),
        seen_capture_mono_s=bench.now,
        delta=(0.02, 0, 0, 0, 0),
    )
    assert bench.answer(goal).code == ""
    moved = 0.0
    for _ in range(12):
        bench.send(wire.HEARTBEAT)
        bench.tick()
        moved += bench.status().done[0] * 0.02
    assert moved + 0.1 * 0.02 == pytest.approx(0.02, abs=1e-4), "with the tick of the answer"
    assert bench.status().done[0] == 0.0
    release = words.Release(id="r", fingerprint="AA", epoch=1, seq=1, reason="hidden")
    assert bench.answer(release).code == ""
    assert bench.status().reason == "HIDDEN"
    assert bench.answer(release).code == "no_lease"
    assert bench.answer(words.SetHeld(id="h", held=True)).code == ""
    assert (bench.status().held, bench.status().reason) == (True, "KEY_HELD")


def test_a_body_that_stops_answering_ends_motion(bench: Bench) -> None:
    bench.drive()
    bench.body.state = None
    status = bench.tick()
    assert (status.mode, status.reason, status.state, status.state_mono_s) == ("SAFE_HOLD", "BODY_LOST", (), None)
    assert bench.body.told[-1] == (0.0, 0.0, 0.0, 0.0, pytest.approx(0.15))


def test_until_the_body_has_spoken_it_is_told_nothing(bench: Bench) -> None:
    state, bench.body.state = bench.body.state, None
    bench.tick()
    assert bench.body.told == []
    assert bench.row().state == ()
    bench.body.state = state
    bench.tick()
    assert bench.body.told == [(0.0, 0.0, 0.0, 0.0, 0.25)]


def test_i5_without_commands_the_output_is_zero_and_without_heartbeats_the_lease_is_gone(bench: Bench) -> None:
    bench.drive()
    for _ in range(7):
        assert bench.tick().done[0] > 0
    assert bench.tick().done[0] == 0.0
    assert bench.status().clamps == STALE_COMMAND
    assert bench.row().action == (0.0, 0.0, 0.0, 0.0, 0.0)
    for _ in range(6):
        bench.tick()
    assert (bench.status().mode, bench.status().reason) == ("SAFE_HOLD", "DEADMAN")


def test_a_kernel_that_slept_drops_the_lease_before_it_reads_old_commands(bench: Bench) -> None:
    bench.drive()
    for _ in range(20):
        bench.send(wire.HEARTBEAT)
        bench.send(wire.COMMAND, FORTH)
    assert bench.tick(after=5.0).mode == "SAFE_HOLD"
    assert bench.body.told[-1][0] == 0.0


def test_events_are_numbered_chained_and_told_to_the_link(bench: Bench) -> None:
    bench.tick()
    bench.drive((9.0, 0.0, 0.0, 0.0, 0.0))
    bench.ask(words.Stop(source="bob"))
    for _ in range(50):
        bench.tick()
    events = bench.told_events()
    assert [event.n for event in events] == list(range(1, len(events) + 1))
    assert [event.event for event in events] == ["boot", "granted", "stop", "clamped"]
    assert events[-1].detail == {"clamps": ["limit", "slew"]}
    for one, other in itertools.pairwise(events):
        assert one.after == other.before
    assert {event.epoch for event in events} == {1}
    assert LIMIT


def test_a_link_that_does_not_read_delays_nothing(bench: Bench) -> None:
    for _ in range(20_000):
        bench.kernel._send(bench.kernel._doors["link"], Stopped(source="x" * 200, mono_s=0.0))
    status = bench.tick()
    assert status.messages_dropped > 0
    assert status.mode == "SAFE_HOLD"


def test_a_flood_is_read_a_bounded_number_at_a_time_and_another_doors_stop_gets_through(bench: Bench) -> None:
    for _ in range(200):
        bench.send(wire.HEARTBEAT)
    assert bench.ask(words.Stop(source="robot"), "launcher") == [Stopped(source="robot", mono_s=bench.now)]
    assert bench.kernel._refusals._running["no_lease"] == 128
    bench.tick()
    assert bench.kernel._refusals._running["no_lease"] == 200


def test_the_longest_of_everything_still_fits(bench: Bench) -> None:
    for number in range(70):
        bench.doors["link"].send(words.Stop(source=f"{number}" + "ü" * 1000))
    bench.tick()
    assert len(bench.status().stops) == 17
    assert all(len(source) <= 100 for source in bench.status().stops)
    assert len(bench.told_events()) == 18
    assert len(Latch(bench.folder / "latch").read()) == 17


def test_a_permit_with_endless_names_is_cut_or_refused(bench: Bench) -> None:
    nonce = bench.kernel.authority.nonces.current(0.0)

    def permit(person: str, name: str) -> Signed:
        return sign(Permit(robot="robot-1", act="drive", person=person, name=name, fingerprint="AA", nonce=nonce))

    endless = words.Acquire(id="a", fingerprint="AA", permit=permit("p" * 101, "Ann"))
    assert bench.answer(endless).code == "permit_invalid"
    assert bench.answer(words.Acquire(id="a", fingerprint="AA", permit=permit("p" * 100, "ü" * 9000))).code == ""
    lease = bench.status().lease
    assert lease is not None
    assert lease.name == "ü" * 100
    assert bench.row().person_name == lease.name
