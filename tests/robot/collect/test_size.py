"""Other picture sizes: the same view through fewer pixels."""

from __future__ import annotations

import math

import pytest

from protocol.embodiment import Camera
from protocol.errors import Refused
from robot.collect.size import read_size, resized
from robot.world.embodiments import TABLETOP


def fovy(camera: Camera) -> float:
    return 2 * math.atan(camera.height / 2 / camera.K[1][1])


def test_a_smaller_picture_shows_the_same_view() -> None:
    small = resized(TABLETOP, 320, 240)
    assert {(camera.width, camera.height) for camera in small.cameras} == {(320, 240)}
    for camera in small.cameras:
        before = TABLETOP.camera(camera.name)
        assert fovy(camera) == pytest.approx(fovy(before)) and camera.T_mount == before.T_mount
        assert (camera.K[0][2], camera.K[1][2]) == (159.5, 119.5)
    assert small.name == TABLETOP.name and small.action == TABLETOP.action and small.hash != TABLETOP.hash


@pytest.mark.parametrize("text", ["320", "320x", "x240", "321x240", "32x24", "4000x3000", "320x240x3", "-320x240", "320*240"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        read_size(text)
    assert refused.value.code == "invalid_field:size"


def test_a_size_is_read() -> None:
    assert read_size("320x240") == (320, 240)
