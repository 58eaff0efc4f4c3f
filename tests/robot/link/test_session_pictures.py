"""Which cameras are encoded and for whom, and what a page learns of its pictures."""

from __future__ import annotations

from protocol import channel, wire
from robot.media import door as media_door
from tests.robot.link.fake_peer import FIRST, NUMBER, Stage, datagram, picture


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
