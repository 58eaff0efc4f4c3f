"""The real media process over its doors, with a camera of its own."""

from __future__ import annotations

import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from robot.door import MAX_PACKET, Door, door_pair
from robot.layout import Setup
from robot.media import door
from tests.robot.masked import LEFT_HALF, keep_masks

ROOT = Path(__file__).resolve().parents[3]
WITHIN_S = 30.0


class Neighbours:
    """What the link and the recorder see."""

    def __init__(self, run_dir: Path) -> None:
        key = keep_masks(run_dir, "r1")
        setup = Setup(robot="r1", name="r1", server="", server_key=key, program="", state_dir=str(run_dir), body="painted")
        (run_dir / "setup.json").write_bytes(msgspec.json.encode(setup))
        pairs = {"link": door_pair(), "recorder": door_pair(), "pilot": door_pair()}
        self.link, self.recorder, self.pilot = (Door(pairs[name][1]) for name in ("link", "recorder", "pilot"))
        ends = [f"--door={name}={ours.fileno()}" for name, (ours, _) in pairs.items()]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.robot.media.painted_process", str(run_dir), *ends],
            cwd=ROOT,
            pass_fds=[ours.fileno() for ours, _ in pairs.values()],
        )
        self.run_dir = run_dir

    def wait(self, wanted: Callable[[Any], bool]) -> Any:
        """The first message like this."""
        until_s = time.monotonic() + WITHIN_S
        while time.monotonic() < until_s:
            select.select([self.link], [], [], 0.5)
            for raw in self.link.packets():
                message = door.decode_from_media(raw)
                if wanted(message):
                    return message
        raise AssertionError("it did not come")


@pytest.fixture
def media(tmp_path: Path) -> Iterator[Neighbours]:
    neighbours = Neighbours(tmp_path)
    yield neighbours
    neighbours.process.kill()
    neighbours.process.wait()


def test_it_says_that_it_is_new_and_then_does_what_it_is_told(media: Neighbours) -> None:
    media.wait(lambda m: isinstance(m, door.Started))
    idle = media.wait(lambda m: isinstance(m, door.Cameras))
    assert [(c.camera, c.live, c.fps) for c in idle.cameras] == [("left", False, 0.0), ("right", False, 0.0)]

    media.link.send(door.Watch(cameras=("right",)))
    first = media.wait(lambda m: isinstance(m, door.Packet))
    assert (first.camera, first.keyframe) == ("right", True)
    live = media.wait(lambda m: isinstance(m, door.Cameras) and m.cameras[1].fps > 5)
    assert [c.live for c in live.cameras] == [False, True]

    media.link.send(door.KeyFrame(camera="right"))
    media.wait(lambda m: isinstance(m, door.Packet) and m.keyframe and m.index > first.index)

    media.link.send(door.Watch(cameras=()))
    media.wait(lambda m: isinstance(m, door.Cameras) and m.cameras[1].fps == 0)


def test_snapshots_and_recording_need_no_encoder(media: Neighbours) -> None:
    from robot.frame_ring import FrameRing

    media.link.send(door.Snapshots(wanted=True))
    media.wait(lambda m: isinstance(m, door.Snapshot) and m.camera == "left")
    media.wait(lambda m: isinstance(m, door.Snapshot) and m.camera == "right")
    media.link.send(door.Snapshots(wanted=False))
    media.recorder.send(door.Record(wanted=True))
    rising = media.wait(lambda m: isinstance(m, door.Cameras) and all(c.fps > 5 for c in m.cameras))
    assert not any(c.live for c in rising.cameras)
    ring = FrameRing.open(media.run_dir / "frames-left")
    frame = ring.newest()
    assert frame is not None
    assert frame.i420.shape == (72, 64)


def test_nonsense_on_a_door_is_survived(media: Neighbours) -> None:
    media.wait(lambda m: isinstance(m, door.Started))
    media.link._end.send(b"nonsense")
    media.link.send(door.Watch(cameras=("left", "no such camera")))
    assert media.wait(lambda m: isinstance(m, door.Packet)).camera == "left"


def test_it_ends_when_told(media: Neighbours) -> None:
    media.wait(lambda m: isinstance(m, door.Started))
    media.link.send(door.Watch(cameras=("left",)))
    media.wait(lambda m: isinstance(m, door.Packet))
    media.process.terminate()
    assert media.process.wait(WITHIN_S) == 0


def test_a_camera_that_fails_unexpectedly_ends_the_process(media: Neighbours) -> None:
    media.wait(lambda m: isinstance(m, door.Started))
    (media.run_dir / "break").touch()
    media.link.send(door.Watch(cameras=("left",)))
    assert media.process.wait(WITHIN_S) == 1


def test_a_picture_too_big_for_the_door_is_dropped_not_cut() -> None:
    ours, theirs = (Door(end) for end in door_pair())
    assert not ours.send(door.Snapshot(camera="left", mono_s=1.0, jpeg=bytes(MAX_PACKET)))
    assert ours.send(door.Snapshot(camera="left", mono_s=1.0, jpeg=bytes(MAX_PACKET - 200)))
    (raw,) = theirs.packets()
    assert len(door.decode_from_media(raw).jpeg) == MAX_PACKET - 200  # type: ignore[union-attr]


def test_a_door_that_nobody_reads_fills_up_and_says_so() -> None:
    ours, _theirs = (Door(end) for end in door_pair())
    packet = door.Snapshot(camera="left", mono_s=1.0, jpeg=bytes(100_000))
    assert not all(ours.send(packet) for _ in range(1000))


def test_masks_that_arrive_while_it_runs_are_in_force_in_the_next_pictures(media: Neighbours) -> None:
    from robot.frame_ring import FrameRing

    media.recorder.send(door.Record(wanted=True))
    media.wait(lambda m: isinstance(m, door.Cameras) and m.cameras[0].fps > 0 and not m.cameras[0].masked)
    keep_masks(media.run_dir, "r1", 7, left=(LEFT_HALF,))
    told = media.wait(lambda m: isinstance(m, door.Cameras) and m.masks == 7)
    assert [camera.masked for camera in told.cameras] == [True, False]
    ring = FrameRing.open(media.run_dir / "frames-left")
    head = ring.head
    media.wait(lambda m: isinstance(m, door.Cameras) and ring.head > head)
    frame = ring.newest()
    assert frame is not None and frame.masks == 7
    assert frame.i420[:48, :32].max() <= 16  # black in limited range


def test_masks_that_cannot_be_read_blind_every_camera_and_say_so(media: Neighbours) -> None:
    media.link.send(door.Snapshots(wanted=True))
    media.wait(lambda m: isinstance(m, door.Cameras) and not m.cameras[0].sentence)
    (media.run_dir / "masks").write_bytes(b"{damaged")
    told = media.wait(lambda m: isinstance(m, door.Cameras) and m.cameras[0].sentence)
    assert all("masks" in camera.sentence and camera.masked for camera in told.cameras)


def test_raw_pictures_flow_until_neither_recorder_nor_pilot_wants_them(media: Neighbours) -> None:
    media.wait(lambda m: isinstance(m, door.Started))
    media.recorder.send(door.Record(wanted=True))
    media.pilot.send(door.Record(wanted=True))
    media.wait(lambda m: isinstance(m, door.Cameras) and m.cameras[0].fps > 5)
    media.recorder.send(door.Record(wanted=False))
    for _ in range(3):
        media.wait(lambda m: isinstance(m, door.Cameras))
    assert media.wait(lambda m: isinstance(m, door.Cameras)).cameras[0].fps > 5
    media.pilot.send(door.Record(wanted=False))
    media.wait(lambda m: isinstance(m, door.Cameras) and m.cameras[0].fps == 0)
