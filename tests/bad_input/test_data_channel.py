"""Rows 33 to 42 through the real link and kernel to the body: counted, told to the operator, the output unchanged."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from protocol import channel, command, wire
from tests.bad_input.whole_robot import FORTH, WholeRobot


@pytest.fixture
def robot(tmp_path: Path) -> WholeRobot:
    return WholeRobot(tmp_path)


def resized(raw: bytes, axes: int) -> bytes:
    """The same datagram saying that it has so many axes."""
    return raw[:2] + bytes((axes,)) + raw[3:]


def last(robot: WholeRobot) -> int:
    return robot._n["command"]


Bad = Callable[[WholeRobot], bytes | str]
BACK = (-FORTH,)  # what would show at the body if it were obeyed
BAD: dict[str, tuple[Bad, str]] = {
    "row 33: nothing": (lambda r: b"", "command_size"),
    "row 33: 64 KiB and one": (lambda r: bytes(64 * 1024 + 1), "command_size"),
    "row 34: NaN": (lambda r: r.datagram(values=(math.nan,)), "not_finite"),
    "row 34: infinite": (lambda r: r.datagram(values=(math.inf,)), "not_finite"),
    "row 34: minus infinite": (lambda r: r.datagram(values=(-math.inf,)), "not_finite"),
    "row 34: denormal": (lambda r: r.datagram(values=(1e-40,)), "denormal"),
    "row 35: too few axes": (lambda r: r.datagram(values=()), "axis_count"),
    "row 35: too many axes": (lambda r: r.datagram(values=BACK * 2), "axis_count"),
    "row 35: axes that are not there": (lambda r: resized(r.datagram(values=BACK), 2), "command_size"),
    "row 36: stale": (lambda r: r.datagram(values=BACK, sent_us=round((r.now_s - 0.3) * 1e6)), "stale"),
    "row 36: from the future": (lambda r: r.datagram(values=BACK, sent_us=round((r.now_s + 0.2) * 1e6)), "future"),
    "row 37: the same again": (lambda r: r.datagram(values=BACK, n=last(r)), "replay"),
    "row 37: an old number": (lambda r: r.datagram(values=BACK, n=1), "replay"),
    "row 38: another epoch": (lambda r: r.datagram(values=BACK, epoch=6), "lease_old"),
    "row 38: another lease": (lambda r: r.datagram(values=BACK, seq=99), "lease_old"),
    "row 40: an unknown version": (lambda r: b"\x02" + r.datagram(values=BACK)[1:], "command_version"),
    "row 40: an unknown kind": (lambda r: r.datagram(values=BACK)[:1] + b"\x09" + r.datagram(values=BACK)[2:], "command_kind"),
    "row 41: text": (lambda r: "forth", "not_binary"),
}


@pytest.mark.parametrize("case", list(BAD))
async def test_what_is_bad_is_counted_and_the_arm_goes_on_as_before(robot: WholeRobot, case: str) -> None:
    make, code = BAD[case]
    await robot.drive()
    before = robot.status
    for _ in range(3):
        robot.peer.events.on_control(make(robot))
        robot.tick()
        assert robot.body.action[0] == pytest.approx(FORTH)
        robot.run(0.06, FORTH)
    after = robot.status
    assert (after.mode, after.reason, after.lease, after.stops) == (before.mode, before.reason, before.lease, before.stops)
    assert _told_within(robot, 2.2, code, FORTH) == 3
    robot.run(2.2, FORTH)
    assert code not in robot.told()


def _told_within(robot: WholeRobot, seconds: float, code: str, value: float | None) -> int:
    """The highest count of this refusal that the operator reads; also that a sentence is there with it."""
    robot.peer.said.clear()
    robot.run(seconds, value)
    heard = [said for said in robot.peer.heard(channel.Telemetry) if code in said.refused]
    assert all(said.last_refusal.endswith(".") for said in heard)
    return max((said.refused[code] for said in heard), default=0)


async def test_row_42_the_first_command_must_be_neutral(robot: WholeRobot) -> None:
    await robot.connect()
    assert isinstance(robot.acquire(), channel.Granted)
    robot.run(0.3, FORTH)
    assert robot.body.action == [0.0]
    assert _told_within(robot, 2.2, "neutral_first", FORTH) > 10
    robot.run(0.04, 0.0)
    robot.run(0.6, FORTH)
    assert robot.body.action[0] == pytest.approx(FORTH)


async def test_row_39_commands_without_a_lease_move_nothing(robot: WholeRobot) -> None:
    await robot.connect()
    robot.run(0.1, 0.0)
    robot.run(1.2, FORTH)
    assert robot.body.action == [0.0]
    assert robot.told()["no_lease"] > 10
    assert robot.status.refused == {}, "the kernel's door is the holder's"
    assert (robot.status.mode, robot.status.lease) == ("SAFE_HOLD", None)


WITHOUT_LEASE: dict[str, tuple[wire.Message, str]] = {
    "release": (channel.Release(id="x", epoch=7, seq=1), "no_lease"),
    "goal": (channel.Goal(id="x", epoch=7, seq=1, n=1, sent_us=1, seen_frame=301, delta=(0.1,)), "no_lease"),
    "record": (channel.RecordStart(id="x", instruction="pick"), "not_in_control"),
    "end recording": (channel.RecordStop(id="x"), "not_in_control"),
    "bring a take back": (channel.RecordUndo(id="x"), "not_in_control"),
    "save the last": (channel.SaveLast(id="x"), "not_in_control"),
    "reset the scene": (channel.ResetScene(id="x"), "not_in_control"),
    "change colours": (channel.PaintScene(id="x", colours={"red cube": "purple"}), "not_in_control"),
}


@pytest.mark.parametrize("case", list(WITHOUT_LEASE))
async def test_row_39_what_needs_the_lease_is_refused_without(robot: WholeRobot, case: str) -> None:
    message, code = WITHOUT_LEASE[case]
    await robot.connect()
    assert refusal(robot, message) == code
    assert (robot.body.action, robot.status.lease, robot.recorded) == ([0.0], None, [])


def refusal(robot: WholeRobot, message: wire.Message) -> str:
    robot.peer.said.clear()
    robot.say(message)
    robot.tick()
    (problem,) = robot.peer.heard(wire.Problem)
    assert problem.id == message.id and problem.sentence.endswith(".")
    return str(problem.code)


PERMITS: dict[str, tuple[str, dict[str, Any], str]] = {
    "to clear": ("clear", {}, "permit_wrong_act"),
    "for another robot": ("drive", {"robot": "r2"}, "permit_wrong_robot"),
    "for another connection": ("drive", {"fingerprint": "CD" * 32}, "fingerprint_mismatch"),
    "that is old": ("drive", {"nonce": "0" * 32}, "permit_expired"),
}


@pytest.mark.parametrize("case", list(PERMITS))
async def test_row_39_a_permit_that_is_not_for_this_gives_no_lease(robot: WholeRobot, case: str) -> None:
    act, changes, code = PERMITS[case]
    await robot.connect()
    assert refusal(robot, channel.Acquire(id="take", permit=robot.permit(act, **changes))) == code
    assert robot.status.lease is None


async def test_row_39_what_the_server_has_not_signed_gives_no_lease(robot: WholeRobot) -> None:
    await robot.connect()
    signed = robot.permit("drive")
    for forged in (signed.__class__(signed.payload, signed.payload), signed.__class__("!", "?"), signed.__class__("", "")):
        assert refusal(robot, channel.Acquire(id="take", permit=forged)) == "signature_invalid"
    assert robot.status.lease is None


@pytest.mark.parametrize(
    ("delta", "code"), [((), "axis_count"), ((0.1, 0.1), "axis_count"), ((1e308,), "not_finite"), ((1e-300,), "denormal")]
)
async def test_rows_34_and_35_a_step_of_no_numbers(robot: WholeRobot, delta: tuple[float, ...], code: str) -> None:
    await robot.connect()
    granted = robot.acquire()
    assert isinstance(granted, channel.Granted)
    robot.run(0.1, 0.0)
    sent_us = round(robot.now_s * 1e6)
    goal = channel.Goal(id="x", epoch=granted.epoch, seq=granted.seq, n=1, sent_us=sent_us, seen_frame=303, delta=delta)
    assert refusal(robot, goal) == code
    robot.run(0.2, 0.0)
    assert robot.body.action == [0.0]


async def test_row_34_json_has_no_word_for_what_is_no_number(robot: WholeRobot) -> None:
    await robot.connect()
    for word in ("NaN", "Infinity", "1e999", "nul"):
        robot.peer.said.clear()
        robot.peer.events.on_state(
            f'{{"type":"goal","id":"x","epoch":7,"seq":1,"n":1,"sent_us":1,"seen_frame":1,"delta":[{word}]}}'
        )
        (problem,) = robot.peer.heard(wire.Problem)
        assert problem.code in ("invalid_json", "invalid_field:delta[0]", "invalid_field:delta[...]"), word


async def test_rows_33_and_41_on_the_reliable_channel(robot: WholeRobot) -> None:
    await robot.connect()
    for raw, code in (
        ("", "invalid_json"),
        ("x" * (64 * 1024 + 1), "too_large"),
        (b"{}", "not_text"),
        ("[]", "invalid_field:message"),
    ):
        robot.peer.said.clear()
        robot.peer.events.on_state(raw)
        (problem,) = robot.peer.heard(wire.Problem)
        assert problem.code == code


async def test_a_datagram_cut_anywhere_moves_nothing(robot: WholeRobot) -> None:
    await robot.drive()
    whole = robot.datagram(values=BACK)
    for length in range(len(whole)):
        robot.peer.events.on_control(whole[:length])
    robot.run(0.04, FORTH)
    assert robot.body.action[0] == pytest.approx(FORTH)
    assert len(whole) == command.HEAD_SIZE + struct.calcsize("<f")
