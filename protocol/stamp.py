"""The capture time written into a picture as black and white blocks, so that a picture alone tells its age.

Two rows of 16x16 px blocks at the top left, white = 1, least significant bit first.  First row: 32 bits of UTC in units
of 0.1 ms.  Second row: 16 bits of frame counter, then 8 bits of check (XOR of the six bytes before it).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK_PX = 16
STAMP_WIDTH_PX = 32 * BLOCK_PX
STAMP_HEIGHT_PX = 2 * BLOCK_PX
UNIT_NS = 100_000
_TIME_BITS, _COUNT_BITS, _CHECK_BITS = 32, 16, 8
_MARGIN_PX = 4  # of each block's edge that is not read: coding smears edges


def _check(time_units: int, counter: int) -> int:
    value = time_units | counter << _TIME_BITS
    check = 0
    for byte in value.to_bytes(6, "little"):
        check ^= byte
    return check


def _bits(value: int, count: int) -> NDArray[np.bool_]:
    return ((value >> np.arange(count)) & 1).astype(bool)


def write_stamp(image: NDArray[np.uint8], time_ns: int, counter: int) -> None:
    """Writes into `image` uint8[H,W] or [H,W,3], H >= 32, W >= 512, in place; `time_ns` is UTC, `counter` any int."""
    if image.shape[0] < STAMP_HEIGHT_PX or image.shape[1] < STAMP_WIDTH_PX:
        raise ValueError(f"A stamp needs {STAMP_WIDTH_PX}x{STAMP_HEIGHT_PX} px; the picture is {image.shape[1::-1]}.")
    units, counter = time_ns // UNIT_NS & 0xFFFFFFFF, counter & 0xFFFF
    rows = np.zeros((2, image.shape[1] // BLOCK_PX), dtype=np.uint8)
    rows[0, :_TIME_BITS] = _bits(units, _TIME_BITS)
    rows[1, :_COUNT_BITS] = _bits(counter, _COUNT_BITS)
    rows[1, _COUNT_BITS : _COUNT_BITS + _CHECK_BITS] = _bits(_check(units, counter), _CHECK_BITS)
    blocks = np.kron(rows * 255, np.ones((BLOCK_PX, BLOCK_PX), dtype=np.uint8))
    top = image[:STAMP_HEIGHT_PX, : blocks.shape[1]]
    top[...] = blocks if image.ndim == 2 else blocks[:, :, None]


def read_stamp(image: NDArray[np.uint8]) -> tuple[int, int] | None:
    """(time in 0.1 ms modulo 2^32, counter) of `image` uint8[H,W] luma or [H,W,3]; None without a whole stamp."""
    if image.shape[0] < STAMP_HEIGHT_PX or image.shape[1] < STAMP_WIDTH_PX:
        return None
    top: NDArray[Any] = image[:STAMP_HEIGHT_PX, :STAMP_WIDTH_PX]
    luma = top if top.ndim == 2 else top.mean(axis=2)
    blocks = luma.reshape(2, BLOCK_PX, 32, BLOCK_PX)[:, _MARGIN_PX:-_MARGIN_PX, :, _MARGIN_PX:-_MARGIN_PX]
    bits = blocks.mean(axis=(1, 3)) > 128
    weights = 1 << np.arange(32, dtype=np.int64)
    units = int(bits[0] @ weights)
    counter = int(bits[1, :_COUNT_BITS] @ weights[:_COUNT_BITS])
    check = int(bits[1, _COUNT_BITS : _COUNT_BITS + _CHECK_BITS] @ weights[:_CHECK_BITS])
    return (units, counter) if check == _check(units, counter) else None


def stamp_age_ms(units: int, now_ns: int) -> float:
    """How long before `now_ns` (UTC) the stamp was written, ms; negative when it lies ahead.  Right within 2.4 days."""
    age = (now_ns // UNIT_NS - units) & 0xFFFFFFFF
    return (age - (1 << 32) if age >= 1 << 31 else age) / 10
