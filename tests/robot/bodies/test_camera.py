"""A plain camera as a body: a real video file in the place of the device, and what is said when there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from protocol.errors import Refused
from protocol.stamp import read_stamp
from robot.bodies.registry import body_spec
from tests.robot.bodies.videos import number_of, write_video

FRAMES = 12


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "desk.mp4"
    write_video(path, FRAMES)
    return path


def test_frames_come_in_order_and_start_again_at_the_end(video: Path, tmp_path: Path) -> None:
    camera = body_spec("camera", {"device": str(video), "fps": 120.0}, tmp_path).open_camera("scene")
    numbers = [number_of(frame) for frame in (camera.read() for _ in range(2 * FRAMES + 3)) if frame is not None]
    assert numbers == [i % FRAMES for i in range(2 * FRAMES + 3)]
    camera.close()


def test_colours_are_rgb(video: Path, tmp_path: Path) -> None:
    camera = body_spec("camera", {"device": str(video)}, tmp_path).open_camera("scene")
    frame = camera.read()
    assert frame is not None
    left, right = frame.image[200:, 50:250].mean(axis=(0, 1)), frame.image[200:, 400:600].mean(axis=(0, 1))
    assert left[0] > 150 and left[2] < 60
    assert right[2] > 150 and right[0] < 60
    camera.close()


def test_pictures_have_the_configured_size_and_the_embodiment_says_so(video: Path, tmp_path: Path) -> None:
    spec = body_spec("camera", {"device": str(video), "width": 320, "height": 240, "stamp": True}, tmp_path)
    described = spec.embodiment.camera("scene")
    assert (described.width, described.height) == (320, 240)
    camera = spec.open_camera("scene")
    frame = camera.read()
    assert frame is not None and frame.image.shape == (240, 320, 3)
    camera.close()


def test_a_stamp_tells_when_the_frame_was_complete(video: Path, tmp_path: Path) -> None:
    camera = body_spec("camera", {"device": str(video), "stamp": True}, tmp_path).open_camera("scene")
    frame = camera.read()
    assert frame is not None
    assert read_stamp(frame.image) == (frame.time_ns // 100_000 & 0xFFFFFFFF, frame.index)
    camera.close()


@pytest.mark.parametrize("device", ["/dev/video-that-is-not-there", 97])
def test_no_device_is_said_plainly(tmp_path: Path, device: object) -> None:
    spec = body_spec("camera", {"device": device}, tmp_path)
    with pytest.raises(Refused) as refused:
        spec.open_camera("scene")
    assert refused.value.code == "camera_missing"
    assert "Plug one in" in refused.value.sentence and str(device) in refused.value.sentence


def test_a_file_that_is_no_video_is_no_camera(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no pictures here")
    with pytest.raises(Refused) as refused:
        body_spec("camera", {"device": str(path)}, tmp_path).open_camera("scene")
    assert refused.value.code == "camera_missing"


def test_a_camera_has_no_arm(tmp_path: Path) -> None:
    spec = body_spec("camera", {}, tmp_path)
    assert spec.embodiment.action == () and spec.embodiment.state == () and spec.children == ()
    body = spec.open_body()
    sensed = body.observe()
    assert sensed is not None and sensed.state.shape == (0,) and sensed.tool_m is None
    body.act(np.zeros(0, dtype=np.float32))
    body.stop()
    body.close()
