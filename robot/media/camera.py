"""What happens to the pictures of one camera, step by step: raw to the ring, encoded to the link, small as a snapshot.

Nothing is captured that nobody wants.  No threads here; process.py runs one per camera.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from protocol.errors import Refused
from robot.bodies.body import Frame, FrameSource
from robot.frame_ring import FrameRing
from robot.media import door
from robot.media.counter import FrameCounter
from robot.media.encoder import START_BIT_S, LiveEncoder, halved, to_i420
from robot.media.masking import Masking
from robot.media.snapshot import to_jpeg

SNAPSHOT_S = 1.0
_REMEMBERED = 240  # pictures, more than any camera takes in a second
RETRY_S = 1.0  # after a camera could not be opened or read


@dataclass(slots=True)
class Wishes:
    """What others want of this camera now.  Written by the control thread; single values, so no lock is needed."""

    watched: bool = False
    recorded: bool = False
    snapshots: bool = False
    key_frame: bool = False
    bit_s: int = START_BIT_S
    every: int = 1
    half: bool = False


class CameraLine:
    """`size` is (width, height) in pixels; `send` puts a message into the link's door and says whether it fitted.

    Nothing leaves this process that did not go through `masking`.
    """

    def __init__(
        self,
        name: str,
        size: tuple[int, int],
        open_source: Callable[[], FrameSource],
        ring: FrameRing,
        send: Callable[[msgspec.Struct], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name, self.wishes, self.masking = name, Wishes(), Masking(name, size)
        self._width, self._height = size
        self._open_source, self._ring, self._send, self._clock = open_source, ring, send, clock
        self._source: FrameSource | None = None
        self._encoder: LiveEncoder | None = None
        self._counter = FrameCounter()
        self._captured_s: deque[float] = deque(maxlen=_REMEMBERED)
        self._sent: deque[tuple[float, int]] = deque(maxlen=_REMEMBERED)
        self._newest_s: float | None = None
        self._snapshot_s = self._failed_s = float("-inf")
        self._count = self._dropped = 0
        self._sentence = ""

    def idle_s(self, now_s: float) -> float | None:
        """How long there is nothing to do; 0 when a picture is wanted now, None until a wish changes."""
        if now_s - self._failed_s < RETRY_S:
            return RETRY_S - (now_s - self._failed_s)
        if self.wishes.watched or self.wishes.recorded:
            return 0.0
        if self.wishes.snapshots:
            return max(0.0, SNAPSHOT_S - (now_s - self._snapshot_s))
        return None

    def step(self) -> None:
        """Takes one picture (waits up to 100 ms for it) and gives it to all who want it."""
        try:
            if self._source is None:
                self._source = self._open_source()
            frame = self._source.read()
            if frame is not None and (self._newest_s is None or frame.mono_s > self._newest_s):
                self._newest_s = frame.mono_s
                self._pass_on(*self.masking.apply(frame))
                self._sentence = ""
        except Refused as refused:
            self._fail(refused.sentence)

    def health(self) -> door.Health:
        now_s = self._clock()
        captured, sent = list(self._captured_s), list(self._sent)  # the camera's thread goes on adding
        return door.Health(
            camera=self.name,
            width=self._width,
            height=self._height,
            fps=float(sum(now_s - at_s <= 1.0 for at_s in captured)),
            newest_mono_s=self._newest_s,
            live=self.wishes.watched,
            dropped=self._dropped,
            kbit_s=sum(size for at_s, size in sent if now_s - at_s <= 1.0) * 8 / 1e3,
            sentence=self._sentence or self.masking.sentence,
            masked=self.masking.masked,
        )

    def close(self) -> None:
        if self._source is not None:
            self._source.close()
            self._source = None

    def _pass_on(self, frame: Frame, masks: int) -> None:
        """`frame` as others may see it."""
        index = self._counter.number(frame.mono_s)
        self._captured_s.append(frame.mono_s)
        wishes = self.wishes
        if wishes.watched or wishes.recorded:
            i420 = to_i420(frame.image)
            if wishes.watched:
                self._show(frame, index, i420)
            self._ring.put(index, frame.mono_s, frame.time_ns, i420, masks)
        now_s = self._clock()
        if wishes.snapshots and now_s - self._snapshot_s >= SNAPSHOT_S:
            self._snapshot_s = now_s
            self._send(door.Snapshot(camera=self.name, mono_s=frame.mono_s, jpeg=to_jpeg(frame.image)))

    def _show(self, frame: Frame, index: int, i420: NDArray[np.uint8]) -> None:
        wishes = self.wishes
        self._count += 1
        if wishes.every > 1 and self._count % wishes.every and not wishes.key_frame:
            return
        encoder = self._encoder_for(wishes)
        begun_s = self._clock()
        picture = halved(i420, self._width, self._height) if encoder.width != self._width else i420
        encoded = encoder.encode(picture)
        done_s = self._clock()
        packet = door.Packet(
            camera=self.name,
            index=index,
            capture_mono_s=frame.mono_s,
            keyframe=encoded.keyframe,
            data=encoded.data,
            render_ms=frame.render_ms,
            capture_ms=max(0.0, (begun_s - frame.mono_s) * 1e3),
            encode_ms=(done_s - begun_s) * 1e3,
            sent_mono_s=done_s,
        )
        if self._send(packet):
            self._sent.append((done_s, len(encoded.data)))
        else:  # nobody can decode what follows: begin again
            self._dropped += 1
            encoder.want_key_frame()

    def _encoder_for(self, wishes: Wishes) -> LiveEncoder:
        divisor = 2 if wishes.half and not (self._width % 4 or self._height % 4) else 1
        width = self._width // divisor
        if self._encoder is None or self._encoder.width != width:
            self._encoder = LiveEncoder(width, self._height // divisor, wishes.bit_s)
        elif self._encoder.bit_s != wishes.bit_s:
            self._encoder.set_bit_s(wishes.bit_s)
        if wishes.key_frame:
            wishes.key_frame = False
            self._encoder.want_key_frame()
        return self._encoder

    def _fail(self, sentence: str) -> None:
        self._sentence = sentence
        self._failed_s = self._clock()
        self.close()
