"""How long each robot-side stage of a camera's pictures took over the last second.  Pure."""

from __future__ import annotations

from collections import deque
from statistics import median

from protocol.channel import Stages
from robot.media.door import Packet

WINDOW_S = 1.0


class StageMeter:
    """Of one camera.  `send_ms` is from the end of encoding until the packets were handed to the connections."""

    def __init__(self, camera: str) -> None:
        self._camera = camera
        self._packets: deque[tuple[float, tuple[float, float, float, float], int]] = deque()

    def add(self, packet: Packet, now_s: float) -> None:
        send_ms = max(0.0, (now_s - packet.sent_mono_s) * 1e3)
        stages = (packet.render_ms, packet.capture_ms, packet.encode_ms, send_ms)
        self._packets.append((now_s, stages, len(packet.data)))

    def stages(self, now_s: float) -> Stages | None:
        """None while no picture was sent in the last second."""
        while self._packets and now_s - self._packets[0][0] > WINDOW_S:
            self._packets.popleft()
        if not self._packets:
            return None
        render, capture, encode, send = (round(median(s[1][i] for s in self._packets), 3) for i in range(4))
        return Stages(
            camera=self._camera,
            render_ms=render,
            capture_ms=capture,
            encode_ms=encode,
            send_ms=send,
            kbit_s=round(sum(s[2] for s in self._packets) * 8 / 1e3 / WINDOW_S, 1),
            fps=len(self._packets) / WINDOW_S,
        )
