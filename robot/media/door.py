"""What crosses the media process' doors to link, recorder and pilot."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from robot.door import decoder


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
    """From recorder or pilot, once a second: whether they need raw pictures of every camera in the frame rings now."""

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
    masked: bool = False  # whether a part of it is blacked out


class Cameras(MediaMessage, frozen=True, kw_only=True, tag="cameras"):
    """Twice a second, in the order of the Embodiment."""

    cameras: tuple[Health, ...]
    masks: int = 0  # version of the privacy masks in force; 0 also while they cannot be read


FromMedia = Started | Packet | Snapshot | Cameras

decode_to_media: Callable[[bytes], ToMedia] = decoder(ToMedia, "to the media process")
decode_from_media: Callable[[bytes], FromMedia] = decoder(FromMedia, "of the media process")
