"""Sessions and what is said in them: refusals beside successes (bad-input rows 31 to 42, invariant I15)."""

from __future__ import annotations

import asyncio
import base64

import pytest

from protocol import channel, command, wire
from protocol.errors import Refused
from protocol.permit import dtls_bytes
from protocol.robot_link import Offer
from robot.door import encode
from robot.kernel import door
from robot.link.conversation import ANSWER_S, CONTROL_PER_S, JSON_PER_S, SILENT_S, SLOW_S, TOO_MUCH_WAITING
from robot.link.session import MAX_SESSIONS
from robot.media import door as media_door
from tests.robot.link.fake_peer import SIGNED, FakePeer, Stage, fingerprint, state, status
from tests.robot.link.test_sdp import offer as sdp_offer

FIRST, NUMBER = 2997, 297  # a picture taken at 99.9 s, and how a session begun at 100 s calls it


@pytest.fixture
def stage() -> Stage:
    return Stage()


def datagram(kind: int = command.COMMAND, seen: int = command.NO_FRAME, values: tuple[float, ...] = (0.0,)) -> bytes:
    return command.pack(command.Command(kind, 1, 3, 4, 1, 1000, seen, values if kind == command.COMMAND else ()))


def picture(camera: str = "scene", index: int = FIRST, keyframe: bool = True) -> media_door.Packet:
    return media_door.Packet(
        camera=camera, index=index, capture_mono_s=99.9, keyframe=keyframe, data=b"\0\0\0\1\x65picture",
        render_ms=3.0, capture_ms=0.5, encode_ms=2.0, sent_mono_s=99.95,
    )  # fmt: skip


def refused_last_second(stage: Stage, peer: FakePeer) -> dict[str, int]:
    """What the next telemetry says about the second that has just passed."""
    stage.sessions.set_status(status())
    stage.sessions.set_state(state())
    peer.said.clear()
    stage.now_s += 1.0
    for _ in range(4):
        stage.sessions.tick()
    return dict(peer.heard(channel.Telemetry)[-1].refused)


# -- connecting --------------------------------------------------------------------------------------------------------


async def test_an_answer_is_signed_over_both_fingerprints(stage: Stage) -> None:
    sdp = sdp_offer(f"sha-256 {fingerprint('s1')}")
    answer = await stage.sessions.offer(Offer(session="s1", person="p1", name="Ada", sdp=sdp))
    assert answer.cameras == ("scene", "wrist")
    assert base64.b64decode(answer.signature) == b"signed " + dtls_bytes("s1", "LOCAL", fingerprint("s1"))


async def test_hello_comes_first_and_names_the_cameras(stage: Stage) -> None:
    stage.sessions.set_state(state())
    peer = await stage.connect()
    hello, first_state = peer.said
    assert isinstance(hello, channel.Hello)
    assert (hello.cameras, hello.rtp_origin, hello.session) == (("scene", "wrist"), {"scene": 7, "wrist": 7}, "s1")
    assert isinstance(first_state, channel.State)


async def test_row_31_a_second_offer_while_live_names_the_owner(stage: Stage) -> None:
    await stage.connect("s1")
    with pytest.raises(Refused) as refused:
        await stage.connect("s1")
    assert (refused.value.code, refused.value.detail) == ("session_live", {"owner": "P1"})
    assert stage.sessions.count == 1


async def test_row_31_one_certificate_is_one_session(stage: Stage) -> None:
    await stage.connect("s1")
    with pytest.raises(Refused) as refused:
        await stage.sessions.offer(Offer(session="s2", person="p2", name="Bob", sdp=sdp_offer(f"sha-256 {fingerprint('s1')}")))
    assert refused.value.code == "session_live"


async def test_there_is_a_limit_of_sessions(stage: Stage) -> None:
    for i in range(MAX_SESSIONS):
        await stage.connect(f"s{i}")
    with pytest.raises(Refused) as refused:
        await stage.connect("one more")
    assert refused.value.code == "too_many_sessions"


async def test_a_bad_offer_starts_nothing(stage: Stage) -> None:
    with pytest.raises(Refused) as refused:
        await stage.sessions.offer(Offer(session="s1", person="p1", name="Ada", sdp="v=0"))
    assert refused.value.code == "sdp_invalid"
    assert stage.sessions.count == 0
    await stage.connect("s1")


# -- datagrams ---------------------------------------------------------------------------------------------------------


async def test_a_command_goes_on_with_the_capture_time_of_the_picture_seen(stage: Stage) -> None:
    peer = await stage.connect()
    stage.give_lease(peer)
    stage.sessions.on_media_packet(picture())
    raw = datagram(seen=NUMBER)
    peer.events.on_control(raw)
    (message,) = stage.to_kernel
    assert message == door.Command(fingerprint=fingerprint("s1"), raw=raw, seen_capture_mono_s=99.9)


@pytest.mark.parametrize("seen", [command.NO_FRAME, 12345])
async def test_a_picture_nobody_sent_has_no_capture_time(stage: Stage, seen: int) -> None:
    peer = await stage.connect()
    stage.give_lease(peer)
    stage.sessions.on_media_packet(picture())
    peer.events.on_control(datagram(seen=seen))
    assert stage.to_kernel[0].seen_capture_mono_s is None


async def test_a_probe_comes_back_at_once_and_goes_nowhere_else(stage: Stage) -> None:
    peer = await stage.connect()
    raw = datagram(command.PROBE)
    peer.events.on_control(raw)
    assert peer.control == [raw]
    assert stage.to_kernel == []


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "command_size"),  # row 33
        (bytes(64 * 1024 + 1), "command_size"),  # row 33
        (datagram() + b"x", "command_size"),  # row 35: axes that are not there
        (b"\x09" + datagram()[1:], "command_version"),  # row 40
        (datagram()[:1] + b"\x77" + datagram()[2:], "command_kind"),
        ("text", "not_binary"),  # row 41
    ],
)
async def test_bad_datagrams_move_nothing_and_are_told_once_a_second(stage: Stage, raw: bytes | str, code: str) -> None:
    peer = await stage.connect()
    for _ in range(3):
        peer.events.on_control(raw)
    assert stage.to_kernel == []
    assert refused_last_second(stage, peer) == {code: 3}
    assert peer.heard(channel.Telemetry)[-1].last_refusal.endswith(".")
    assert refused_last_second(stage, peer) == {}


async def test_a_flood_of_datagrams_is_cut_but_a_stop_passes(stage: Stage) -> None:
    peer = await stage.connect()
    stage.give_lease(peer)
    for _ in range(int(CONTROL_PER_S) + 50):
        peer.events.on_control(datagram())
    assert len(stage.to_kernel) == CONTROL_PER_S
    peer.events.on_control(datagram(command.STOP))
    assert stage.to_kernel[-1].source == "p1"
    assert refused_last_second(stage, peer) == {"too_many": 50}


@pytest.mark.parametrize("kind", [command.COMMAND, command.HEARTBEAT])
async def test_who_does_not_hold_the_lease_does_not_reach_the_kernels_door(stage: Stage, kind: int) -> None:
    driver, watcher = await stage.connect("s1"), await stage.connect("s2", "p2")
    watcher.events.on_control(datagram(kind))
    stage.give_lease(driver)
    for _ in range(3):
        watcher.events.on_control(datagram(kind))
    assert stage.to_kernel == []
    driver.events.on_control(datagram(kind))
    watcher.events.on_control(datagram(command.STOP))
    assert [type(message) for message in stage.to_kernel] == [door.Command, door.Stop]
    assert refused_last_second(stage, watcher) == {"no_lease": 4}


async def test_commands_pass_from_the_grant_on_until_a_newer_status_knows_better(stage: Stage) -> None:
    peer = await stage.connect()
    stage.sessions.set_status(status(mono_s=99.99))
    stage.ask(peer, channel.Acquire(id="a", permit=SIGNED))
    peer.events.on_control(datagram())
    (acquire,) = stage.to_kernel
    stage.sessions.on_kernel_event(door.Answer(id=acquire.id, epoch=3, seq=4))
    peer.events.on_control(datagram())
    stage.give_lease(peer)
    peer.events.on_control(datagram())
    assert len(stage.to_kernel) == 3
    stage.sessions.set_status(status(mono_s=100.02))
    peer.events.on_control(datagram())
    assert len(stage.to_kernel) == 3


async def test_refusals_of_the_kernel_are_told_to_who_drives(stage: Stage) -> None:
    driver, watcher = await stage.connect("s1"), await stage.connect("s2", "p2")
    stage.give_lease(driver)
    stage.sessions.set_status(
        status(lease=stage.sessions._robot.status.lease, refused={"stale": 5}, last_refusal="Too old.")  # type: ignore[union-attr]
    )
    stage.sessions.set_state(state())
    for _ in range(4):
        stage.sessions.tick()
    assert driver.heard(channel.Telemetry)[-1].refused == {"stale": 5}
    assert watcher.heard(channel.Telemetry)[-1].refused == {}


# -- stop --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["datagram", "message"])
async def test_stopped_is_said_only_on_the_kernels_word(stage: Stage, way: str) -> None:
    peer = await stage.connect()
    if way == "datagram":
        peer.events.on_control(datagram(command.STOP))
    else:
        stage.ask(peer, channel.Stop(id="7", source="somebody else"))
    (stop,) = stage.to_kernel
    assert stop.source == "p1"  # whoever the page says it is
    stage.now_s += ANSWER_S + 1
    stage.sessions.tick()
    assert peer.heard(channel.Stopped) == []
    assert peer.heard(wire.Problem) == []


async def test_the_kernels_word_reaches_the_page_that_asked(stage: Stage) -> None:
    peer, other = await stage.connect("s1"), await stage.connect("s2", "p2")
    stage.ask(peer, channel.Stop(id="7", source="p1"))
    stage.sessions.on_kernel_event(door.Stopped(id=stage.to_kernel[0].id, source="p1", mono_s=100.0))
    assert peer.heard(channel.Stopped) == [channel.Stopped(id="7", source="p1")]
    assert other.heard(channel.Stopped) == []


async def test_a_stop_is_never_refused_for_coming_too_often(stage: Stage) -> None:
    peer = await stage.connect()
    for n in range(int(JSON_PER_S) + 10):
        stage.ask(peer, channel.Ping(id=str(n), sent_us=n))
    assert {problem.code for problem in peer.heard(wire.Problem)} == {"too_many"}
    stage.ask(peer, channel.Stop(id="s", source="p1"))
    assert isinstance(stage.to_kernel[-1], door.Stop)


# -- requests ----------------------------------------------------------------------------------------------------------


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
    for _ in range(3):
        await asyncio.sleep(0)
    assert [(p.id, p.code) for p in peer.heard(wire.Problem)] == [
        ("1", "not_in_control"), ("3", "nothing_kept"), ("4", "no_scene"),
    ]  # fmt: skip
    assert [(person, request.id) for person, _, request in stage.recorded] == [("p1", "2"), ("p1", "5")]
    assert [done.id for done in peer.heard(channel.Done)] == ["2", "5"]


async def test_a_ping_is_answered_with_the_robots_clock(stage: Stage) -> None:
    peer = await stage.connect()
    stage.ask(peer, channel.Ping(id="1", sent_us=42))
    assert peer.heard(channel.Pong) == [channel.Pong(id="1", sent_us=42, mono_us=100_000_000, time_ns=0)]


# -- pictures ----------------------------------------------------------------------------------------------------------


async def test_only_cameras_that_somebody_shows_are_encoded(stage: Stage) -> None:
    peer = await stage.connect()
    assert stage.to_media[-1] == media_door.Watch(cameras=("scene", "wrist"))
    stage.ask(peer, channel.Watch(id="w", main="wrist", shown=("wrist",)))
    stage.sessions.tick()
    assert stage.to_media[-1] == media_door.Watch(cameras=("wrist",))
    stage.sessions.on_media_packet(picture("scene"))
    stage.sessions.on_media_packet(picture("wrist"))
    assert [camera for camera, _ in peer.pushed] == ["wrist"]
    stage.ask(peer, channel.Watch(id="w", main="scene", shown=("scene", "wrist")))
    assert peer.restarted == ["scene"]
    stage.sessions.end("s1", "bye")
    assert stage.to_media[-1] == media_door.Watch(cameras=())


async def test_a_camera_that_is_not_there_is_refused(stage: Stage) -> None:
    peer = await stage.connect()
    stage.ask(peer, channel.Watch(id="w", main="roof", shown=("roof",)))
    assert [(p.id, p.code) for p in peer.heard(wire.Problem)] == [("w", "camera_unknown")]


async def test_the_main_camera_decides_what_seen_frame_means(stage: Stage) -> None:
    peer = await stage.connect()
    stage.give_lease(peer)
    stage.sessions.on_media_packet(picture("wrist", index=FIRST + 9))
    stage.ask(peer, channel.Watch(main="wrist", shown=("wrist",)))
    peer.events.on_control(datagram(seen=NUMBER + 9))
    assert stage.to_kernel[-1].seen_capture_mono_s == 99.9


async def test_key_frames_asked_by_many_are_asked_of_the_encoder_once(stage: Stage) -> None:
    peers = [await stage.connect(f"s{i}") for i in range(5)]
    stage.to_media.clear()
    for peer in peers:
        peer.events.on_key_frame("scene")
    assert stage.to_media == [media_door.KeyFrame(camera="scene")]
    stage.sessions.tick()
    assert stage.to_media == [media_door.KeyFrame(camera="scene")]
    stage.now_s += 1.01  # whoever joined since then still waits for one
    stage.sessions.tick()
    assert stage.to_media == [media_door.KeyFrame(camera="scene")] * 2
    stage.now_s += 5
    for peer in peers:
        stage.ask(peer, channel.Ping(sent_us=1))
    stage.sessions.tick()
    assert stage.to_media == [media_door.KeyFrame(camera="scene")] * 2


async def test_a_new_media_process_is_told_all_again(stage: Stage) -> None:
    await stage.connect()
    stage.to_media.clear()
    stage.sessions.on_media_restart()
    assert stage.to_media == [media_door.Watch(cameras=("scene", "wrist"))]


async def test_the_page_learns_capture_times_and_stages(stage: Stage) -> None:
    peer = await stage.connect()
    stage.sessions.on_media_packet(picture())
    for _ in range(20):
        stage.sessions.tick()
    assert peer.heard(channel.Frames) == [channel.Frames(camera="scene", captured=((NUMBER, 99_900_000),))]
    (stages,) = peer.heard(channel.Stages)
    assert (stages.render_ms, stages.encode_ms, stages.send_ms) == (3.0, 2.0, 50.0)


async def test_a_thin_link_of_the_driver_lowers_the_bits(stage: Stage) -> None:
    peer = await stage.connect()
    stage.give_lease(peer)
    peer.events.on_remb(900_000.0)
    peer.events.on_remb(400_000.0)
    for _ in range(10):
        stage.sessions.tick()
    rates = [message for message in stage.to_media if isinstance(message, media_door.Rate)]
    assert sum(rate.bit_s for rate in rates) <= 400_000
    assert {rate.camera for rate in rates} == {"scene", "wrist"}


# -- telling and ending ------------------------------------------------------------------------------------------------


async def test_a_change_is_told_at_once_and_the_rest_once_a_second(stage: Stage) -> None:
    peer = await stage.connect()
    stage.sessions.set_state(state())
    stage.sessions.set_state(state(since_s=1.0))
    assert len(peer.heard(channel.State)) == 1
    stage.sessions.set_state(state(mode="ESTOP", reason="REMOTE_STOP", stops=("p1",)))
    assert peer.heard(channel.State)[-1].robot.stops == ("p1",)
    for _ in range(20):
        stage.sessions.tick()
    assert len(peer.heard(channel.State)) == 3


async def test_who_drives_gets_telemetry_twenty_times_a_second(stage: Stage) -> None:
    driver, watcher = await stage.connect("s1"), await stage.connect("s2", "p2")
    stage.give_lease(driver)
    stage.sessions.set_state(state())
    for _ in range(20):
        stage.sessions.tick()
    assert (len(driver.heard(channel.Telemetry)), len(watcher.heard(channel.Telemetry))) == (20, 5)
    assert driver.heard(channel.Telemetry)[0].clamps == ("speed",)


async def test_a_page_that_falls_silent_loses_session_and_lease(stage: Stage) -> None:
    peer = await stage.connect()
    stage.ask(peer, channel.Acquire(id="a", permit=SIGNED))
    stage.sessions.on_kernel_event(door.Answer(id=stage.to_kernel[0].id, epoch=3, seq=4))
    stage.now_s += SILENT_S + 0.1
    stage.sessions.tick()
    release = stage.to_kernel[-1]
    assert isinstance(release, door.Release)
    assert (release.epoch, release.seq, release.reason, release.fingerprint) == (3, 4, "link_lost", fingerprint("s1"))
    assert [(ended.session, ended.reason) for ended in stage.ended] == [("s1", "silent")]
    assert stage.sessions.count == 0
    await stage.sessions.close()
    assert peer.closed


async def test_a_broken_connection_ends_its_session_alone(stage: Stage) -> None:
    peer, other = await stage.connect("s1"), await stage.connect("s2", "p2")
    peer.events.on_closed("connection_failed")
    assert [(ended.session, ended.reason) for ended in stage.ended] == [("s1", "connection_failed")]
    assert stage.sessions.count == 1
    stage.sessions.on_media_packet(picture())
    assert peer.pushed == []
    assert len(other.pushed) == 1


async def test_a_page_that_never_connects_is_forgotten(stage: Stage) -> None:
    sdp = sdp_offer(f"sha-256 {fingerprint('s1')}")
    await stage.sessions.offer(Offer(session="s1", person="p1", name="Ada", sdp=sdp))
    stage.now_s += 15.1
    stage.sessions.tick()
    assert [ended.reason for ended in stage.ended] == ["not_connected"]


async def test_a_page_that_does_not_read_is_told_no_more_and_then_dropped(stage: Stage) -> None:
    peer = await stage.connect()
    stage.sessions.set_status(status())
    stage.sessions.set_state(state())
    peer.buffered = TOO_MUCH_WAITING
    peer.said.clear()
    for _ in range(4):
        stage.sessions.tick()
    stage.sessions.set_state(state(mode="ESTOP"))
    assert peer.said == []
    stage.now_s += SLOW_S + 0.1
    peer.events.on_control(datagram(command.PROBE))
    stage.sessions.tick()
    assert [ended.reason for ended in stage.ended] == ["slow"]


async def test_the_session_ends_with_the_medians_the_page_measured(stage: Stage) -> None:
    peer = await stage.connect()
    for glass in (20.0, 30.0, 90.0):
        stage.ask(
            peer,
            channel.Seen(
                network_ms=2, buffer_ms=1, decode_ms=3, display_ms=8, glass_ms=glass, glass_p95_ms=95, fps=30, lost_pct=0
            ),
        )
    stage.sessions.end("s1", "bye")
    assert stage.ended[0].waterfall["glass_ms"] == 30.0
