"""The newest I420 pictures of one camera, handed from the media process to the recorder.  Never waits for a reader."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from protocol.errors import Refused
from robot.shared_file import HEADER_BYTES, WORD, SharedFile, create_shared_file, padded

_KIND = b"frames  "
_SLOT_WORDS = 5  # stamp (position + 1), frame index, mono_s, time_ns, masks (version + 1)
_HEAD = 4  # header word: how many frames were ever put
BLIND = -1  # of a wholly black picture, because the privacy masks could not be read


@dataclass(frozen=True, slots=True)
class RingFrame:
    """One picture: `i420` uint8[H*3/2, W], planes one below the other; `mono_s`, `time_ns` (UTC) when complete.

    `masks` is the version of the privacy masks it went through, 0 when nothing of it is hidden, or `BLIND`.
    """

    index: int
    mono_s: float
    time_ns: int
    i420: NDArray[np.uint8]
    masks: int = 0


class FrameRing:
    """One writer, any number of readers, in different processes.  Width and height in pixels, both even."""

    def __init__(self, path: Path | str) -> None:
        self._file = SharedFile(Path(path), _KIND)
        self.width, self.height, self.slots = self._file.parameters
        self.frame_bytes = self.width * self.height * 3 // 2
        self._stride = _SLOT_WORDS * WORD + padded(self.frame_bytes)
        self._bytes = np.frombuffer(self._file.data, np.uint8)

    @classmethod
    def create(cls, path: Path | str, width: int, height: int, slots: int = 8) -> FrameRing:
        """A new empty ring; `Refused("frame_size_odd")` for sizes that I420 cannot hold."""
        if width % 2 or height % 2:
            raise Refused("frame_size_odd", f"A picture of {width}x{height} needs an even width and height.")
        body = slots * (_SLOT_WORDS * WORD + padded(width * height * 3 // 2))
        create_shared_file(Path(path), _KIND, (width, height, slots), body)
        return cls(path)

    @classmethod
    def open(cls, path: Path | str) -> FrameRing:
        """An existing ring; `Refused("shared_file_unreadable")` when there is none."""
        return cls(path)

    @property
    def head(self) -> int:
        """How many frames were ever put."""
        return self._file.words[_HEAD]

    def put(self, index: int, mono_s: float, time_ns: int, i420: bytes | NDArray[np.uint8], masks: int = 0) -> None:
        """Adds a picture in place of the oldest; `Refused("frame_size")` when it has another size than the ring."""
        pixels = np.frombuffer(i420, np.uint8) if isinstance(i420, bytes) else i420.reshape(-1)
        if pixels.size != self.frame_bytes:
            raise Refused("frame_size", f"{pixels.size} bytes are not an I420 picture of {self.width}x{self.height}.")
        words, head = self._file.words, self.head
        start = HEADER_BYTES + head % self.slots * self._stride
        word, body = start // WORD, start + _SLOT_WORDS * WORD
        words[word] = 0  # whoever copies the old picture now sees it go
        self._bytes[body : body + self.frame_bytes] = pixels
        words[word + 1] = index
        self._file.reals[word + 2] = mono_s
        words[word + 3] = time_ns
        words[word + 4] = masks + 1
        words[word] = head + 1
        words[_HEAD] = head + 1

    def newest_s(self) -> float | None:
        """When the newest picture was complete, without copying it; None while there is none."""
        head = self.head
        if head == 0:
            return None
        return self._file.reals[(HEADER_BYTES + (head - 1) % self.slots * self._stride) // WORD + 2]

    def newest(self) -> RingFrame | None:
        """A copy of the newest picture, or None while there is none."""
        for _ in range(self.slots):
            head = self.head
            if head == 0:
                return None
            frame = self.frame(head - 1)
            if frame is not None:
                return frame
        return None

    def frame(self, position: int) -> RingFrame | None:
        """A copy of the picture put as number `position` (from 0), or None when it is gone or being overwritten."""
        words = self._file.words
        start = HEADER_BYTES + position % self.slots * self._stride
        word, body = start // WORD, start + _SLOT_WORDS * WORD
        if words[word] != position + 1:
            return None
        pixels = self._bytes[body : body + self.frame_bytes].copy()
        index, mono_s, time_ns = words[word + 1], self._file.reals[word + 2], words[word + 3]
        masks = words[word + 4] - 1
        if words[word] != position + 1:
            return None
        return RingFrame(index, mono_s, time_ns, pixels.reshape(self.height * 3 // 2, self.width), masks)

    def reader(self, oldest: bool = False) -> FrameReader:
        """A reader of what is put from now on, or of everything still held when `oldest`."""
        return FrameReader(self, max(0, self.head - self.slots + 1) if oldest else self.head)

    def close(self) -> None:
        del self._bytes
        self._file.close()


class FrameReader:
    """Remembers how far it has read; `missed` counts the pictures that were gone before it came."""

    def __init__(self, ring: FrameRing, position: int) -> None:
        self._ring = ring
        self.position = position
        self.missed = 0

    def read_new(self, at_most: int | None = None) -> list[RingFrame]:
        """Copies of the pictures since the last call, oldest first, at most `at_most` of them."""
        head = self._ring.head
        first = max(self.position, head - self._ring.slots + 1)
        self.missed += first - self.position
        last = head if at_most is None else min(head, first + at_most)
        frames = [frame for position in range(first, last) if (frame := self._ring.frame(position)) is not None]
        self.missed += last - first - len(frames)
        self.position = last
        return frames
