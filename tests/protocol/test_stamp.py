"""The capture time in the picture: written, read back, and read back after H264."""

from __future__ import annotations

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from protocol.stamp import UNIT_NS, read_stamp, stamp_age_ms, write_stamp

NOW_NS = 1_790_000_000_123_456_789


def noise(height: int = 480, width: int = 640) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("counter", [0, 1, 0x1234, 0xFFFF, 0x12345])
@pytest.mark.parametrize("time_ns", [0, NOW_NS, (1 << 32) * UNIT_NS - 1])
def test_what_was_written_is_read(time_ns: int, counter: int) -> None:
    image = noise()
    write_stamp(image, time_ns, counter)
    assert read_stamp(image) == (time_ns // UNIT_NS & 0xFFFFFFFF, counter & 0xFFFF)


def test_only_the_blocks_are_written() -> None:
    image, before = noise(), noise()
    write_stamp(image, NOW_NS, 7)
    assert (image[32:] == before[32:]).all()


def test_a_gray_picture_can_be_stamped_too() -> None:
    luma = noise()[:, :, 0].copy()
    write_stamp(luma, NOW_NS, 9)
    assert read_stamp(luma) == (NOW_NS // UNIT_NS & 0xFFFFFFFF, 9)


def test_the_layout_is_the_published_one() -> None:
    """Blocks of 16 px, least significant bit first, time above, then counter and the XOR of all six bytes."""
    image = np.zeros((480, 640, 3), dtype=np.uint8)
    write_stamp(image, 0x8000_0005 * UNIT_NS, 0x0102)
    top, below = image[8, 8:640:16, 0] > 0, image[24, 8:640:16, 0] > 0
    assert [i for i in range(40) if top[i]] == [0, 2, 31]
    check = 0x80 ^ 0x05 ^ 0x01 ^ 0x02
    assert [i for i in range(40) if below[i]] == [1, 8, *(16 + i for i in range(8) if check >> i & 1)]


def test_a_picture_without_a_stamp_has_none() -> None:
    assert read_stamp(noise()) is None
    assert read_stamp(noise(16, 640)) is None
    assert read_stamp(noise(480, 320)) is None


def test_one_flipped_block_is_noticed() -> None:
    for row, column in ((0, 5), (1, 3), (1, 20)):
        image = noise()
        write_stamp(image, NOW_NS, 77)
        block = image[row * 16 : row * 16 + 16, column * 16 : column * 16 + 16]
        block[...] = 255 - block
        assert read_stamp(image) is None


def test_a_picture_too_small_for_a_stamp_is_refused() -> None:
    with pytest.raises(ValueError, match="512x32"):
        write_stamp(noise(480, 320), NOW_NS, 0)


def test_age_counts_over_the_wrap_of_32_bits() -> None:
    units = NOW_NS // UNIT_NS & 0xFFFFFFFF
    assert stamp_age_ms(units, NOW_NS + 12_300_000) == pytest.approx(12.3, abs=0.1)
    assert stamp_age_ms(units, NOW_NS - 5_000_000) == pytest.approx(-5.0, abs=0.1)
    assert stamp_age_ms(0xFFFFFFFF, ((1 << 32) + 9) * UNIT_NS) == pytest.approx(1.0)


def test_the_stamp_outlives_h264_at_a_low_bitrate() -> None:
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.framerate = 640, 480, "yuv420p", 30
    encoder.bit_rate = 400_000
    encoder.options = {"preset": "superfast", "tune": "zerolatency"}
    decoder = av.CodecContext.create("h264", "r")
    background, read = noise(), []
    for index in range(20):
        image = np.roll(background, 3 * index, axis=1)
        write_stamp(image, NOW_NS + index * 33_333_333, index)
        frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
        frame.pts = index
        for packet in encoder.encode(frame):
            for decoded in decoder.decode(packet):
                luma = decoded.to_ndarray()[:480]
                read.append(read_stamp(luma))
    assert len(read) >= 15
    assert read == [((NOW_NS + i * 33_333_333) // UNIT_NS & 0xFFFFFFFF, i) for i in range(len(read))]
