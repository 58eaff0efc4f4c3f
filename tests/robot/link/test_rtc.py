"""Real connections: an aiortc peer stands where a browser would, and decodes what the robot's encoder made."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from protocol import channel, command, wire
from protocol.robot_link import Offer, SessionEnded
from robot.kernel import door
from robot.link.frame_table import TICKS_PER_FRAME
from robot.link.outlets import Outlets
from robot.link.session import Sessions
from robot.media import door as media_door
from robot.media.encoder import LiveEncoder, to_i420
from tests.robot.link.fake_peer import EMBODIMENT, Stage, status

ROOT = Path(__file__).resolve().parents[3]
UP_S = 500_000.0  # the robot has been on for days


class Robot:
    """Sessions fed by a real encoder that paints each camera in its own colour."""

    COLOURS = {"scene": (200, 40, 40), "wrist": (40, 40, 200)}

    def __init__(self) -> None:
        self.stage = Stage()
        self.encoders = {name: LiveEncoder(640, 480) for name in self.COLOURS}
        self.index = int((UP_S + asyncio.get_running_loop().time()) * 30)
        self.ended: asyncio.Queue[SessionEnded] = asyncio.Queue()
        outlets = Outlets(
            self.stage._kernel, self._media, self.stage._record, self.stage._reset, self.stage._paint, self._on_ended
        )
        self.sessions = Sessions("r1", EMBODIMENT, outlets, lambda raw: b"", clock=self._clock)
        self._pictures = {name: to_i420(np.full((480, 640, 3), rgb, np.uint8)) for name, rgb in self.COLOURS.items()}

    def _on_ended(self, ended: SessionEnded) -> None:
        self.ended.put_nowait(ended)

    def _clock(self) -> float:
        return UP_S + asyncio.get_running_loop().time()

    def _media(self, message: Any) -> bool:
        self.stage.to_media.append(message)
        if isinstance(message, media_door.KeyFrame):
            self.encoders[message.camera].want_key_frame()
        return True

    async def run(self) -> None:
        """30 pictures a second, until cancelled."""
        while True:
            self.index += 1
            for camera, encoder in self.encoders.items():
                encoded = encoder.encode(self._pictures[camera])
                self.sessions.on_media_packet(
                    media_door.Packet(
                        camera=camera,
                        index=self.index,
                        capture_mono_s=self._clock(),
                        keyframe=encoded.keyframe,
                        data=encoded.data,
                        render_ms=0,
                        capture_ms=0,
                        encode_ms=0,
                        sent_mono_s=self._clock(),
                    )
                )
            self.sessions.tick()
            await asyncio.sleep(1 / 30)


class Page:
    """What a browser does: offers, opens the channels, takes the tracks."""

    def __init__(self, videos: int = 2) -> None:
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        for _ in range(videos):
            self.peer.addTransceiver("video", direction="recvonly")
        self.control = self.peer.createDataChannel("control", ordered=False, maxRetransmits=0)
        self.state = self.peer.createDataChannel("state")
        self.tracks: list[Any] = []
        self.ticks: asyncio.Queue[int] = asyncio.Queue()  # RTP times of the first section, as they come in
        self.said: asyncio.Queue[Any] = asyncio.Queue()
        self.echoes: asyncio.Queue[bytes] = asyncio.Queue()
        self._watch_ticks()
        self.peer.on("track", self.tracks.append)
        self.state.on("message", lambda text: self.said.put_nowait(wire.decode(text, channel.FromRobot)))
        self.control.on("message", self.echoes.put_nowait)

    def _watch_ticks(self) -> None:
        receiver = self.peer.getReceivers()[0]
        handle = receiver._handle_rtp_packet

        async def look(packet: Any, arrival_time_ms: int) -> None:
            self.ticks.put_nowait(packet.timestamp)
            await handle(packet, arrival_time_ms=arrival_time_ms)

        receiver._handle_rtp_packet = look

    async def offer(self) -> str:
        await self.peer.setLocalDescription(await self.peer.createOffer())
        return str(self.peer.localDescription.sdp)

    async def accept(self, sdp: str) -> None:
        await self.peer.setRemoteDescription(RTCSessionDescription(sdp, "answer"))

    async def heard(self, kind: type[Any]) -> Any:
        while not isinstance(message := await self.said.get(), kind):
            pass
        return message


@pytest.fixture
async def robot() -> Any:
    robot = Robot()
    running = asyncio.create_task(robot.run())
    yield robot
    running.cancel()
    await robot.sessions.close()


async def connect(robot: Robot, page: Page, session: str = "s1") -> None:
    answer = await robot.sessions.offer(Offer(session=session, person="p1", name="Ada", sdp=await page.offer()))
    await page.accept(answer.sdp)


async def colour(track: Any) -> tuple[int, int, int]:
    frame = await track.recv()
    red, green, blue = frame.to_ndarray(format="rgb24")[100:380, 100:540].mean((0, 1))
    return int(red), int(green), int(blue)


async def test_every_camera_arrives_on_its_own_section(robot: Robot) -> None:
    page = Page()
    await connect(robot, page)
    hello = await asyncio.wait_for(page.heard(channel.Hello), 20)
    assert hello.cameras == ("scene", "wrist")
    scene = await asyncio.wait_for(colour(page.tracks[0]), 20)
    wrist = await asyncio.wait_for(colour(page.tracks[1]), 20)
    assert scene == pytest.approx((200, 40, 40), abs=12)
    assert wrist == pytest.approx((40, 40, 200), abs=12)
    await page.peer.close()


async def test_the_page_finds_the_number_of_a_picture_from_its_rtp_time(robot: Robot) -> None:
    page = Page()
    await connect(robot, page)
    hello = await asyncio.wait_for(page.heard(channel.Hello), 20)
    ticks = await asyncio.wait_for(page.ticks.get(), 20)
    number = (ticks - hello.rtp_origin["scene"]) % 2**32 / TICKS_PER_FRAME
    assert number == int(number)
    assert 0 < number < 600
    told = await asyncio.wait_for(page.heard(channel.Frames), 20)
    assert told.camera == "scene"
    assert number in dict(told.captured)
    await page.peer.close()


async def test_probes_come_back_and_commands_reach_the_kernel(robot: Robot) -> None:
    page = Page()
    await connect(robot, page)
    await asyncio.wait_for(page.heard(channel.Hello), 20)
    fingerprint = re.search("a=fingerprint:sha-256 (.*)", page.peer.localDescription.sdp)
    assert fingerprint is not None
    holder = door.Holder(
        epoch=1, seq=1, kind="human", person="p1", name="Ada", fingerprint=fingerprint[1].strip(), since_mono_s=99.0
    )
    robot.sessions.set_status(status(lease=holder))
    probe = command.pack(command.Command(command.PROBE, 0, 0, 0, 1, 99, command.NO_FRAME))
    order = command.pack(command.Command(command.COMMAND, 1, 1, 1, 1, 99, command.NO_FRAME, (0.25,)))
    page.control.send(order)
    page.control.send(probe)
    assert await asyncio.wait_for(page.echoes.get(), 20) == probe
    (message,) = robot.stage.to_kernel
    assert message.raw == order
    assert message.fingerprint == holder.fingerprint
    await page.peer.close()


async def test_a_page_that_shows_one_camera_gets_one(robot: Robot) -> None:
    page = Page(videos=1)
    sdp = await page.offer()
    answer = await robot.sessions.offer(Offer(session="s1", person="p1", name="Ada", sdp=sdp))
    assert answer.cameras == ("scene",)
    await page.peer.close()


async def test_sections_beyond_the_cameras_stay_inactive(robot: Robot) -> None:
    page = Page(videos=4)
    answer = await robot.sessions.offer(Offer(session="s1", person="p1", name="Ada", sdp=await page.offer()))
    sections = answer.sdp.split("m=video")[1:]
    assert ["a=sendonly" in s for s in sections] == [True, True, False, False]
    assert ["a=inactive" in s for s in sections] == [False, False, True, True]
    await page.peer.close()


async def test_a_second_viewer_gets_pictures_although_the_first_has_its_key_frame(robot: Robot) -> None:
    first, second = Page(1), Page(1)
    await connect(robot, first, "s1")
    await asyncio.wait_for(colour(first.tracks[0]), 20)
    await connect(robot, second, "s2")
    assert await asyncio.wait_for(colour(second.tracks[0]), 20) == pytest.approx((200, 40, 40), abs=12)
    assert robot.sessions.count == 2
    await first.peer.close()
    await second.peer.close()


async def test_a_relay_that_swaps_the_fingerprint_never_gets_a_connection(robot: Robot) -> None:
    page = Page(1)
    other = ":".join(["AB"] * 32)
    forged = re.sub("a=fingerprint:sha-256 .*", f"a=fingerprint:sha-256 {other}", await page.offer())
    answer = await robot.sessions.offer(Offer(session="s1", person="p1", name="Ada", sdp=forged))
    await page.accept(answer.sdp)
    ended = await asyncio.wait_for(robot.ended.get(), 20)
    assert ended.reason == "connection_failed"
    assert page.state.readyState != "open"
    await page.peer.close()


async def test_a_page_that_closes_ends_its_session(robot: Robot) -> None:
    page = Page(1)
    await connect(robot, page)
    await asyncio.wait_for(page.heard(channel.Hello), 20)
    await page.peer.close()
    ended = await asyncio.wait_for(robot.ended.get(), 20)
    assert ended.reason in ("connection_closed", "connection_failed", "silent")
    assert robot.sessions.count == 0


def test_a_machine_with_nothing_but_loopback_works() -> None:
    script = (
        "import subprocess, sys; subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True);"
        "import pytest; sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', sys.argv[1]]))"
    )
    test = f"{Path(__file__).relative_to(ROOT)}::{test_every_camera_arrives_on_its_own_section.__name__}"
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", script, test], cwd=ROOT, capture_output=True, text=True, timeout=90
    )
    assert done.returncode == 0, done.stdout + done.stderr
