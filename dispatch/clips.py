"""The pictures that a policy saw before it asked for help, as one file: a header of JSON and the JPEGs behind it.

u32 (little endian) length of the header, the header `[{t_ns, camera, first, bytes}, ...]`, the pictures.  `first` counts from
the end of the header.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from fleet import relay
from policies.serving import recent as shown

SECONDS = 15.0
Pictures = Iterable[tuple[int, dict[str, bytes]]]  # captured_ns, JPEG by camera


async def recent(robot: str, seconds: float = SECONDS) -> list[tuple[int, dict[str, bytes]]]:
    """What the robot's policy saw lately, oldest first."""
    return await asyncio.to_thread(shown.last, robot, seconds)


async def newest(robot: str) -> tuple[int, dict[str, bytes]] | None:
    """What it was shown last: when it was captured, and the JPEGs by camera."""
    raw: Any = await relay.client().lindex(shown.places().recent(robot), -1)
    if not raw:
        return None
    one = msgspec.msgpack.decode(raw, type=shown.Shown)
    return one.captured_ns, one.pictures


def write(path: Path, pictures: Pictures) -> int:
    """How many there are."""
    header, body, at = [], [], 0
    for t_ns, cameras in pictures:
        for camera, jpeg in sorted(cameras.items()):
            header.append({"t_ns": t_ns, "camera": camera, "first": at, "bytes": len(jpeg)})
            body.append(jpeg)
            at += len(jpeg)
    raw = msgspec.json.encode(header)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(len(raw).to_bytes(4, "little") + raw + b"".join(body))
    os.replace(part, path)
    return len(header)
