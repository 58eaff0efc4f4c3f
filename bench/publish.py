"""A robot's video side for benchmarks, or a stock aiortc publisher of the same pictures.  Signalling: JSON lines.

In: {"id": ..., "sdp": offer}; out: {"id": ..., "sdp": answer}.  Modes: reins, aiortc_vp8, aiortc_h264.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.clip import ClipSource, clip_body
from robot.door import Door, door_pair
from tests.robot.masked import keep_masks

Answer = Callable[[str, str], Awaitable[str]]


async def serve(answer: Answer) -> None:
    """Answers every offer on stdin, until it ends."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print(json.dumps({"ready": True}), flush=True)
    while line := await reader.readline():
        asked = json.loads(line)
        print(json.dumps({"id": asked["id"], "sdp": await answer(asked["id"], asked["sdp"])}), flush=True)


def run_media(fd: int) -> None:
    """The robot's own media process, with the clip for a camera."""
    from robot.layout import Place, Setup
    from robot.media.process import MediaProcess

    with tempfile.TemporaryDirectory() as folder:
        key = keep_masks(Path(folder), "bench")
        setup = Setup(robot="bench", name="bench", server="", server_key=key, program="", state_dir=folder, body="clip")
        place = Place(Path(folder), setup, {"link": socket.socket(fileno=fd)})
        MediaProcess(clip_body(), place).run()


async def run_reins() -> None:
    """The robot's own sessions and peers, fed by the media process."""
    from protocol.robot_link import Offer
    from robot.link.outlets import Outlets
    from robot.link.session import Sessions

    ours, theirs = door_pair()
    theirs.set_inheritable(True)
    media = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "media", str(theirs.fileno()), pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
    )
    end = Door(ours)

    async def refuse(*_: object) -> None:
        raise AssertionError("nothing is recorded here")

    outlets = Outlets(lambda _: True, end.send, refuse, refuse, refuse, lambda ended: print(ended, file=sys.stderr))
    sessions = Sessions("bench", clip_body().embodiment, outlets, sign=lambda raw: raw)
    asyncio.get_running_loop().add_reader(end.fileno(), _feed, end, sessions)

    async def answer(id: str, sdp: str) -> str:
        return (await sessions.offer(Offer(session=id, person=id, name=id, sdp=sdp))).sdp

    ticking = asyncio.create_task(sessions.run())
    try:
        await serve(answer)
    finally:
        ticking.cancel()
        media.terminate()
        await media.wait()


def _feed(end: Any, sessions: Any) -> None:
    from robot.media import door

    for raw in end.packets():
        message = door.decode_from_media(raw)
        if isinstance(message, door.Packet):
            sessions.on_media_packet(message)
        elif isinstance(message, door.Started):
            sessions.on_media_restart()


async def run_stock(codec: str) -> None:
    """aiortc as its documentation has it: one track, a relay, an encoder with default settings for each viewer."""
    import av
    from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
    from aiortc.contrib.media import MediaRelay

    from robot.media.encoder import to_i420

    class ClipTrack(MediaStreamTrack):
        kind = "video"
        source = ClipSource()

        async def recv(self) -> Any:
            await asyncio.sleep(self.source.wait_s())
            taken = self.source.take()
            frame: Any = av.VideoFrame.from_ndarray(to_i420(taken.image), format="yuv420p")
            frame.pts, frame.time_base = taken.index * 3000, Fraction(1, 90_000)
            return frame

    relay, track, peers = MediaRelay(), ClipTrack(), set()
    known = [c for c in RTCRtpSender.getCapabilities("video").codecs if c.mimeType in (codec, "video/rtx")]

    async def answer(_: str, sdp: str) -> str:
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        peers.add(peer)
        transceiver = peer.addTransceiver(relay.subscribe(track, buffered=False), direction="sendonly")
        transceiver.setCodecPreferences(known)
        await peer.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        return str(peer.localDescription.sdp)

    await serve(answer)


def main() -> None:
    mode = sys.argv[1]
    with contextlib.suppress(KeyboardInterrupt):
        if mode == "media":
            run_media(int(sys.argv[2]))
        elif mode == "reins":
            asyncio.run(run_reins())
        else:
            asyncio.run(run_stock({"aiortc_vp8": "video/VP8", "aiortc_h264": "video/H264"}[mode]))


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # aiortc's connections would take seconds to say goodbye
