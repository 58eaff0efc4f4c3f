"""What is known of each step besides its action: where the movement was going, the subtask, the object and where it is seen.

The first two come from recorded proprioception; the object from what a simulated world reported, or from marks of reviewers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from episodes.data.manifest import ManifestMark
from policies.learning import phases
from policies.learning.config import Body, ModelConfig
from protocol.embodiment import Camera

Floats = NDArray[np.float32]
HALF_M = 0.025  # of the box around an object: what stands on tables is about that big
TOOL_DOWN = np.diag([1.0, -1.0, -1.0])  # rotation of a tool that points straight down, x forward
_CORNERS = HALF_M * np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float64)


@dataclass(frozen=True, slots=True)
class Known:
    """N steps; NaN or -1 where nobody knows.  Places in metres, boxes as the model says them (`vla.Said`)."""

    waypoint: Floats  # [N, 3]
    position: Floats  # [N, 3]
    subtask: NDArray[np.int64]  # [N]
    name: NDArray[np.int64]  # [N]
    boxes: Floats  # [N, slots, 4]
    shown: Floats  # [N, slots]


def known(config: ModelConfig, body: Body, state: Floats, actions: Floats, target: str, position: Floats) -> Known:
    """`state` [N, S] whole, `actions` [N, A]; `position` [N, 3] m of the `target` ("" where nobody knows), NaN where nobody
    says."""
    count, slots = len(state), len(config.slots)
    tool = state[:, body.columns(body.tool)].astype(np.float64) if body.tool else None
    grip = next(
        (actions[:, i].astype(np.float64) for i, axis in enumerate(body.embodiment.action) if axis.name == "gripper"), None
    )
    phase_ends = phases.ends(tool, grip, 1 / config.step_s)
    waypoint = phases.waypoints(tool, phase_ends) if tool is not None else np.full((count, 3), np.nan)
    boxes = np.full((count, slots, 4), np.nan, np.float32)
    shown = np.full((count, slots), np.nan, np.float32)
    for index, slot in enumerate(config.slots):
        if slot.name in body.cameras and np.isfinite(position).all():
            camera = body.embodiment.camera(body.cameras[slot.name])
            boxes[:, index], shown[:, index] = _seen(camera, body, state, position)
    return Known(
        np.asarray(waypoint, np.float32),
        np.asarray(position, np.float32),
        phases.subtasks(tool, grip, phase_ends) if phase_ends else np.full(count, -1),
        np.full(count, config.objects.index(target) if target in config.objects else -1),
        boxes,
        shown,
    )


def marked(labels: Known, config: ModelConfig, body: Body, marks: Sequence[ManifestMark], rows: NDArray[np.int64]) -> Known:
    """With what reviewers marked of the object that is meant: the box, or the middle of it alone, in the step of that row."""
    slots = {body.cameras[slot.name]: index for index, slot in enumerate(config.slots) if slot.name in body.cameras}
    boxes, shown = labels.boxes.copy(), labels.shown.copy()
    for mark in marks:
        if mark.camera in slots:
            step, slot = int(np.abs(rows - mark.row).argmin()), slots[mark.camera]
            size = (mark.width or np.nan, mark.height or np.nan)
            boxes[step, slot] = (mark.x + mark.width / 2, mark.y + mark.height / 2, *size)
            shown[step, slot] = 1.0
    return replace(labels, boxes=boxes, shown=shown)


def _seen(camera: Camera, body: Body, state: Floats, position: Floats) -> tuple[Floats, Floats]:
    """Boxes [N, 4] of 0 to 1, NaN where it is not in the picture, and whether it is [N].  What stands before it is not seen
    through, but not known either."""
    points = projected(camera, body, state, position[:, None, :] + _CORNERS)
    if points is None:
        nothing = np.full(len(state), np.nan, np.float32)
        return np.full((len(state), 4), np.nan, np.float32), nothing
    (left, top), (right, bottom) = points.min(1).T, points.max(1).T
    x, y = (left + right) / 2, (top + bottom) / 2
    inside = (x > 0) & (x < 1) & (y > 0) & (y < 1)
    boxes = np.stack([x, y, right - left, bottom - top], 1).astype(np.float32)
    boxes[~inside] = np.nan
    return boxes, inside.astype(np.float32)


def projected(camera: Camera, body: Body, state: Floats, places: NDArray[Any]) -> NDArray[np.float64] | None:
    """[N, P, 2], shares of the picture's width and height, of `places` [N, P, 3] m; NaN behind the camera, None where nobody
    can say where it is.  `state` [N, S] whole."""
    poses = _poses(camera, body, state)
    if poses is None:
        return None
    back = np.linalg.inv(poses)
    local = np.einsum("nij,nkj->nki", back[:, :3, :3], places) + back[:, None, :3, 3]
    pixels = np.einsum("ij,nkj->nki", np.array(camera.K), local)
    points = pixels[..., :2] / np.maximum(local[..., 2:], 1e-3) / (camera.width, camera.height)
    return np.asarray(np.where(local[..., 2:] > 0.01, points, np.nan))


def _poses(camera: Camera, body: Body, state: Floats) -> NDArray[np.float64] | None:
    """[N, 4, 4] of the camera in the base frame; None when nobody can say."""
    mount: NDArray[np.float64] = np.array(camera.T_mount, np.float64)
    if camera.mount == "base":
        return np.broadcast_to(mount, (len(state), 4, 4))
    turns = ("tool_rx", "tool_ry", "tool_rz")
    names = {quantity.name for quantity in body.embodiment.state}
    if camera.mount != "tool" or body.tool is None or not names.issuperset(turns):
        return None
    tool = np.tile(np.eye(4), (len(state), 1, 1))
    tool[:, :3, :3] = _rotations(state[:, body.columns(turns)].astype(np.float64)) @ TOOL_DOWN
    tool[:, :3, 3] = state[:, body.columns(body.tool)]
    return np.asarray(tool @ mount)


def _rotations(vectors: NDArray[np.float64]) -> Any:
    """[N, 3, 3] of rotation vectors [N, 3] (Rodrigues)."""
    angle = np.linalg.norm(vectors, axis=1)[:, None, None]
    x, y, z = (vectors / np.maximum(angle[:, :, 0], 1e-9)).T
    nought = np.zeros_like(x)
    cross = np.array([[nought, -z, y], [z, nought, -x], [-y, x, nought]]).transpose(2, 0, 1)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
