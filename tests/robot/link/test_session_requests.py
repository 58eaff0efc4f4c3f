"""What a page asks over the reliable channel, and what no message is (bad-input rows 32 to 42)."""

from __future__ import annotations

import asyncio

import pytest

from protocol import channel, wire
from robot.door import encode
from robot.kernel import door
from robot.link.conversation import ANSWER_S
from tests.robot.link.fake_peer import NUMBER, SIGNED, Stage, fingerprint, picture


async def test_in_control_only_when_the_kernel_grants(stage: Stage) -> None:
    peer = await stage.connect()
    stage.ask(peer, channel.Acquire(id="a", permit=SIGNED))
    (acquire,) = stage.to_kernel
    assert acquire.fingerprint == fingerprint("s1")
    assert peer.heard(channel.Granted) == []
    stage.sessions.on_kernel_event(door.Answer(id=acquire.id, epoch=3, seq=4))
    assert peer.heard(channel.Granted) == [channel.Granted(id="a", epoch=3, seq=4)]


async def test_a_refused_acquire_says_why(stage: Stage) -> None:
    peer = await stage.connect()
    stage.ask(peer, channel.Acquire(id="a", permit=SIGNED))
    stage.sessions.on_kernel_event(door.Answer(id=stage.to_kernel[0].id, code="nonce_stale", sentence="Ask again."))
    (problem,) = peer.heard(wire.Problem)
    assert (problem.id, problem.code, problem.sentence) == ("a", "nonce_stale", "Ask again.")


async def test_a_silent_kernel_is_told_after_two_seconds(stage: Stage) -> None:
    peer = await stage.connect()
    stage.ask(peer, channel.Acquire(id="a", permit=SIGNED))
    stage.now_s += ANSWER_S + 0.1
    stage.sessions.tick()
    assert [(p.id, p.code) for p in peer.heard(wire.Problem)] == [("a", "kernel_silent")]
    stage.sessions.on_kernel_event(door.Answer(id=stage.to_kernel[0].id, epoch=3, seq=4))
    assert peer.heard(channel.Granted) == []


async def test_a_full_door_refuses_at_once(stage: Stage) -> None:
    peer = await stage.connect()
    stage.kernel_full = True
    stage.ask(peer, channel.Acquire(id="a", permit=SIGNED))
    assert [(p.id, p.code) for p in peer.heard(wire.Problem)] == [("a", "kernel_away")]


async def test_release_clear_and_goal_carry_the_peers_own_fingerprint(stage: Stage) -> None:
    peer = await stage.connect()
    stage.sessions.on_media_packet(picture())
    stage.ask(peer, channel.Release(id="r", epoch=3, seq=4, reason="hidden"))
    stage.ask(peer, channel.Clear(id="c", source="p2", permit=SIGNED))
    stage.ask(peer, channel.Goal(id="g", epoch=3, seq=4, n=1, sent_us=5, seen_frame=NUMBER, delta=(0.1,)))
    release, clear, goal = stage.to_kernel
    assert {m.fingerprint for m in stage.to_kernel} == {fingerprint("s1")}
    assert (release.reason, clear.source, goal.seen_capture_mono_s) == ("hidden", "p2", 99.9)
    for asked in stage.to_kernel:
        stage.sessions.on_kernel_event(door.Answer(id=asked.id))
    assert [done.id for done in peer.heard(channel.Done)] == ["r", "c", "g"]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("{", "invalid_json"),
        ('{"v":1,"type":"dance"}', "unknown_type"),
        ('{"v":1,"type":"ping","sent_us":1,"extra":2}', "invalid_field:extra"),
        ('{"v":1,"type":"ping","sent_us":"soon"}', "invalid_field:sent_us"),
        ('{"v":9,"type":"ping","sent_us":1}', "upgrade_required"),
        ("x" * 70_000, "too_large"),
        (b"bytes", "not_text"),
    ],
)
async def test_what_is_no_message_is_refused_with_its_code(stage: Stage, raw: str | bytes, code: str) -> None:
    peer = await stage.connect()
    peer.events.on_state(raw)
    (problem,) = peer.heard(wire.Problem)
    assert problem.code == code
    assert stage.to_kernel == []


HUGE, GOAL = 10**30, '{"v":1,"type":"goal","epoch":%d,"seq":%d,"n":%d,"sent_us":%d,"seen_frame":%d,"delta":[%s]}'


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (GOAL % (HUGE, 1, 1, 1, 1, "0"), "epoch"),
        (GOAL % (1, 2**32, 1, 1, 1, "0"), "seq"),
        (GOAL % (1, 1, -1, 1, 1, "0"), "n"),
        (GOAL % (1, 1, 1, 2**63, 1, "0"), "sent_us"),
        (GOAL % (1, 1, 1, 1, HUGE, "0"), "seen_frame"),
        (GOAL % (1, 1, 1, 1, 1, "1e999"), "delta[0]"),
        (f'{{"v":1,"type":"release","epoch":{HUGE},"seq":1}}', "epoch"),
        (f'{{"v":1,"type":"release","epoch":1,"seq":{HUGE}}}', "seq"),
        (f'{{"v":1,"type":"ping","sent_us":{HUGE}}}', "sent_us"),
        ('{"v":1,"type":"reset_scene","seed":-1}', "seed"),
        (f'{{"v":1,"type":"reset_scene","seed":{HUGE}}}', "seed"),
    ],
)
async def test_numbers_that_fit_no_machine_are_refused(stage: Stage, raw: str, field: str) -> None:
    peer = await stage.connect()
    stage.give_lease(peer)
    peer.events.on_state(raw)
    assert [problem.code for problem in peer.heard(wire.Problem)] == [f"invalid_field:{field}"]
    assert stage.to_kernel == []


async def test_the_largest_numbers_pass(stage: Stage) -> None:
    peer = await stage.connect()
    peer.events.on_state(GOAL % (2**32 - 1, 2**32 - 1, 2**32 - 1, 2**63 - 1, 2**32 - 1, "0"))
    (goal,) = stage.to_kernel
    assert encode(goal)


async def test_only_who_drives_may_record(stage: Stage) -> None:
    peer = await stage.connect()
    stage.ask(peer, channel.RecordStart(id="1", instruction="pick"))
    stage.give_lease(peer)
    stage.ask(peer, channel.RecordStart(id="2", instruction="pick"))
    stage.ask(peer, channel.SaveLast(id="3"))
    stage.ask(peer, channel.ResetScene(id="4"))
    stage.ask(peer, channel.RecordUndo(id="5"))
    stage.ask(peer, channel.PaintScene(id="6", colours={"red cube": "purple"}))
    for _ in range(3):
        await asyncio.sleep(0)
    assert [(p.id, p.code) for p in peer.heard(wire.Problem)] == [
        ("1", "not_in_control"), ("3", "nothing_kept"), ("4", "no_scene"),
    ]  # fmt: skip
    assert [(person, request.id) for person, _, request in stage.recorded] == [("p1", "2"), ("p1", "5")]
    assert [done.id for done in peer.heard(channel.Done)] == ["2", "5", "6"]
    assert stage.painted == [{"red cube": "purple"}]


async def test_a_ping_is_answered_with_the_robots_clock(stage: Stage) -> None:
    peer = await stage.connect()
    stage.ask(peer, channel.Ping(id="1", sent_us=42))
    assert peer.heard(channel.Pong) == [channel.Pong(id="1", sent_us=42, mono_us=100_000_000, time_ns=0)]
