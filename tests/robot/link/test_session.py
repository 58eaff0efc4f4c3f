"""How sessions begin, what a page is told unasked, and how they end (bad-input row 31)."""

from __future__ import annotations

import base64

import pytest

from protocol import channel, command
from protocol.errors import Refused
from protocol.permit import dtls_bytes
from protocol.robot_link import Offer
from robot.kernel import door
from robot.link.conversation import SILENT_S, SLOW_S, TOO_MUCH_WAITING
from robot.link.session import MAX_SESSIONS
from tests.robot.link.fake_peer import SIGNED, Stage, datagram, fingerprint, picture, state, status
from tests.robot.link.test_sdp import offer as sdp_offer


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
