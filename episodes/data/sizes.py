"""One Embodiment for episodes that saw the same views through more or fewer pixels.  Knows no database."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from protocol.embodiment import Camera, Embodiment


def smallest(bodies: Sequence[Embodiment]) -> Embodiment | None:
    """With the fewest pixels that any of them has in each camera; None when they differ in more than that."""
    first, *others = bodies
    if not all(_same_but_cameras(first, body) for body in others):
        return None
    cameras = []
    for views in zip(*(body.cameras for body in bodies), strict=True):
        if not all(_same_view(views[0], view) for view in views[1:]):
            return None
        cameras.append(min(views, key=lambda view: view.width * view.height))
    return msgspec.structs.replace(first, cameras=tuple(cameras))


def _same_but_cameras(one: Embodiment, other: Embodiment) -> bool:
    bare = [msgspec.structs.replace(body, cameras=()) for body in (one, other)]
    return bare[0] == bare[1] and len(one.cameras) == len(other.cameras)


def _same_view(one: Camera, other: Camera) -> bool:
    """The same camera at the same place, and every pixel of one shows what the pixels there in the other show."""
    rays, name = [], []
    for view in (one, other):
        (fx, _, cx), (_, fy, cy) = view.K[0], view.K[1]
        # half a pixel: coordinates name the middle of a pixel, so pictures of two sizes share their edges, not their corners
        rays.append((fx / view.width, (cx + 0.5) / view.width, fy / view.height, (cy + 0.5) / view.height))
        name.append((view.name, view.fps, view.mount, view.T_mount))
    return name[0] == name[1] and all(math.isclose(a, b, abs_tol=1e-3) for a, b in zip(*rays, strict=True))
