"""Commands and stops as datagrams: refusals beside successes (bad-input rows 33 to 41, invariant I15)."""

from __future__ import annotations

import pytest

from protocol import channel, command, wire
from robot.kernel import door
from robot.link.conversation import ANSWER_S, CONTROL_PER_S, JSON_PER_S
from tests.robot.link.fake_peer import NUMBER, SIGNED, FakePeer, Stage, datagram, fingerprint, picture, state, status


def refused_last_second(stage: Stage, peer: FakePeer) -> dict[str, int]:
    """What the next telemetry says about the second that has just passed."""
    stage.sessions.set_status(status())
    stage.sessions.set_state(state())
    peer.said.clear()
    stage.now_s += 1.0
    for _ in range(4):
        stage.sessions.tick()
    return dict(peer.heard(channel.Telemetry)[-1].refused)


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
