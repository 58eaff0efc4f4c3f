"""What the simulated cameras see: the right thing at the pixel that K and the mount say, stamps, nothing twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from protocol.embodiment import Camera
from protocol.errors import Refused
from protocol.stamp import read_stamp, stamp_age_ms
from robot.bodies.body import Body, BodySpec
from robot.mailbox import Mailbox
from robot.world import wire
from robot.world.arm import Pose
from robot.world.camera import WorldCamera
from robot.world.embodiments import SCENE_CAMERA, TABLETOP, WRIST_CAMERA
from robot.world.pictures import Pictures
from robot.world.process import LiveWorld
from robot.world.tabletop import Tabletop
from tests.robot.world.conftest import until
from tests.robot.world.driving import go, place_of


@pytest.fixture(scope="module")
def draw() -> Iterator[Callable[[str, Tabletop], NDArray[np.uint8]]]:
    cameras = {camera.name: Pictures("tabletop", camera) for camera in TABLETOP.cameras}

    def drawn(camera: str, table: Tabletop) -> NDArray[np.uint8]:
        qpos, edits = table.look()
        return cameras[camera].draw(wire.SceneState(1, 0, "mixed", qpos, edits, []))

    yield drawn
    for pictures in cameras.values():
        pictures.close()


def pixel(camera: Camera, mount: NDArray[np.float64], point: tuple[float, float, float]) -> tuple[float, float]:
    """(u, v) of a point in the base frame for a camera whose mount has the pose `mount` 4x4 there."""
    seen = np.linalg.inv(mount @ np.array(camera.T_mount)) @ np.array([*point, 1.0])
    u, v, w = np.array(camera.K) @ seen[:3]
    return float(u / w), float(v / w)


def red_blob(image: NDArray[np.uint8]) -> tuple[float, float]:
    """Mean (u, v) of the pixels that are clearly red."""
    r, g, b = (image[:, :, k].astype(int) for k in range(3))
    v, u = np.nonzero((r > 90) & (r > 2 * g + 10) & (r > 2 * b + 10))
    assert len(u) > 30, "no red to be seen"
    return float(u.mean()), float(v.mean())


def mount_of(pose: Pose) -> NDArray[np.float64]:
    mount = np.eye(4)
    mount[:3, :3], mount[:3, 3] = pose.rotation, pose.position
    return mount


@pytest.mark.parametrize("seed", [1, 4, 6])
def test_the_scene_camera_shows_a_cube_where_k_and_mount_put_it(
    table: Tabletop, draw: Callable[[str, Tabletop], NDArray[np.uint8]], seed: int
) -> None:
    table.reset(seed, "cubes")
    found = red_blob(draw("scene", table))
    # The middle of what is seen lies a little above the middle of the cube: half of it is top.
    assert found == pytest.approx(pixel(SCENE_CAMERA, np.eye(4), place_of(table, "red cube")), abs=3.0)


@pytest.mark.parametrize("turn", [0.0, 0.4])
def test_the_wrist_camera_moves_with_the_tool(
    table: Tabletop, draw: Callable[[str, Tabletop], NDArray[np.uint8]], turn: float
) -> None:
    from robot.world.arm import TOOL_DOWN, rotation_matrix

    table.reset(1, "bowl")
    x, y, z = place_of(table, "red cube")
    tool = go(table, (x, y, 0.2), turn=rotation_matrix(np.array([0.0, 0.0, turn])) @ TOOL_DOWN)
    found = red_blob(draw("wrist", table))
    assert found == pytest.approx(pixel(WRIST_CAMERA, mount_of(tool), (x, y, z + 0.015)), abs=4.0)


def test_a_picture_shows_a_lit_table_in_a_dark_room(table: Tabletop, draw: Callable[[str, Tabletop], NDArray[np.uint8]]) -> None:
    table.reset(2, "mixed")
    image = draw("scene", table)
    assert image.shape == (480, 640, 3) and image.dtype == np.uint8
    wall, wood = image[100:140, 20:80].mean(), image[440:470, 150:300].mean()
    assert wall < 60 < wood
    assert image.std() > 20


def test_frames_are_stamped_numbered_and_not_drawn_again_while_nothing_moves(table: Tabletop, tmp_path: Path) -> None:
    live = LiveWorld(table, tmp_path, 0, "mixed")
    live.publish(time.monotonic(), True)
    camera = WorldCamera("tabletop", SCENE_CAMERA, tmp_path, stamp=True)
    frames = []
    for _ in range(5):
        live.publish(time.monotonic(), True)
        frame = camera.read()
        assert frame is not None
        assert read_stamp(frame.image) is not None
        units, counter = read_stamp(frame.image) or (0, 0)
        assert counter == frame.index
        assert abs(stamp_age_ms(units, frame.time_ns)) <= 0.1
        frames.append(frame)
    indices = [frame.index for frame in frames]
    assert indices == sorted(set(indices))
    assert (frames[-1].image[32:] == frames[1].image[32:]).all()
    drawn = camera._pictures
    assert drawn is not None
    look, draws = msgspec.msgpack.decode(_newest(tmp_path), type=wire.SceneState), []
    drawn.draw = lambda given: draws.append(given) or frames[0].image  # type: ignore[method-assign, func-returns-value]
    camera.read()
    assert draws == []
    table.drive(np.array([0.3, 0, 0, 0, 0, 0, 0], dtype=np.float32))
    table.advance()
    live.publish(time.monotonic(), True)
    camera.read()
    assert len(draws) == 1 and draws[0].qpos != look.qpos
    camera.close()


def _newest(folder: Path) -> bytes:
    newest = Mailbox.open(folder / wire.SCENE).get()
    assert newest is not None
    return newest[0]


def test_a_world_that_is_away_gives_no_frames(tmp_path: Path, table: Tabletop) -> None:
    camera = WorldCamera("tabletop", WRIST_CAMERA, tmp_path, stamp=False)
    assert camera.read() is None
    LiveWorld(table, tmp_path, 0, "mixed").publish(time.monotonic() - 2.0, True)
    assert camera.read() is None
    camera.close()


def test_both_cameras_of_a_running_world_give_frames(
    simulated: Callable[..., tuple[BodySpec, Body]],
) -> None:
    spec, _ = simulated(scene="mixed", stamp=True)
    for camera in spec.embodiment.cameras:
        source = spec.open_camera(camera.name)
        frames = []

        def one(frames: list[object] = frames, source: object = source) -> bool:
            frames.append(source.read())  # type: ignore[attr-defined]
            return frames[-1] is not None

        until(one, 10)
        assert frames[-1].image.shape == (camera.height, camera.width, 3)  # type: ignore[attr-defined]
        source.close()


def test_missing_graphics_name_the_debian_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    from robot.world import pictures

    def absent(name: str) -> object:
        raise ImportError(f"no {name}")

    monkeypatch.setattr(pictures, "import_module", absent)
    with pytest.raises(Refused) as refused:
        Pictures("tabletop", SCENE_CAMERA)
    assert refused.value.code == "graphics_missing"
    assert "libegl1" in refused.value.sentence and "libgl1-mesa-dri" in refused.value.sentence
