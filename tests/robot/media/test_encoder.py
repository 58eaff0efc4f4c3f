"""The live encoder, judged by decoding what it made."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from protocol.errors import Refused
from robot.media.encoder import Encoded, LiveEncoder, halved, to_i420


def _wall() -> NDArray[np.uint8]:
    y, x = np.mgrid[0:480, 0:900].astype(np.float32)
    noise = np.random.default_rng(1).integers(0, 40, (480, 900))
    red = 90 + 60 * np.sin(x / 17) + noise
    return np.clip(np.stack([red, 100 + 60 * np.cos(y / 23), 40 + x % 160], 2), 0, 255).astype(np.uint8)


WALL = _wall()


def scene(shift: int = 0) -> NDArray[np.uint8]:
    """uint8[480,640,3] RGB with texture and edges, seen `shift` pixels further right (at most 260)."""
    return np.ascontiguousarray(WALL[:, shift : shift + 640])


def decode(pictures: list[Encoded]) -> list[NDArray[np.uint8]]:
    decoder: Any = av.CodecContext.create("h264", "r")
    decoder.flags |= av.codec.context.Flags.low_delay
    decoder.thread_count = 1
    frames = [frame for picture in pictures for frame in decoder.decode(av.Packet(picture.data))]
    return [frame.to_ndarray(format="rgb24") for frame in frames + decoder.decode(None)]


def test_what_comes_out_looks_like_what_went_in() -> None:
    encoder = LiveEncoder(640, 480)
    pictures = [encoder.encode(to_i420(scene(i))) for i in range(10)]
    decoded = decode(pictures)
    assert len(decoded) == 10
    assert np.abs(decoded[-1].astype(int) - scene(9)).mean() < 12


def test_every_picture_comes_out_at_once() -> None:
    encoder = LiveEncoder(640, 480)
    assert all(encoder.encode(to_i420(scene(i))).data for i in range(5))


def test_the_first_picture_is_a_key_frame_and_then_only_those_asked_for() -> None:
    encoder = LiveEncoder(640, 480)
    keys = []
    for i in range(40):
        if i == 20:
            encoder.want_key_frame()
            encoder.want_key_frame()
        keys.append(encoder.encode(to_i420(scene(3 * i))).keyframe)
    assert [i for i, key in enumerate(keys) if key] == [0, 20]


def test_a_viewer_may_begin_at_any_key_frame() -> None:
    encoder = LiveEncoder(640, 480)
    for i in range(5):
        encoder.encode(to_i420(scene(i)))
    encoder.want_key_frame()
    late = [encoder.encode(to_i420(scene(i))) for i in range(5, 8)]
    assert len(decode(late)) == 3


def test_it_is_baseline_without_reordering() -> None:
    data = LiveEncoder(640, 480).encode(to_i420(scene())).data
    at = data.index(b"\0\0\0\1\x67") + 5
    assert data[at] == 66  # baseline
    assert data[at + 1] & 0x40  # constrained: what browsers negotiate as 42e01f
    assert data[at + 2] <= 31


def test_the_bitrate_changes_without_a_key_frame() -> None:
    encoder = LiveEncoder(640, 480, 1_500_000)
    for i in range(30):
        encoder.encode(to_i420(scene(2 * i)))
    encoder.set_bit_s(800_000)
    after = [encoder.encode(to_i420(scene(2 * i))) for i in range(30, 120)]
    kbit_s = sum(len(picture.data) for picture in after[30:]) * 8 * 30 / 60 / 1000
    assert not any(picture.keyframe for picture in after)
    assert kbit_s == pytest.approx(800, rel=0.3)


def test_a_far_lower_bitrate_also_bounds_the_key_frame() -> None:
    encoder = LiveEncoder(640, 480, 1_500_000)
    encoder.encode(to_i420(scene()))
    encoder.set_bit_s(200_000)
    key = encoder.encode(to_i420(scene(1)))
    assert key.keyframe
    assert len(key.data) * 8 < 200_000  # less than a second of the link
    assert encoder.bit_s == 200_000


def test_half_a_picture_keeps_its_colours() -> None:
    small = halved(to_i420(np.full((480, 640, 3), (200, 40, 40), np.uint8)), 640, 480)
    assert small.shape == (360, 320)
    (decoded,) = decode([LiveEncoder(320, 240).encode(small)])
    assert decoded.shape == (240, 320, 3)
    assert decoded.mean((0, 1)) == pytest.approx((200, 40, 40), abs=8)


def test_an_odd_size_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        LiveEncoder(641, 480)
    assert refused.value.code == "frame_size_odd"
