"""One camera's pictures go to those who want them, and to nobody else."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from protocol.errors import Refused
from protocol.masks import CameraMask, MaskSet
from protocol.robot_link import SNAPSHOT_MAX
from robot.bodies.body import Frame
from robot.frame_ring import BLIND, FrameRing
from robot.media import door
from robot.media.camera import RETRY_S, CameraLine
from robot.media.encoder import to_i420
from robot.media.snapshot import to_jpeg
from tests.robot.masked import LEFT_HALF


class Bench:
    """A line over a camera that this test turns by hand; `now_s` is the clock."""

    def __init__(self, tmp_path: Path) -> None:
        self.now_s = 10.0
        self.sent: list[Any] = []
        self.door_open = True
        self.opened = self.closed = 0
        self.broken = ""
        self.still = False
        self.ring = FrameRing.create(tmp_path / "ring", 64, 48)
        self.line = CameraLine("scene", (64, 48), self._open, self.ring, self._send, lambda: self.now_s)
        self.line.masking.set_to(MaskSet(robot="r", version=0), ("scene",))

    def steps(self, count: int = 1) -> None:
        for _ in range(count):
            if not self.still:
                self.now_s += 1 / 30
            self.line.step()

    def packets(self) -> list[door.Packet]:
        return [message for message in self.sent if isinstance(message, door.Packet)]

    def _open(self) -> Bench:
        if self.broken:
            raise Refused("camera_missing", self.broken)
        self.opened += 1
        return self

    def read(self) -> Frame | None:
        if self.broken:
            raise Refused("camera_missing", self.broken)
        image = np.full((48, 64, 3), int(self.now_s * 90) % 200, np.uint8)
        return Frame(0, self.now_s, int(self.now_s * 1e9), image, render_ms=1.5)

    def close(self) -> None:
        self.closed += 1

    def _send(self, message: Any) -> bool:
        if self.door_open:
            self.sent.append(message)
        return self.door_open


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_camera_that_nobody_wants_is_not_touched(bench: Bench) -> None:
    assert bench.line.idle_s(bench.now_s) is None
    assert bench.opened == 0


@pytest.mark.parametrize("wish", ["watched", "recorded"])
def test_who_watches_or_records_gets_every_picture(bench: Bench, wish: str) -> None:
    setattr(bench.line.wishes, wish, True)
    assert bench.line.idle_s(bench.now_s) == 0.0
    bench.steps(3)
    assert bench.ring.head == 3
    assert len(bench.packets()) == (3 if wish == "watched" else 0)


def test_the_ring_and_the_packet_name_the_same_picture(bench: Bench) -> None:
    bench.line.wishes.watched = True
    bench.steps()
    (packet,), frame = bench.packets(), bench.ring.newest()
    assert frame is not None
    assert (frame.index, frame.mono_s) == (packet.index, packet.capture_mono_s)
    assert np.array_equal(frame.i420, to_i420(np.full((48, 64, 3), int(bench.now_s * 90) % 200, np.uint8)))
    assert packet.render_ms == 1.5
    assert packet.keyframe


def test_snapshots_are_taken_once_a_second(bench: Bench) -> None:
    bench.line.wishes.snapshots = True
    assert bench.line.idle_s(bench.now_s) == 0.0
    bench.steps()
    assert bench.line.idle_s(bench.now_s) == pytest.approx(1.0)
    bench.steps(40)
    assert len([message for message in bench.sent if isinstance(message, door.Snapshot)]) == 2
    assert bench.ring.head == 0


def test_the_same_picture_again_is_no_new_picture(bench: Bench) -> None:
    bench.line.wishes.watched = True
    bench.steps()
    bench.still = True
    bench.steps(5)
    assert len(bench.packets()) == 1


def test_a_full_door_drops_and_begins_again_with_a_key_frame(bench: Bench) -> None:
    bench.line.wishes.watched = True
    bench.steps(2)
    bench.door_open = False
    bench.steps(2)
    bench.door_open = True
    bench.steps(2)
    assert [packet.keyframe for packet in bench.packets()] == [True, False, True, False]
    assert bench.line.health().dropped == 2


def test_a_key_frame_asked_for_comes_next(bench: Bench) -> None:
    bench.line.wishes.watched = True
    bench.steps(2)
    bench.line.wishes.key_frame = True
    bench.steps(2)
    assert [packet.keyframe for packet in bench.packets()] == [True, False, True, False]


def test_a_thin_link_gets_fewer_and_smaller_pictures(bench: Bench) -> None:
    wishes = bench.line.wishes
    wishes.watched, wishes.every, wishes.half = True, 2, True
    bench.steps(1)
    wishes.key_frame = False
    bench.steps(7)
    indexes = [packet.index for packet in bench.packets()]
    assert len(indexes) == 4
    assert {after - before for before, after in itertools.pairwise(indexes)} == {2}
    assert bench.ring.head == 8  # what is recorded stays whole


def test_a_missing_camera_is_told_and_tried_again_after_a_second(bench: Bench) -> None:
    bench.line.wishes.watched = True
    bench.broken = "The camera is not plugged in."
    bench.steps()
    assert bench.line.health().sentence == bench.broken
    assert bench.line.idle_s(bench.now_s) == pytest.approx(RETRY_S)
    bench.broken = ""
    bench.now_s += RETRY_S
    assert bench.line.idle_s(bench.now_s) == 0.0
    bench.steps()
    assert bench.line.health().sentence == ""
    assert len(bench.packets()) == 1


def test_a_camera_that_breaks_while_read_is_closed(bench: Bench) -> None:
    bench.line.wishes.watched = True
    bench.steps()
    bench.broken = "The camera was unplugged."
    bench.steps()
    assert (bench.opened, bench.closed) == (1, 1)


def test_health_counts_the_last_second(bench: Bench) -> None:
    bench.line.wishes.watched = True
    bench.steps(60)
    health = bench.line.health()
    assert 29 <= health.fps <= 31
    assert health.live
    assert health.newest_mono_s == bench.now_s
    bench.now_s += 5
    assert bench.line.health().fps == 0


@pytest.mark.parametrize("make", [lambda rng: rng.integers(0, 255, (480, 640, 3)), lambda rng: np.zeros((480, 640, 3))])
def test_a_snapshot_fits(make: Callable[[np.random.Generator], Any]) -> None:
    jpeg = to_jpeg(make(np.random.default_rng(0)).astype(np.uint8))
    assert len(jpeg) <= SNAPSHOT_MAX
    assert cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR).shape == (360, 480, 3)


def test_a_snapshot_that_cannot_fit_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        to_jpeg(np.random.default_rng(0).integers(0, 255, (480, 640, 3)).astype(np.uint8), most=1000)
    assert refused.value.code == "snapshot_too_big"


def decoded(packets: list[door.Packet]) -> np.ndarray[Any, Any]:
    """The last live picture as a viewer sees it, uint8[H,W,3] RGB."""
    context = av.CodecContext.create("h264", "r")
    frames = [frame for packet in packets for frame in context.decode(av.Packet(packet.data))]
    frames += context.decode(None)
    return frames[-1].to_ndarray(format="rgb24")


def everywhere(bench: Bench) -> list[np.ndarray[Any, Any]]:
    """The same moment as viewers, recorder and fleet page get it, uint8[H,W,3]."""
    wishes = bench.line.wishes
    wishes.watched = wishes.recorded = wishes.snapshots = True
    bench.steps(3)
    frame = bench.ring.newest()
    assert frame is not None
    snapshot = next(m.jpeg for m in bench.sent if isinstance(m, door.Snapshot))
    return [
        decoded(bench.packets()),
        cv2.cvtColor(frame.i420, cv2.COLOR_YUV2RGB_I420),
        cv2.imdecode(np.frombuffer(snapshot, np.uint8), cv2.IMREAD_COLOR),
    ]


def test_what_is_masked_is_black_in_everything_that_leaves_the_camera(bench: Bench) -> None:
    bench.line.masking.set_to(MaskSet(robot="r", version=9, cameras=(CameraMask("scene", (LEFT_HALF,)),)), ("scene",))
    for picture in everywhere(bench):
        assert picture[:, :32].max() < 24
        assert picture[:, 36:].min() > 60
    newest = bench.ring.newest()
    assert newest is not None and newest.masks == 9
    assert bench.line.health().masked


def test_the_cameras_own_picture_is_not_written_to(bench: Bench) -> None:
    bench.line.masking.set_to(MaskSet(robot="r", version=9, cameras=(CameraMask("scene", (LEFT_HALF,)),)), ("scene",))
    image = np.full((48, 64, 3), 90, np.uint8)
    shown, masks = bench.line.masking.apply(Frame(0, 1.0, 1, image))
    assert (image.min(), masks) == (90, 9)
    assert shown.image is not image


def test_a_thin_region_hides_every_pixel_it_touches(bench: Bench) -> None:
    sliver = ((0.5, 0.0), (0.501, 0.0), (0.501, 1.0), (0.5, 1.0))
    bench.line.masking.set_to(MaskSet(robot="r", version=9, cameras=(CameraMask("scene", (sliver,)),)), ("scene",))
    shown, _ = bench.line.masking.apply(Frame(0, 1.0, 1, np.full((48, 64, 3), 90, np.uint8)))
    assert shown.image[:, 31:33].max() == 0
    assert shown.image[:, :28].min() == shown.image[:, 36:].min() == 90


def test_masks_that_cannot_be_read_leave_no_pixel(bench: Bench) -> None:
    bench.line.masking.close("The privacy masks cannot be read.")
    for picture in everywhere(bench):
        assert np.mean(picture) < 12  # all but a line of grey words
    newest = bench.ring.newest()
    assert newest is not None and newest.masks == BLIND
    assert bench.line.health().sentence == "The privacy masks cannot be read."


def test_a_mask_for_a_camera_that_is_not_there_may_be_meant_for_this_one(bench: Bench) -> None:
    bench.line.masking.set_to(MaskSet(robot="r", version=9, cameras=(CameraMask("front", (LEFT_HALF,)),)), ("scene",))
    assert "front" in bench.line.health().sentence
    shown, masks = bench.line.masking.apply(Frame(0, 1.0, 1, np.full((48, 64, 3), 90, np.uint8)))
    assert (masks, shown.image[:20].max()) == (BLIND, 0)
