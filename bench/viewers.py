"""N viewers that receive and count whole pictures without decoding them, so that little but the publisher uses the CPU.

JSON lines.  Out: {"id", "sdp"} offers; in: {"id", "sdp"} answers, then {"begin": true} and {"end": true}, which is
answered by {"fps": [per viewer]}.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import Any

import aiortc.rtcrtpreceiver as receiving
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

_PING_S = 1.0


class Counter:
    """Stands in for a decoder and counts what it was to decode."""

    made: list[Counter] = []

    def __init__(self) -> None:
        self.pictures = 0
        Counter.made.append(self)

    def decode(self, _: object) -> list[object]:
        self.pictures += 1
        return []


async def viewer(id: str, answers: dict[str, asyncio.Future[str]]) -> RTCPeerConnection:
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peer.addTransceiver("video", direction="recvonly")
    peer.createDataChannel("control", ordered=False, maxRetransmits=0)
    state = peer.createDataChannel("state")
    state.on("open", lambda: pinging.append(asyncio.ensure_future(ping(state))))
    await peer.setLocalDescription(await peer.createOffer())
    answers[id] = asyncio.get_running_loop().create_future()
    say({"id": id, "sdp": peer.localDescription.sdp})
    await peer.setRemoteDescription(RTCSessionDescription(await answers[id], "answer"))
    return peer


pinging: list[asyncio.Future[None]] = []


async def ping(state: Any) -> None:
    """A page that is alive pings; a stock publisher does not mind."""
    n = 0
    while state.readyState == "open":
        n += 1
        state.send(json.dumps({"v": 1, "id": str(n), "type": "ping", "sent_us": 0}))
        await asyncio.sleep(_PING_S)


def counts(viewers: int) -> list[int]:
    """One per viewer; a viewer that got no picture yet has no decoder and counts as zero."""
    made = [counter.pictures for counter in Counter.made]
    return made + [0] * (viewers - len(made))


def say(message: dict[str, object]) -> None:
    print(json.dumps(message), flush=True)


async def main(count: int) -> None:
    receiving.get_decoder = lambda _: Counter()
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    answers: dict[str, asyncio.Future[str]] = {}
    peers: list[RTCPeerConnection] = []
    pending: asyncio.Task[RTCPeerConnection] | None = asyncio.create_task(viewer("viewer0", answers))
    began_s, before = 0.0, [0]
    while line := await reader.readline():
        message = json.loads(line)
        if "sdp" in message:
            answers[message["id"]].set_result(message["sdp"])
            assert pending is not None
            peers.append(await pending)
            pending = asyncio.create_task(viewer(f"viewer{len(peers)}", answers)) if len(peers) < count else None
            if pending is None:
                say({"connected": count})
        elif "begin" in message:
            began_s, before = time.monotonic(), counts(count)
        else:
            spent_s = time.monotonic() - began_s
            new = [pictures - old for pictures, old in zip(counts(count), before, strict=True)]
            say({"fps": [pictures / spent_s for pictures in new]})


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
    os._exit(0)
