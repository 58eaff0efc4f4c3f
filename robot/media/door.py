"""What crosses the media process' doors: socket pairs (SOCK_SEQPACKET) to the link and to the recorder; msgpack.

The launcher makes the pairs (`door_pair`) and keeps them open, so a restarted child finds its door where it was.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

import msgspec

from protocol.errors import Refused

MAX_PACKET = 200_000  # bytes of one message; larger pictures are dropped and counted
_SO_SNDBUFFORCE, _SO_RCVBUFFORCE = 32, 33  # Linux: past the system's limit, for privileged processes
_BUFFER_BYTES = 1 << 20


class MediaMessage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    """One packet."""


# -- to the media process ----------------------------------------------------------------------------------------------


class Watch(MediaMessage, frozen=True, kw_only=True, tag="watch"):
    """From the link: the cameras that somebody watches now; only these are encoded."""

    cameras: tuple[str, ...]


class KeyFrame(MediaMessage, frozen=True, kw_only=True, tag="key_frame"):
    """From the link: a viewer of this camera can show nothing until a key frame comes."""

    camera: str


class Rate(MediaMessage, frozen=True, kw_only=True, tag="rate"):
    """From the link: bit/s of one camera; `every` n-th picture only; `half` the width and height."""

    camera: str
    bit_s: int
    every: int = 1
    half: bool = False


class Snapshots(MediaMessage, frozen=True, kw_only=True, tag="snapshots"):
    """From the link: whether anybody looks at snapshots; then one JPEG per camera and second."""

    wanted: bool


class Record(MediaMessage, frozen=True, kw_only=True, tag="record"):
    """From the recorder, once a second: whether raw pictures of every camera must go to the frame rings now."""

    wanted: bool


ToMedia = Watch | KeyFrame | Rate | Snapshots | Record

# -- from the media process (all to the link) --------------------------------------------------------------------------


class Started(MediaMessage, frozen=True, kw_only=True, tag="started"):
    """The media process is new and knows of no wish: say again who watches."""


class Packet(MediaMessage, frozen=True, kw_only=True, tag="packet"):
    """One encoded picture: H264 Annex-B.  Stages in milliseconds; `capture_mono_s` is when the picture was complete.

    `index` rises by one per 1/30 s, also across restarts (see `counter.FrameCounter`).  `sent_mono_s`: when it was
    handed over, so that the link can tell how long it waited.
    """

    camera: str
    index: int
    capture_mono_s: float
    keyframe: bool
    data: bytes
    render_ms: float
    capture_ms: float  # from complete to handed to the encoder: colours, frame ring
    encode_ms: float
    sent_mono_s: float


class Snapshot(MediaMessage, frozen=True, kw_only=True, tag="snapshot"):
    """A JPEG of at most `protocol.robot_link.SNAPSHOT_MAX` bytes."""

    camera: str
    mono_s: float
    jpeg: bytes


class Health(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One camera over the last second.  `dropped`: encoded pictures nobody could take, since the start."""

    camera: str
    width: int
    height: int
    fps: float
    newest_mono_s: float | None
    live: bool
    dropped: int
    kbit_s: float
    sentence: str = ""  # why there is no picture, if so


class Cameras(MediaMessage, frozen=True, kw_only=True, tag="cameras"):
    """Twice a second, in the order of the Embodiment."""

    cameras: tuple[Health, ...]


FromMedia = Started | Packet | Snapshot | Cameras

_encoder = msgspec.msgpack.Encoder()
_to_media: msgspec.msgpack.Decoder[ToMedia] = msgspec.msgpack.Decoder(ToMedia)
_from_media: msgspec.msgpack.Decoder[FromMedia] = msgspec.msgpack.Decoder(FromMedia)


def decode_to_media(raw: bytes) -> ToMedia:
    """`Refused("door_message_invalid")` for anything else."""
    try:
        return _to_media.decode(raw)
    except msgspec.DecodeError as error:
        raise Refused("door_message_invalid", f"The packet is no message to the media process: {error}.") from error


def decode_from_media(raw: bytes) -> FromMedia:
    """`Refused("door_message_invalid")` for anything else."""
    try:
        return _from_media.decode(raw)
    except msgspec.DecodeError as error:
        raise Refused("door_message_invalid", f"The packet is no message of the media process: {error}.") from error


def door_pair() -> tuple[socket.socket, socket.socket]:
    """The media process' end and the neighbour's end, non-blocking, with room for a few key frames."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, theirs):
        end.setblocking(False)
        _widen(end)
    return ours, theirs


def _widen(end: socket.socket) -> None:
    for forced, plain in ((_SO_SNDBUFFORCE, socket.SO_SNDBUF), (_SO_RCVBUFFORCE, socket.SO_RCVBUF)):
        try:
            end.setsockopt(socket.SOL_SOCKET, forced, _BUFFER_BYTES)
        except PermissionError:  # not privileged: what the system allows is enough at ordinary bitrates
            end.setsockopt(socket.SOL_SOCKET, plain, _BUFFER_BYTES)


class Door:
    """One end of a pair: whole messages, never waiting.  Safe to send from several threads."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._end = end

    def fileno(self) -> int:
        return self._end.fileno()

    def send(self, message: msgspec.Struct) -> bool:
        """False when it is too big, the other side does not read and the buffer is full, or nobody holds its end."""
        raw = _encoder.encode(message)
        if len(raw) > MAX_PACKET:
            return False
        try:
            self._end.send(raw)
        except (BlockingIOError, ConnectionError):
            return False
        return True

    def packets(self, at_most: int = 64) -> Iterator[bytes]:
        """What has arrived, oldest first, at most `at_most` packets; ends at once when there is nothing."""
        for _ in range(at_most):
            try:
                packet = self._end.recv(MAX_PACKET)
            except (BlockingIOError, ConnectionError):
                return
            if not packet:
                return
            yield packet

    def close(self) -> None:
        self._end.close()
