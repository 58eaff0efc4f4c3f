"""Light triangle meshes for fast software rendering: simplified links, and shapes of revolution.  Data in, data out."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

Triangles = NDArray[np.float64]  # [N, 3 corners, 3], metres

_STL_RECORD = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("spare", "<u2")])


def read_stl(raw: bytes) -> Triangles:
    """Corners of a binary STL file."""
    count = int.from_bytes(raw[80:84], "little")
    records = np.frombuffer(raw[84 : 84 + count * _STL_RECORD.itemsize], dtype=_STL_RECORD)
    return np.asarray(records["corners"], dtype=np.float64)


def write_stl(triangles: Triangles) -> bytes:
    """A binary STL file; normals are left to the reader."""
    records = np.zeros(len(triangles), dtype=_STL_RECORD)
    records["corners"] = triangles
    return bytes(80) + len(triangles).to_bytes(4, "little") + records.tobytes()


def simplify(triangles: Triangles, cell_m: float) -> Triangles:
    """The same surface with one vertex per occupied cell of a grid with spacing `cell_m`.

    Each vertex goes where the squared distance to the planes of the triangles of its cell is smallest (quadrics summed
    per cell: Lindstrom, "Out-of-core simplification of large polygonal models", SIGGRAPH 2000), held inside its cell.
    """
    corners = triangles.reshape(-1, 3)
    origin = corners.min(axis=0) - cell_m / 2
    keys = np.floor((corners - origin) / cell_m).astype(np.int64)
    _, cell_of = np.unique(keys, axis=0, return_inverse=True)
    cell_of = cell_of.reshape(-1)
    spots = _best_points(triangles, cell_of, cell_m)
    faces = cell_of.reshape(-1, 3)
    distinct = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    faces = faces[distinct]
    _, first = np.unique(np.sort(faces, axis=1), axis=0, return_index=True)
    return np.asarray(spots[faces[np.sort(first)]])


def wrapped(triangles: Triangles, cell_m: float) -> Triangles:
    """The convex hull, with corners no closer together than about `cell_m`; outward faces."""
    points = triangles.reshape(-1, 3)
    points = points[ConvexHull(points).vertices]
    _, first = np.unique(np.round(points / cell_m), axis=0, return_index=True)
    hull = ConvexHull(points[first])
    faces = hull.points[hull.simplices]
    normal = np.cross(faces[:, 1] - faces[:, 0], faces[:, 2] - faces[:, 0])
    inward = np.einsum("ij,ij->i", normal, hull.equations[:, :3]) < 0
    faces[inward] = faces[inward][:, ::-1]
    return np.asarray(faces)


def _best_points(triangles: Triangles, cell_of: NDArray[np.int64], cell_m: float) -> NDArray[np.float64]:
    """Points [C,3], one per cell, by least squares around each cell's mean corner."""
    cells = int(cell_of.max()) + 1
    corners = triangles.reshape(-1, 3)
    count = np.bincount(cell_of, minlength=cells)[:, None]
    mean = np.stack([np.bincount(cell_of, corners[:, k], cells) for k in range(3)], axis=1) / count
    normal = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    normal = np.repeat(normal, 3, axis=0)  # length = twice the area, which is the weight
    offset = np.einsum("ij,ij->i", normal, corners - mean[cell_of])
    left = np.zeros((cells, 3, 3))
    right = np.zeros((cells, 3))
    np.add.at(left, cell_of, normal[:, :, None] * normal[:, None, :])
    np.add.at(right, cell_of, normal * offset[:, None])
    # Flat cells leave directions open: a small pull to the mean fixes them without moving the well determined ones.
    pull = 1e-3 * np.trace(left, axis1=1, axis2=2) + 1e-30
    move = np.linalg.solve(left + pull[:, None, None] * np.eye(3), right[:, :, None])[:, :, 0]
    return np.asarray(mean + np.clip(move, -cell_m / 2, cell_m / 2))


def simplified_stl(source: Path, cell_m: float, convex: bool) -> bytes:
    """`source` simplified or wrapped, from the cache where it was done before (XDG_CACHE_HOME/reins/meshes)."""
    raw = source.read_bytes()
    key = hashlib.sha256(raw + f"{cell_m} {convex}".encode()).hexdigest()[:32]
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reins" / "meshes"
    kept = folder / f"{key}.stl"
    if kept.exists():
        return kept.read_bytes()
    triangles = read_stl(raw)
    made = write_stl(wrapped(triangles, cell_m) if convex else simplify(triangles, cell_m))
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f"{key}.{os.getpid()}.tmp"
    draft.write_bytes(made)
    draft.replace(kept)
    return made


def lathe(profile: list[tuple[float, float]], around: int) -> Triangles:
    """The surface that the closed outline `profile` [(radius, z)] sweeps around z, in `around` flat pieces."""
    angle = np.linspace(0, 2 * np.pi, around + 1)
    ring = np.array([[[r * np.cos(a), r * np.sin(a), z] for a in angle] for r, z in [*profile, profile[0]]])
    a, b, c, d = ring[:-1, :-1], ring[:-1, 1:], ring[1:, 1:], ring[1:, :-1]
    both = np.concatenate([np.stack([a, b, c], axis=2), np.stack([a, c, d], axis=2)]).reshape(-1, 3, 3)
    area = np.linalg.norm(np.cross(both[:, 1] - both[:, 0], both[:, 2] - both[:, 0]), axis=1)
    return np.asarray(both[area > 1e-12])


_CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=np.float64)
_SIDES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4],
     [1, 5, 7], [1, 7, 3]]
)  # fmt: skip


def bars(boxes: list[tuple[tuple[float, float, float], tuple[float, float, float]]]) -> Triangles:
    """Many boxes [(centre, half size)], metres, as one mesh: drawing it costs one call instead of one each."""
    return np.concatenate([(_CORNERS * half + centre)[_SIDES] for centre, half in boxes])
