"""Light meshes keep the shape they stand for, and are made once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from robot.world import meshes
from robot.world.meshes import bars, lathe, read_stl, simplified_stl, simplify, wrapped, write_stl
from robot.world.sawyer import package_assets


def volume(triangles: meshes.Triangles) -> float:
    """By the divergence theorem: right for closed surfaces with outward faces, negative for inward ones."""
    a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def link(name: str) -> Path:
    return package_assets() / "objects" / "meshes" / "xyz_base" / f"{name}.stl"


def test_boxes_have_their_volume_and_face_outwards() -> None:
    assert volume(bars([((5.0, -2.0, 1.0), (0.5, 1.0, 1.5)), ((0.0, 0.0, 0.0), (0.5, 0.5, 0.5))])) == pytest.approx(7.0)


def test_a_turned_cylinder_has_its_volume() -> None:
    assert abs(volume(lathe([(0.0, 0.0), (1.0, 0.0), (1.0, 2.0), (0.0, 2.0)], 200))) == pytest.approx(2 * np.pi, rel=1e-3)


def test_stl_is_written_as_it_is_read() -> None:
    triangles = bars([((0.0, 0.0, 0.0), (0.5, 0.25, 0.125))])
    assert (read_stl(write_stl(triangles)) == triangles).all()


@pytest.mark.parametrize("name", ["l1", "l3", "l5"])
def test_a_simplified_link_is_light_and_nowhere_far_from_the_real_one(name: str) -> None:
    real = read_stl(link(name).read_bytes())
    light = simplify(real, 0.013)
    assert len(light) < len(real) / 3
    for side in (np.min, np.max):
        assert side(light, axis=(0, 1)) == pytest.approx(side(real, axis=(0, 1)), abs=0.008)
    assert set(np.ravel(light)) != set(np.ravel(real))


def test_a_wrapped_link_encloses_the_real_one() -> None:
    real = read_stl(link("l4").read_bytes())
    hull = wrapped(real, 0.013)
    assert len(hull) < 400
    assert volume(hull) > 0.95 * abs(volume(real))
    normal = np.cross(hull[:, 1] - hull[:, 0], hull[:, 2] - hull[:, 0])
    normal /= np.linalg.norm(normal, axis=1)[:, None]
    outside = np.einsum("fi,pi->pf", normal, real.reshape(-1, 3)) - np.einsum("fi,fi->f", normal, hull[:, 0])
    assert outside.max() < 0.013


def test_a_mesh_is_simplified_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = simplified_stl(link("l6"), 0.013, True)
    kept = list((tmp_path / "reins" / "meshes").iterdir())
    assert [path.read_bytes() for path in kept] == [first]
    monkeypatch.setattr(meshes, "wrapped", lambda *given: pytest.fail("made again"))
    assert simplified_stl(link("l6"), 0.013, True) == first
